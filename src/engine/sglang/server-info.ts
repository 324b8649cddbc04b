// Asks an engine's address what it is, by plain GETs beside the chats' connections. Decides nothing.
import { ask, failureOf } from "../http/ask.js";
import { identityOf, type SglangIdentity } from "./release.js";

/** The newer name first: 0.5 answers to both, smg passes only the older one on. */
const PATHS = ["/server_info", "/get_server_info"];
const DEFAULT_TIMEOUT_MS = 5_000;

/** @param url base URL; a path in it is kept in front. Never throws; ends within `timeoutMs`. */
export async function readIdentity(url: string, timeoutMs = DEFAULT_TIMEOUT_MS): Promise<SglangIdentity> {
	const signal = AbortSignal.timeout(timeoutMs);
	const statuses: string[] = [];
	for (const path of PATHS) {
		try {
			const { status, body } = await ask(url, path, signal);
			const identity = identityOf(status, body);
			if (identity !== null) return identity;
			statuses.push(`${path} answered ${status}`);
		} catch (error) {
			return { kind: "unreachable", code: failureOf(error, signal) };
		}
	}
	return { kind: "unknown", reason: statuses.join(", ") };
}
