// Writes a worker's reply to the client as it comes, a small one in one write. Reads none of it.
import type { ServerResponse } from "node:http";
import type { ReplyHead } from "./reply-parser.js";

/** Up to this size, copying the body into one string with the head (one write) is cheaper than writing two buffers. */
const SMALL_BYTES = 16 * 1024;

export class ReplyWriter {
	readonly #res: ServerResponse;
	/** The reply says its length, so that its body is written as it is. */
	#hasLength = false;
	/** The head has left, by itself or with the first bytes of the body. */
	#headLeft = false;
	/** First bytes of the body, kept back so that a small reply leaves in one write. */
	#first: Buffer | null = null;
	/** There is a head: no other reply can be given any more. */
	begun = false;

	constructor(res: ServerResponse) {
		this.#res = res;
	}

	head(head: ReplyHead, requestId: string): void {
		const { headers } = head;
		if (!head.hasRequestId) headers.push("x-request-id", requestId);
		this.#res.sendDate = !head.hasDate;
		this.begun = true;
		this.#hasLength = head.length !== null;
		const known = this.#res.req.httpVersion === "1.0" ? unchunked(headers) : headers;
		this.#res.writeHead(head.status, head.reason, known);
	}

	/** @returns false: the client does not keep up; hold the worker back until `drain` */
	body(bytes: Buffer): boolean {
		if (!this.#headLeft && this.#first === null) {
			this.#first = bytes;
			return true;
		}
		const flowing = this.#flush();
		return this.#write(bytes) && flowing;
	}

	/** What has come so far leaves now: more may be long in coming. @returns as `body` */
	pause(): boolean {
		if (!this.begun) return true;
		const flowing = this.#flush();
		if (!this.#headLeft) {
			this.#headLeft = true;
			this.#res.flushHeaders();
		}
		return flowing;
	}

	end(): void {
		const first = this.#first;
		if (first === null) this.#res.end();
		else if (first.length <= SMALL_BYTES && this.#hasLength) this.#endInOneWrite(first);
		else this.#res.end(first);
	}

	/** Head and body as one string. `end(body)` would add an empty second write, and two are gathered at a cost. */
	#endInOneWrite(body: Buffer): void {
		const { socket } = this.#res;
		socket?.cork();
		this.#res.write(body.toString("latin1"), "latin1");
		socket?.uncork();
		this.#res.end();
	}

	#flush(): boolean {
		const first = this.#first;
		this.#first = null;
		return first === null || this.#write(first);
	}

	#write(bytes: Buffer): boolean {
		this.#headLeft = true;
		return this.#res.write(bytes);
	}
}

/** HTTP/1.0 knows no chunks: the closing connection ends the body. */
function unchunked(headers: readonly string[]): string[] {
	return headers.filter((_, index) => headers[index - (index % 2)]?.toLowerCase() !== "transfer-encoding");
}
