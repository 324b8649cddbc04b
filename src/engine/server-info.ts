// Asks an engine's address what it is, by plain GETs beside the chats' connections. Decides nothing.
import { request } from "undici";
import { type EngineIdentity, identityOf } from "./release.js";

/** The newer name first: 0.5 answers to both, smg passes only the older one on. */
const PATHS = ["/server_info", "/get_server_info"];
const DEFAULT_TIMEOUT_MS = 5_000;
/** A reply is about 40 KiB, more with many schedulers. */
const MAX_REPLY_BYTES = 16 * 1024 * 1024;

/** @param url base URL; a path in it is kept in front. Never throws; ends within `timeoutMs`. */
export async function readIdentity(url: string, timeoutMs = DEFAULT_TIMEOUT_MS): Promise<EngineIdentity> {
	const signal = AbortSignal.timeout(timeoutMs);
	const statuses: string[] = [];
	for (const path of PATHS) {
		try {
			const { status, body } = await getJson(`${url.replace(/\/+$/, "")}${path}`, signal);
			const identity = identityOf(status, body);
			if (identity !== null) return identity;
			statuses.push(`${path} answered ${status}`);
		} catch (error) {
			return { kind: "unreachable", code: codeOf(error, signal) };
		}
	}
	return { kind: "unknown", reason: statuses.join(", ") };
}

async function getJson(url: string, signal: AbortSignal): Promise<{ status: number; body: unknown }> {
	const reply = await request(url, { signal, headers: { accept: "application/json" } });
	const pieces: Buffer[] = [];
	let length = 0;
	for await (const piece of reply.body as AsyncIterable<Buffer>) {
		length += piece.length;
		if (length > MAX_REPLY_BYTES) return { status: reply.statusCode, body: undefined };
		pieces.push(piece);
	}
	try {
		return { status: reply.statusCode, body: JSON.parse(Buffer.concat(pieces).toString("utf8")) };
	} catch {
		return { status: reply.statusCode, body: undefined };
	}
}

function codeOf(error: unknown, signal: AbortSignal): string {
	if (signal.aborted) return "TIMEOUT";
	if (!(error instanceof Error)) return String(error);
	return "code" in error && typeof error.code === "string" ? error.code : error.message;
}
