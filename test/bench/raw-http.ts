// The least of HTTP/1.1 that the cheap servers of the benchmarks need: requests with a content-length, one after the other.
import type { Socket } from "node:net";

export interface HttpRequest {
	method: string;
	path: string;
	/** Request line and headers as they came. */
	head: string;
	body: Buffer;
}

const HEAD_END = Buffer.from("\r\n\r\n");

/** Takes a connection's bytes; calls back for every whole request. */
export class RequestReader {
	readonly #onRequest: (request: HttpRequest) => void;
	#head: string | null = null;
	#start = Buffer.alloc(0);
	#body = Buffer.alloc(0);
	#filled = 0;

	constructor(onRequest: (request: HttpRequest) => void) {
		this.#onRequest = onRequest;
	}

	/** @throws Error on a body without a length */
	push(chunk: Buffer): void {
		let rest: Buffer = chunk;
		while (rest.length > 0) {
			if (this.#head === null) {
				const bytes: Buffer = this.#start.length === 0 ? rest : Buffer.concat([this.#start, rest]);
				const end = bytes.indexOf(HEAD_END);
				if (end === -1) {
					this.#start = Buffer.from(bytes);
					return;
				}
				this.#begin(bytes.toString("latin1", 0, end));
				rest = bytes.subarray(end + HEAD_END.length);
			}
			const taken = rest.copy(this.#body, this.#filled);
			this.#filled += taken;
			rest = rest.subarray(taken);
			if (this.#filled === this.#body.length) this.#end();
		}
	}

	#begin(head: string): void {
		if (/\r\ntransfer-encoding:/i.test(head)) throw new Error("a body without a content-length");
		this.#head = head;
		this.#start = Buffer.alloc(0);
		this.#body = Buffer.allocUnsafeSlow(Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0));
		this.#filled = 0;
	}

	#end(): void {
		const head = this.#head ?? "";
		const [method = "", path = ""] = head.slice(0, head.indexOf("\r\n")).split(" ");
		this.#head = null;
		this.#onRequest({ method, path, head, body: this.#body });
	}
}

/** Asks another server and writes its answer. */
export async function forward(
	origin: string,
	{ body, method, path }: HttpRequest,
	to: Socket,
): Promise<void> {
	const init =
		body.length === 0 ? { method } : { method, body, headers: { "content-type": "application/json" } };
	const response = await fetch(`${origin}${path}`, init);
	const bytes = Buffer.from(await response.arrayBuffer());
	const type = response.headers.get("content-type") ?? "application/json";
	to.write(
		`HTTP/1.1 ${response.status} x\r\ncontent-type: ${type}\r\ncontent-length: ${bytes.length}\r\n\r\n`,
	);
	to.write(bytes);
}
