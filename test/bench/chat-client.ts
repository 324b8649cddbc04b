// A chat agent of the benchmarks: keeps a conversation's messages as text, so that its own cost per turn is small.
import { Client } from "undici";
import { ReplyScanner } from "../../src/engine/scan/reply-scanner.js";
import { SGLANG_SITES, SglangSite } from "../../src/engine/sglang/sites.js";

export interface Answer {
	bytes: Buffer;
	/** From before the body was handed over to the last byte of the reply. */
	elapsedMs: number;
}

/** POSTs bytes, one request at a time; throws on any status but the one of success. */
export class Post {
	readonly #client: Client;

	/** @param socketPath null: TCP to `origin` */
	constructor(origin: string, socketPath: string | null) {
		this.#client = new Client(origin, { ...(socketPath === null ? {} : { socketPath }), bodyTimeout: 0 });
	}

	async send(path: string, body: Buffer, headers: Record<string, string> = {}): Promise<Answer> {
		const startedMs = performance.now();
		const reply = await this.#client.request({
			method: "POST",
			path,
			headers: { "content-type": "application/json", ...headers },
			body,
		});
		const bytes = Buffer.from(await reply.body.arrayBuffer());
		const elapsedMs = performance.now() - startedMs;
		if (reply.statusCode !== 200)
			throw new Error(`${path} answered ${reply.statusCode}: ${bytes.toString()}`);
		return { bytes, elapsedMs };
	}

	async remove(path: string): Promise<void> {
		const reply = await this.#client.request({ method: "DELETE", path });
		await reply.body.dump();
		if (reply.statusCode !== 204) throw new Error(`DELETE ${path} answered ${reply.statusCode}`);
	}

	close(): Promise<void> {
		return this.#client.destroy();
	}
}

/** One conversation's messages, as the text between the brackets. */
export class Conversation {
	#messages = "";

	user(content: string): void {
		this.#add(JSON.stringify({ role: "user", content }));
	}

	/** Takes the assistant's message from a reply as it stands there. */
	assistant(reply: Buffer): void {
		// Not one JSON.parse of it all: that would be the dearest part of a turn with replay payloads.
		const scanner = new ReplyScanner({ sites: SGLANG_SITES });
		scanner.push(reply);
		const { rest, ranges } = scanner.end();
		const messageRange = ranges.get(SglangSite.MESSAGE);
		const message = rest.toString("utf8", messageRange?.start, messageRange?.end);
		const { role, content, tool_calls, reasoning_content } = JSON.parse(message) as Record<string, unknown>;
		this.#add(JSON.stringify({ role, content, tool_calls, reasoning_content }));
	}

	/** The body of a request, with further members (JSON text, a leading comma) behind the messages. */
	body(rest = ""): Buffer {
		return Buffer.from(`{"messages":[${this.#messages}]${rest}}`);
	}

	#add(message: string): void {
		this.#messages += this.#messages === "" ? message : `,${message}`;
	}
}

const WORDS = ["alpha", "river", "stone", "light", "seven", "table", "garden", "window", "number", "letter"];

/** About `count` words that no two calls share in order. */
export function words(count: number, seed: number): string {
	const parts: string[] = [];
	for (let at = 0; at < count; at++)
		parts.push(WORDS[(at * 7 + seed * 3 + ((at * seed) >> 3)) % WORDS.length] ?? "");
	return parts.join(" ");
}
