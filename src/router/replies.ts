// The router's own replies: how they are written, errors above all. Every one carries the request id and its exact length.
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { errorBodyFor } from "../base/error-shapes.js";
import { type ErrorCode, errorBody, errorHeaders, type RollpinError } from "../base/errors.js";

/** How long the rest of a body is read and dropped after an early refusal: closing at once would reset the reply away. */
const LINGER_MS = 1_000;
/** A body up to here is read to its end instead, and the connection lives on. */
const CHEAP_BODY_BYTES = 256 * 1024;

/** What is said to bytes that are no request, or only half of one. */
export const NO_HTTP = "what was sent is not valid HTTP/1.1";

const refused = new WeakSet<ServerResponse>();
const codes = new WeakMap<ServerResponse, ErrorCode>();

export function sendJson(
	res: ServerResponse,
	status: number,
	body: string,
	requestId: string,
	extra: readonly string[] = [],
): void {
	sendText(res, status, "application/json", body, requestId, extra);
}

export function sendText(
	res: ServerResponse,
	status: number,
	contentType: string,
	body: string,
	requestId: string,
	extra: readonly string[] = [],
): void {
	res.writeHead(status, bodyHeaders(contentType, body, requestId, extra));
	res.end(res.req.method === "HEAD" ? undefined : body);
}

/**
 * Answers a request that goes no further.
 * @param closes close the connection whatever is left of the body
 */
export function refuse(
	req: IncomingMessage,
	res: ServerResponse,
	error: RollpinError,
	requestId: string,
	closes = false,
): void {
	const body = errorBodyFor(req.url ?? "")(error);
	const extra = errorHeaders(error);
	codes.set(res, error.code);
	if (!closes && (req.complete || hasCheapBody(req))) {
		sendJson(res, error.status, body, requestId, extra);
		return;
	}
	refused.add(res);
	res.writeHead(error.status, [...jsonHeaders(body, requestId, extra), "connection", "close"]);
	if (req.complete || req.method === "HEAD") {
		res.end(req.method === "HEAD" ? undefined : body);
		return;
	}
	res.write(body);
	const timer = setTimeout(() => res.end(), LINGER_MS);
	const over = (): void => {
		clearTimeout(timer);
		res.end();
	};
	req.once("end", over);
	req.once("close", over);
	req.resume();
}

/** The code that `refuse` answered with, or undefined. */
export function refusalCode(res: ServerResponse): ErrorCode | undefined {
	return codes.get(res);
}

/** True when `refuse` wrote this reply whole and only lingers for the client's sake. */
export function isRefused(res: ServerResponse): boolean {
	return refused.has(res);
}

/** Answers on a connection whose bytes were no request, and closes it. */
export function refuseRaw(socket: Socket, error: RollpinError, requestId: string): void {
	if (!socket.writable) return void socket.destroy();
	const body = errorBody(error);
	const headers = [...jsonHeaders(body, requestId, errorHeaders(error)), "connection", "close"];
	let head = `HTTP/1.1 ${error.status} ${error.code}\r\ndate: ${new Date().toUTCString()}\r\n`;
	for (let index = 0; index < headers.length; index += 2)
		head += `${headers[index]}: ${headers[index + 1]}\r\n`;
	socket.end(`${head}\r\n${body}`);
	socket.resume();
	const timer = setTimeout(() => socket.destroy(), LINGER_MS);
	socket.once("close", () => clearTimeout(timer));
}

function hasCheapBody(req: IncomingMessage): boolean {
	if (req.headers["transfer-encoding"] !== undefined) return false;
	return Number(req.headers["content-length"] ?? 0) <= CHEAP_BODY_BYTES;
}

function jsonHeaders(body: string, requestId: string, extra: readonly string[]): string[] {
	return bodyHeaders("application/json", body, requestId, extra);
}

function bodyHeaders(
	contentType: string,
	body: string,
	requestId: string,
	extra: readonly string[],
): string[] {
	return [
		"content-type",
		contentType,
		"content-length",
		String(Buffer.byteLength(body)),
		"x-request-id",
		requestId,
		...extra,
	];
}
