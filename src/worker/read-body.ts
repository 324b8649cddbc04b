// Reads a request body whole, within bounds. Knows nothing of its meaning.
import type { IncomingMessage } from "node:http";
import { RollpinError } from "../base/errors.js";
import { foreground } from "../base/pace.js";
import { ClientGone } from "./client-gone.js";

const JSON_TYPE = /^\s*application\/([\w.-]+\+)?json\s*(;\s*charset="?utf-?8"?\s*)?$/i;

/**
 * @param hold called with the size of each piece before it is kept; may throw
 * @throws RollpinError `body_too_large` over `maxBytes`, `unsupported_media_type` for a content-encoding;
 * ClientGone when the client went away before the end
 */
export function readBody(
	request: IncomingMessage,
	maxBytes: number,
	hold: (bytes: number) => void,
): Promise<Buffer> {
	// It closed while its session was looked up: nothing would be heard of it any more.
	if (request.destroyed) throw new ClientGone();
	const encoding = request.headers["content-encoding"];
	if (encoding !== undefined && encoding !== "identity") {
		throw new RollpinError(
			"unsupported_media_type",
			`content-encoding ${encoding} is not accepted; send the body as it is`,
		);
	}
	const tooLarge = (length: number | string) =>
		new RollpinError(
			"body_too_large",
			`the body has ${length} bytes or more, over the limit of ${maxBytes}; shorten it or raise --max-body-mib`,
		);
	const declared = request.headers["content-length"];
	if (declared !== undefined && Number(declared) > maxBytes) throw tooLarge(declared);
	return new Promise((resolve, reject) => {
		const chunks: Buffer[] = [];
		let length = 0;
		let ended = false;
		const fail = (error: unknown) => {
			request.off("data", onData);
			// What still comes is dropped, so that the connection can be used again.
			request.resume();
			reject(error);
		};
		const onData = (chunk: Buffer) => {
			length += chunk.length;
			if (length > maxBytes) {
				fail(tooLarge(length));
				return;
			}
			try {
				hold(chunk.length);
			} catch (error) {
				fail(error);
				return;
			}
			chunks.push(chunk);
		};
		request.on("data", onData);
		request.on("end", () => {
			ended = true;
			resolve(joined(chunks, length));
		});
		// "close" comes after every request, and an error with its stack is dear.
		const onGone = () => {
			if (!ended) reject(new ClientGone());
		};
		request.on("error", onGone);
		request.on("close", onGone);
	});
}

/** Copied at once; a hundred MiB take a tenth of a second, most of it for the pages that the kernel clears. */
const COPY_BYTES = 4 * 1024 * 1024;

async function joined(chunks: readonly Buffer[], length: number): Promise<Buffer> {
	if (chunks.length === 1) return chunks[0] as Buffer;
	const body = Buffer.allocUnsafe(length);
	let copied = 0;
	let restAt = COPY_BYTES;
	for (const chunk of chunks) {
		chunk.copy(body, copied);
		copied += chunk.length;
		if (copied < restAt || copied === length) continue;
		restAt = copied + COPY_BYTES;
		await foreground.breathe();
	}
	return body;
}

/**
 * Refuses a body that says it is something else than JSON. One that says nothing counts as JSON.
 * @throws RollpinError `unsupported_media_type`
 */
export function requireJson(request: IncomingMessage, body: Buffer): void {
	const type = request.headers["content-type"];
	if (type === undefined || body.length === 0 || JSON_TYPE.test(type)) return;
	throw new RollpinError(
		"unsupported_media_type",
		`content-type ${type} is not accepted; send content-type: application/json`,
	);
}
