// A chat agent of the benchmarks: keeps a conversation's messages as bytes, so that its own cost per turn is small.
import { Client } from "undici";

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

/** One conversation's messages, as the bytes between the brackets. */
export class Conversation {
	#bytes = Buffer.allocUnsafeSlow(64 * 1024);
	#length = 0;

	user(content: string): void {
		this.#add(Buffer.from(JSON.stringify({ role: "user", content })));
	}

	/** Takes the assistant's message from a reply as it stands there. */
	assistant(reply: Buffer): void {
		this.#add(messageIn(reply));
	}

	/** The body of a request, with further members (JSON text, a leading comma) behind the messages. */
	body(rest = ""): Buffer {
		return Buffer.concat([HEAD, this.#bytes.subarray(0, this.#length), Buffer.from(`]${rest}}`)]);
	}

	#add(message: Buffer): void {
		const needed = this.#length + message.length + 1;
		if (needed > this.#bytes.length) {
			const larger = Buffer.allocUnsafeSlow(needed * 2);
			this.#bytes.copy(larger, 0, 0, this.#length);
			this.#bytes = larger;
		}
		if (this.#length > 0) this.#bytes[this.#length++] = COMMA;
		this.#length += message.copy(this.#bytes, this.#length);
	}
}

const HEAD = Buffer.from('{"messages":[');
const MESSAGE = Buffer.from('"message":');
const COMMA = 0x2c;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN = 0x7b;
const CLOSE = 0x7d;

/** Only its bytes are looked at: parsing the whole reply would be the dearest part of a turn. */
function messageIn(reply: Buffer): Buffer {
	const start = reply.indexOf(OPEN, reply.indexOf(MESSAGE) + MESSAGE.length);
	let depth = 0;
	let inString = false;
	for (let at = start; at < reply.length; at++) {
		const byte = reply[at];
		if (byte === QUOTE) inString = !inString;
		else if (inString) at += byte === BACKSLASH ? 1 : 0;
		else if (byte === OPEN) depth++;
		else if (byte === CLOSE && --depth === 0) return reply.subarray(start, at + 1);
	}
	throw new Error("a reply without a message");
}

const WORDS = ["alpha", "river", "stone", "light", "seven", "table", "garden", "window", "number", "letter"];

/** About `count` words that no two calls share in order. */
export function words(count: number, seed: number): string {
	const parts: string[] = [];
	for (let at = 0; at < count; at++)
		parts.push(WORDS[(at * 7 + seed * 3 + ((at * seed) >> 3)) % WORDS.length] ?? "");
	return parts.join(" ");
}
