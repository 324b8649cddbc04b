// Speaks to a server byte by byte, for requests that no HTTP library would send.
import { connect } from "node:net";
import { within } from "./wait.js";

export interface RawReply {
	/** Everything that came back, as latin1 text. */
	text: string;
	/** Status of the first reply; 0 when there was none. */
	status: number;
	body: string;
	/** The server closed the connection by itself. */
	closed: boolean;
}

/**
 * Sends `bytes` and reads until one whole reply is there (by its content-length) and then, for `closeMs`, whether
 * the server closes.
 */
export async function rawRequest(port: number, bytes: string | Buffer, closeMs = 1_500): Promise<RawReply> {
	const socket = connect({ port, host: "127.0.0.1" });
	let text = "";
	let closed = false;
	const complete = new Promise<void>((resolve) => {
		socket.on("data", (piece) => {
			text += piece.toString("latin1");
			if (isWhole(text)) resolve();
		});
		socket.on("error", () => resolve());
		socket.on("close", () => {
			closed = true;
			resolve();
		});
	});
	socket.write(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes);
	await within("a reply to raw bytes", 20_000, complete);
	if (/^connection: close/im.test(text) && !closed) {
		await within(
			"the server to close",
			closeMs,
			new Promise<void>((resolve) => socket.once("close", () => resolve())),
		).catch(() => undefined);
	}
	socket.destroy();
	const bodyAt = text.indexOf("\r\n\r\n");
	return {
		text,
		status: Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 0),
		body: bodyAt < 0 ? "" : text.slice(bodyAt + 4),
		closed,
	};
}

function isWhole(text: string): boolean {
	const head = text.indexOf("\r\n\r\n");
	if (head < 0) return false;
	const length = /^content-length: (\d+)/im.exec(text.slice(0, head))?.[1];
	return length !== undefined && text.length >= head + 4 + Number(length);
}
