// Ends a server the polite way: nothing new, what runs may end until the deadline, then the rest is cut.
import type { Server } from "node:http";
import { CUT_ANSWERS_MS } from "../ipc/drain-times.js";

/** @param cut called at the deadline: what is cut then has a moment to answer so, before its connection is closed */
export function drainServer(server: Server, timeoutMs: number, cut: () => void): Promise<void> {
	return new Promise((resolve) => {
		let timer = setTimeout(() => {
			timer = setTimeout(() => server.closeAllConnections(), CUT_ANSWERS_MS);
			cut();
		}, timeoutMs);
		server.close(() => {
			clearTimeout(timer);
			resolve();
		});
		// Idle keep-alive connections would hold the server open for nothing.
		server.closeIdleConnections();
	});
}
