// Comment lines on a streamed reply that is long in coming. From the first one on the status is 200: a failure behind it
// can only be told inside the stream.
import type { ServerResponse } from "node:http";
import { errorBody, type RollpinError } from "../../base/errors.js";
import { refusalEvent } from "./refusal-event.js";
import { SSE_HEADERS } from "./sse.js";

const COMMENT = ": waiting\n\n";

export class SseKeepalive {
	readonly #response: ServerResponse;
	readonly #timer: NodeJS.Timeout;

	/** Writes a comment line every `intervalMs`, the first one with the headers. */
	constructor(response: ServerResponse, intervalMs: number) {
		this.#response = response;
		this.#timer = setInterval(() => {
			if (response.destroyed) return;
			if (!response.headersSent) {
				response.statusCode = 200;
				for (const [name, value] of SSE_HEADERS) response.setHeader(name, value);
			}
			// A client that does not read needs no signs of life.
			if (!response.writableNeedDrain) response.write(COMMENT);
		}, intervalMs);
	}

	/** True once the headers are out. */
	get begun(): boolean {
		return this.#response.headersSent;
	}

	/** No more comments; the reply itself comes now. */
	stop(): void {
		clearInterval(this.#timer);
	}

	/** Ends the stream with an error event, as OpenAI's clients understand it, and without `[DONE]`. */
	fail(error: RollpinError): void {
		this.#response.end(`data: ${errorBody(error)}\n\n`);
	}

	/** As `fail`, with what the engine itself answered. */
	refuse(status: number, body: Buffer): void {
		this.#response.end(refusalEvent(status, body));
	}
}
