// The worker's HTTP server on its own Unix socket. Only the router talks to it; it trusts nothing all the same.
import { createServer, type Server } from "node:http";
import { netOptions, type WorkerAddress } from "../ipc/worker-address.js";
import { createListener } from "./app.js";
import type { WorkerContext } from "./context.js";

/** Longer than the router keeps an idle connection: the side that reuses connections must give up first. */
const KEEP_ALIVE_TIMEOUT_MS = 75_000;

/** Resolves when the server listens. */
export function listen(context: WorkerContext, address: WorkerAddress): Promise<Server> {
	const server = createServer(
		{
			keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
			// The router has enforced the clients' header and idle limits; a slow relay must not be cut a second time.
			requestTimeout: 0,
			headersTimeout: 60_000,
			maxHeaderSize: 32 * 1024,
			noDelay: true,
		},
		createListener(context),
	);
	server.maxHeadersCount = 0;
	return new Promise((resolve, reject) => {
		server.once("error", reject);
		// Exclusive: otherwise node:cluster shares the socket through the primary.
		server.listen({ ...netOptions(address), exclusive: true }, () => resolve(server));
	});
}
