// Puts answers on the socket: in order with backpressure, or broken on purpose in one of the named ways.
import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Segment } from "./chat-reply.js";
import { bodyLength } from "./chat-reply.js";
import type { FaultKind } from "./script.js";

export interface Answer {
	status: number;
	headers: ReadonlyArray<readonly [string, string]>;
	segments: readonly Segment[];
}

/** The bytes of a body in order, up to `limit` of them. */
export function* pieces(segments: readonly Segment[], limit = Number.POSITIVE_INFINITY): Generator<Buffer> {
	let left = limit;
	for (const segment of segments) {
		for (const chunk of Buffer.isBuffer(segment) ? [segment] : segment.chunks()) {
			if (left <= 0) return;
			const piece = chunk.length > left ? chunk.subarray(0, left) : chunk;
			left -= piece.length;
			yield piece;
		}
	}
}

/** Writes and waits for room; false when the peer is gone. */
async function writeAll(target: ServerResponse | Socket, body: Iterable<Buffer>): Promise<boolean> {
	for (const piece of body) {
		if (target.destroyed) return false;
		if (target.write(piece)) continue;
		await new Promise<void>((resolve) => {
			const go = (): void => {
				target.off("drain", go);
				target.off("close", go);
				resolve();
			};
			target.on("drain", go);
			target.on("close", go);
		});
	}
	return !target.destroyed;
}

/** Headers as name and value in turn; content-type json and the length are added unless given (a wrong one stays). */
function headerList(answer: Answer, length: number | null): string[] {
	const list: string[] = [];
	const given = new Set<string>();
	for (const [name, value] of answer.headers) {
		given.add(name.toLowerCase());
		list.push(name, value);
	}
	if (!given.has("content-type")) list.push("content-type", "application/json");
	const framed = given.has("content-length") || given.has("transfer-encoding");
	if (length !== null && !framed) list.push("content-length", String(length));
	return list;
}

/**
 * Sends a whole answer. With `hold`, sends headers and half of the body, then waits for it.
 * @returns true when every byte was handed to the socket
 */
export async function sendAnswer(
	response: ServerResponse,
	answer: Answer,
	hold?: () => Promise<void>,
): Promise<boolean> {
	const length = bodyLength(answer.segments);
	response.writeHead(answer.status, headerList(answer, length));
	const only = answer.segments[0];
	if (!hold && answer.segments.length === 1 && Buffer.isBuffer(only)) {
		response.end(only);
		return true;
	}
	if (!hold) {
		const done = await writeAll(response, pieces(answer.segments));
		if (done) response.end();
		return done;
	}
	const all = Buffer.concat([...pieces(answer.segments)]);
	const half = all.length >> 1;
	response.write(all.subarray(0, half));
	await hold();
	if (response.destroyed) return false;
	response.end(all.subarray(half));
	return true;
}

function headText(answer: Answer, extra: readonly string[], length: number | null): string {
	const list = headerList(answer, length);
	const lines = [`HTTP/1.1 ${answer.status} Scripted`];
	for (let at = 0; at + 1 < list.length; at += 2) lines.push(`${list[at]}: ${list[at + 1]}`);
	return `${[...lines, ...extra].join("\r\n")}\r\n\r\n`;
}

const RESET_AFTER_MS = 20;

/** Breaks an answer as its script says. `afterBytes` of the body are sent first where the fault has a body (default half); then `hold`. */
export async function sendFault(
	response: ServerResponse,
	kind: Exclude<FaultKind, "silence">,
	answer: Answer,
	afterBytes: number | undefined,
	hold: () => Promise<void>,
): Promise<void> {
	const socket = response.socket;
	if (!socket || socket.destroyed) return;
	const length = bodyLength(answer.segments);
	const part = pieces(answer.segments, Math.min(afterBytes ?? length >> 1, length));
	switch (kind) {
		case "reset-before":
			socket.resetAndDestroy();
			return;
		case "reset-inside":
			socket.write(headText(answer, [], length));
			await writeAll(socket, part);
			await hold();
			// A reset that arrives with the last bytes reads as a clean end in libuv: let the peer read them first.
			await new Promise((resolve) => setTimeout(resolve, RESET_AFTER_MS));
			socket.resetAndDestroy();
			return;
		case "truncate-length":
			socket.write(headText(answer, [], length));
			break;
		case "truncate-close":
			socket.write(headText(answer, ["connection: close"], null));
			break;
		case "truncate-chunked":
			socket.write(headText(answer, ["transfer-encoding: chunked"], null));
			for (const piece of part) {
				await writeAll(socket, [Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from("\r\n")]);
			}
			break;
		case "garbage":
			socket.end(Buffer.from("\x16\x03\x01 this is not HTTP \xff\xfe\r\n\r\n", "latin1"));
			return;
	}
	await writeAll(socket, part);
	await hold();
	socket.end();
}

/** Everything on the socket as given, then a close. */
export function sendRaw(response: ServerResponse, bytes: Buffer): void {
	response.socket?.end(bytes);
}
