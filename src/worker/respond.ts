// Writes answers and maps errors to them. Anything that is not a RollpinError is a 500 without detail, and is logged.
import type { IncomingMessage, ServerResponse } from "node:http";
import { errorBody, errorHeaders, RollpinError } from "../base/errors.js";
import { JsonSyntaxError } from "../json/parse.js";
import { ClientGone } from "./client-gone.js";
import type { WorkerContext } from "./context.js";

/** The request's id; the router makes sure that every request has a sane one. */
export function requestIdOf(request: IncomingMessage): string {
	const id = request.headers["x-request-id"];
	return typeof id === "string" ? id : "";
}

export function sendJson(response: ServerResponse, status: number, body: string | Buffer): void {
	response.statusCode = status;
	response.setHeader("content-type", "application/json");
	response.setHeader("content-length", Buffer.byteLength(body));
	response.end(body);
}

/** The error a client may see for anything that was thrown. */
function toRollpinError(error: unknown): RollpinError {
	if (error instanceof RollpinError) return error;
	if (error instanceof JsonSyntaxError) {
		return new RollpinError("invalid_json", `invalid JSON body: ${error.message}`, { cause: error });
	}
	return new RollpinError("internal", "internal error; the log has it under this request's x-request-id", {
		cause: error,
	});
}

/**
 * Answers with the error, or cuts the connection when an answer is under way already.
 * @param encode of the wire that the client speaks; OpenAI's shape where it speaks none
 * @param inStream takes the error instead when the reply is an event stream that has only had comments so far
 */
export function sendError(
	request: IncomingMessage,
	response: ServerResponse,
	error: unknown,
	{ logger, metrics }: Pick<WorkerContext, "logger" | "metrics">,
	inStream: { fail(error: RollpinError): void } | null = null,
	encode: (error: RollpinError) => string = errorBody,
): RollpinError {
	const shown = toRollpinError(error);
	if (!(error instanceof ClientGone)) metrics.refused_total.at(shown.code).value++;
	const isLogged = shown.code === "internal" || shown.code === "store_unavailable";
	if (isLogged && !(error instanceof ClientGone)) {
		logger.event("request_error", {
			x_request_id: requestIdOf(request),
			method: request.method ?? "",
			path: pathOnly(request.url ?? ""),
			err: error,
		});
	}
	if (inStream !== null && !response.destroyed) {
		inStream.fail(shown);
		return shown;
	}
	if (response.headersSent || response.destroyed) {
		// Half an answer must never look like a whole one.
		response.destroy();
		return shown;
	}
	const headers = errorHeaders(shown);
	for (let at = 0; at < headers.length; at += 2)
		response.setHeader(headers[at] as string, headers[at + 1] as string);
	// The connection stays open also when a body was refused that still comes: closing would fail the router's writes before it
	// has read this answer. Node drops the rest; the router bounds it, and uses the connection for nothing else.
	sendJson(response, shown.status, encode(shown));
	return shown;
}

function pathOnly(url: string): string {
	const query = url.indexOf("?");
	return query === -1 ? url : url.slice(0, query);
}

/** An answer of up to this many bytes is left to the system as one: node takes 16 KiB for a full pipe, and would wait a loop for it. */
const UNPACED_BYTES = 64 * 1024;

/** Writes pieces with backpressure; resolves at the end, rejects with ClientGone when the client leaves. */
export async function sendPieces(response: ServerResponse, pieces: readonly Buffer[]): Promise<void> {
	const last = pieces.length - 1;
	let written = 0;
	for (let at = 0; at < last; at++) {
		const piece = pieces[at] as Buffer;
		if (response.destroyed) throw new ClientGone();
		written += piece.length;
		if (piece.length > 0 && !response.write(piece) && written > UNPACED_BYTES) await drained(response);
	}
	if (response.destroyed) throw new ClientGone();
	// With the end: a write of its own less.
	response.end(pieces[last]);
}

/** So much of an answer is held back: damage that is met before that is an answer of its own, not one that breaks off. */
const HELD_BYTES = 64 * 1024;

/**
 * As `sendPieces`, and no piece is used any more once the next but one is asked for: its maker may then fill its buffer
 * anew.
 */
export async function sendWritten(response: ServerResponse, pieces: AsyncIterable<Buffer>): Promise<void> {
	const held: Buffer[] = [];
	try {
		await writeAll(response, pieces, held);
	} catch (error) {
		const isDamage = error instanceof RollpinError && error.code === "store_damaged";
		// Overtaken by a commit or a DELETE on the way, it breaks off, as it does later on.
		if (held.length > 0 && !isDamage && !response.destroyed) response.flushHeaders();
		throw error;
	}
}

/** @param held pieces that are not written yet; empty again as soon as one is */
async function writeAll(
	response: ServerResponse,
	pieces: AsyncIterable<Buffer>,
	held: Buffer[],
): Promise<void> {
	let last: Promise<void> = Promise.resolve();
	let heldBytes = 0;
	for await (const piece of pieces) {
		if (response.destroyed) throw new ClientGone();
		if (piece.length === 0) continue;
		heldBytes += piece.length;
		if (heldBytes <= HELD_BYTES) {
			// Its memory is its maker's.
			held.push(Buffer.from(piece));
			continue;
		}
		for (const earlier of held.splice(0)) response.write(earlier);
		const before = last;
		last = written(response, piece);
		// Awaited with the next piece; until then nobody else hears of a failure.
		last.catch(() => undefined);
		await before;
	}
	await last;
	if (response.destroyed) throw new ClientGone();
	for (const piece of held) response.write(piece);
	response.end();
}

/** Resolves when the system has taken the bytes over. */
function written(response: ServerResponse, piece: Buffer): Promise<void> {
	return new Promise((resolve, reject) => {
		const onClose = (): void => reject(new ClientGone());
		response.once("close", onClose);
		response.write(piece, (error) => {
			response.off("close", onClose);
			if (error) reject(new ClientGone());
			else resolve();
		});
	});
}

function drained(response: ServerResponse): Promise<void> {
	return new Promise((resolve, reject) => {
		const settle = (act: () => void) => {
			response.off("drain", onDrain);
			response.off("close", onClose);
			act();
		};
		const onDrain = () => settle(resolve);
		const onClose = () => settle(() => reject(new ClientGone()));
		response.on("drain", onDrain);
		response.on("close", onClose);
		if (response.destroyed) onClose();
	});
}
