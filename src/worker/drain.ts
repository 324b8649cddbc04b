// Ends a server the polite way: nothing new, what runs may end until the deadline, then the rest is cut.
import type { Server } from "node:http";

export function drainServer(server: Server, timeoutMs: number): Promise<void> {
	return new Promise((resolve) => {
		const timer = setTimeout(() => server.closeAllConnections(), timeoutMs);
		server.close(() => {
			clearTimeout(timer);
			resolve();
		});
		// Idle keep-alive connections would hold the server open for nothing.
		server.closeIdleConnections();
	});
}
