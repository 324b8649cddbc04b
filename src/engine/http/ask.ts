// One question to a route of an engine's or a gateway's beside chats: small, bounded JSON over a connection of its own.
import { request } from "undici";

export interface Answer {
	status: number;
	/** "" of a reply that is longer than is read. */
	text: string;
	/** The text's JSON value; undefined where it is none. */
	body: unknown;
}

/** Server facts are about 40 KiB; the logprobs of a long prompt are some megabytes. */
const MAX_REPLY_BYTES = 64 * 1024 * 1024;

/**
 * @param url base URL; a path in it is kept in front
 * @param body JSON text to POST; without it a GET
 * @throws what undici throws
 */
export async function ask(url: string, path: string, signal: AbortSignal, body?: string): Promise<Answer> {
	const reply = await request(url.replace(/\/+$/, "") + path, {
		method: body === undefined ? "GET" : "POST",
		headers: body === undefined ? { accept: "application/json" } : { "content-type": "application/json" },
		body: body ?? null,
		signal,
	});
	const status = reply.statusCode;
	const pieces: Buffer[] = [];
	let length = 0;
	for await (const piece of reply.body as AsyncIterable<Buffer>) {
		length += piece.length;
		if (length > MAX_REPLY_BYTES) return { status, text: "", body: undefined };
		pieces.push(piece);
	}
	const text = Buffer.concat(pieces).toString("utf8");
	try {
		return { status, text, body: JSON.parse(text) };
	} catch {
		return { status, text, body: undefined };
	}
}

/** Why nobody answered, for people: a code of the system, `TIMEOUT` when `signal` ended it. */
export function failureOf(error: unknown, signal: AbortSignal): string {
	if (signal.aborted) return "TIMEOUT";
	if (!(error instanceof Error)) return String(error);
	return "code" in error && typeof error.code === "string" ? error.code : error.message;
}

/** A member of anything; undefined where there is no such member. */
export function member(value: unknown, name: string): unknown {
	if (typeof value !== "object" || value === null) return undefined;
	return (value as Readonly<Record<string, unknown>>)[name];
}
