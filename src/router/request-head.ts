// Judges the raw header list of a request and writes the head that goes to the worker. Pure; keeps order and spelling.
import type { ErrorCode } from "../base/errors.js";
import { connectionOptions, HOP_BY_HOP } from "../base/http-headers.js";
import { randomHex } from "../base/random-hex.js";
import type { BrowserHead } from "./browser-guard.js";

export type BodyFraming = "none" | "length" | "chunked";

export interface RequestHead extends BrowserHead {
	/** Values of every `authorization` header, and of OpenSandbox's own header for the token as if they were. */
	authorizations: string[];
	/** The client's `x-request-id` if it is sane, else a fresh one: 32 hex digits. */
	requestId: string;
	framing: BodyFraming;
	/** Declared length; 0 unless framing is `length`. */
	contentLength: number;
	contentEncoding: string | null;
	/** `name: value\r\n` of every header that travels on to the worker. */
	forwarded: string;
	/** Asks for more than a reply to a body of one length: another coding, another protocol, an interim reply, the end of its connection. */
	special: boolean;
	fault: { code: ErrorCode; message: string } | null;
}

/** Bytes of all header lines together, and how many there may be. */
export const MAX_HEADER_BYTES = 16 * 1024;
const MAX_HEADERS = 100;

const SANE_REQUEST_ID = /^[A-Za-z0-9._-]{1,128}$/;
const PLAIN_LENGTH = /^\d{1,15}$/;
/** What the router writes itself, what it has answered (`expect`), and a token that is nobody's after it. */
const REWRITTEN: ReadonlySet<string> = new Set([
	"content-length",
	"expect",
	"open-sandbox-api-key",
	"x-request-id",
]);
/** Dropping these because `connection` names them would change what the request says to the worker. */
const NEVER_DROPPED: ReadonlySet<string> = new Set(["authorization", "content-type", "host"]);
/** Ours, between router and worker only: a client's are dropped. */
const INTERNAL_PREFIX = "x-rollpin-";

/**
 * @param raw names and values in turn, as node:http gives them
 * @param httpVersion "1.0" or "1.1"
 */
export function readRequestHead(raw: readonly string[], httpVersion: string): RequestHead {
	const head: RequestHead = {
		authorizations: [],
		requestId: "",
		framing: "none",
		contentLength: 0,
		contentEncoding: null,
		forwarded: "",
		host: null,
		origin: null,
		fetchSite: null,
		contentType: null,
		hasBody: false,
		special: false,
		fault: null,
	};
	let bytes = 0;
	let hosts = 0;
	const requestIds: string[] = [];
	const dropped = connectionOptions(raw);
	for (let index = 0; index + 1 < raw.length; index += 2) {
		const name = raw[index] as string;
		const value = raw[index + 1] as string;
		bytes += name.length + value.length + 4;
		const key = name.toLowerCase();
		switch (key) {
			case "host":
				hosts += 1;
				head.host = value;
				break;
			case "origin":
				// Two are none that could be the page's own.
				head.origin = head.origin === null ? value : "";
				break;
			case "sec-fetch-site":
				head.fetchSite = value.toLowerCase();
				break;
			case "content-type":
				head.contentType = value;
				break;
			case "authorization":
				head.authorizations.push(value);
				break;
			case "open-sandbox-api-key":
				head.authorizations.push(`Bearer ${value}`);
				break;
			case "x-request-id":
				requestIds.push(value);
				break;
			case "content-length":
				head.special ||= head.framing !== "none" || !PLAIN_LENGTH.test(value);
				head.framing = "length";
				head.contentLength = Number(value);
				break;
			case "transfer-encoding":
				if (httpVersion === "1.0" || value.toLowerCase() !== "chunked" || head.framing === "chunked") {
					head.fault ??= invalid("transfer-encoding must be exactly `chunked`, once, on HTTP/1.1");
				}
				head.framing = "chunked";
				head.special = true;
				break;
			case "connection":
				head.special ||= value.toLowerCase() !== "keep-alive";
				break;
			case "expect":
			case "trailer":
			case "upgrade":
				head.special = true;
				break;
			case "content-encoding":
				head.contentEncoding = value;
				break;
		}
		if (HOP_BY_HOP.has(key) || REWRITTEN.has(key) || key.startsWith(INTERNAL_PREFIX)) continue;
		if (dropped?.has(key) === true && !NEVER_DROPPED.has(key)) continue;
		head.forwarded += `${name}: ${value}\r\n`;
	}
	head.hasBody = head.framing === "chunked" || head.contentLength !== 0;
	const [requestId] = requestIds;
	const sane = requestIds.length === 1 && requestId !== undefined && SANE_REQUEST_ID.test(requestId);
	head.requestId = sane ? requestId : newRequestId();
	if (bytes > MAX_HEADER_BYTES || raw.length > 2 * MAX_HEADERS) {
		head.fault = {
			code: "headers_too_large",
			message: `a request may carry ${MAX_HEADERS} headers of ${MAX_HEADER_BYTES} bytes in all`,
		};
	} else if (hosts > 1 || head.host === "" || (hosts === 0 && httpVersion !== "1.0")) {
		head.fault ??= invalid("a request must carry exactly one Host header, and not an empty one");
	}
	return head;
}

/**
 * The head of the same request to its worker, with the empty line that ends it.
 * @param internalHeaders `name: value\r\n` each
 */
export function workerHead(
	method: string,
	target: string,
	head: RequestHead,
	internalHeaders: string,
): string {
	let text = `${method} ${target} HTTP/1.1\r\n${head.forwarded}x-request-id: ${head.requestId}\r\n${internalHeaders}`;
	if (head.framing === "length") text += `content-length: ${head.contentLength}\r\n`;
	else if (head.framing === "chunked") text += "transfer-encoding: chunked\r\n";
	// HTTP/1.1, which the worker is spoken to in, may not come without one.
	if (head.host === null) text += "host: rollpin\r\n";
	return `${text}\r\n`;
}

/** 32 hex digits. */
export function newRequestId(): string {
	return randomHex(16);
}

function invalid(message: string): { code: ErrorCode; message: string } {
	return { code: "invalid_request", message };
}
