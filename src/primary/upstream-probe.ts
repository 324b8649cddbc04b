// Looks once, at the start, whether anybody listens at the engine's address. Sends nothing, holds nothing up.
import { connect } from "node:net";
import type { Logger } from "../telemetry/logger.js";

const PROBE_TIMEOUT_MS = 2_000;

/**
 * Connects to the engine's port and closes the connection again.
 * @param url base URL of the engine, http or https
 * @returns null when somebody listens there, else a code: the system's (`ECONNREFUSED`, `ENOTFOUND`) or `TIMEOUT`
 */
export function probeUpstream(url: string, timeoutMs = PROBE_TIMEOUT_MS): Promise<string | null> {
	const { hostname, port, protocol } = new URL(url);
	return new Promise((resolve) => {
		const socket = connect({
			host: hostname.replace(/^\[|\]$/g, ""),
			port: port === "" ? (protocol === "https:" ? 443 : 80) : Number(port),
		});
		const settle = (code: string | null): void => {
			clearTimeout(timer);
			socket.destroy();
			resolve(code);
		};
		const timer = setTimeout(settle, timeoutMs, "TIMEOUT");
		// It must not keep a process that has nothing else to do.
		timer.unref();
		socket.unref();
		socket.once("connect", () => settle(null));
		socket.on("error", (error: NodeJS.ErrnoException) => settle(error.code ?? error.message));
	});
}

/** Warns in one line when nobody listens: the cluster starts all the same, the engine may still be loading. */
export async function warnOfUnreachable(url: string, log: Logger): Promise<void> {
	const code = await probeUpstream(url);
	if (code === null) return;
	log.event(
		"upstream_unreachable",
		{ url, code },
		`nothing answers at the engine's address ${url} (${code}); chats are 502 until it does (--upstream)`,
	);
}
