// Signs of life on a stream whose reply takes long. From the first one on the status is 200: a later failure can only be
// reported inside the stream.
import type { ServerResponse } from "node:http";
import type { RollpinError } from "../base/errors.js";
import type { StreamForm, WireRefusal } from "./front-end.js";

export class StreamKeepalive {
	readonly #response: ServerResponse;
	readonly #form: StreamForm;
	readonly #timer: NodeJS.Timeout;

	/** Writes a sign of life every `intervalMs`, the first one with the headers. */
	constructor(response: ServerResponse, intervalMs: number, form: StreamForm) {
		this.#response = response;
		this.#form = form;
		this.#timer = setInterval(() => {
			if (response.destroyed) return;
			if (!response.headersSent) {
				response.statusCode = 200;
				for (const [name, value] of form.headers) response.setHeader(name, value);
			}
			// A client that does not read needs no signs of life.
			if (!response.writableNeedDrain) response.write(form.keepalive);
		}, intervalMs);
	}

	/** True once the headers are out. */
	get begun(): boolean {
		return this.#response.headersSent;
	}

	/** No more signs; the reply itself comes now. */
	stop(): void {
		clearInterval(this.#timer);
	}

	/** Ends the stream with our own error. */
	fail(error: RollpinError): void {
		this.#response.end(this.#form.errorEvent(error));
	}

	/** Ends the stream with what the engine answered. */
	refuse(refusal: WireRefusal): void {
		this.#response.end(this.#form.refusalEvent(refusal));
	}
}
