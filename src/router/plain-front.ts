// The client connections whose requests are plain, and what becomes of one at its first request that is not. Reads no request.
import type { Server } from "node:http";
import type { Socket } from "node:net";
import { type IdleLimits, PlainConnection, type PlainOwner } from "./plain-connection.js";
import type { Router } from "./router.js";

export interface PlainFront {
	closeAllConnections(): void;
	closeIdleConnections(): void;
}

/**
 * Stands before node's server: takes each of its connections first, and gives it one, for good, with the first request that is
 * anything but plain, or can't go to a ready worker at once. So whatever needs an answer of the router's is answered in one place.
 */
export function putPlainFront(
	server: Server,
	router: Router,
	limits: IdleLimits,
	checkIntervalMs: number,
): PlainFront {
	const connections = new Set<PlainConnection>();
	const [toServer] = server.listeners("connection") as Array<(this: Server, socket: Socket) => void>;
	if (toServer === undefined) throw new Error("node's HTTP server has no listener for its connections");
	const owner: PlainOwner = {
		handOver(_connection, socket, bytes) {
			socket.unshift(bytes);
			toServer.call(server, socket);
			socket.resume();
		},
		closed: (connection) => void connections.delete(connection),
	};
	server.removeListener("connection", toServer);
	server.on("connection", (socket: Socket) => {
		connections.add(new PlainConnection(socket, router, owner));
	});
	const timer = setInterval(() => {
		const nowMs = performance.now();
		for (const connection of connections) connection.check(nowMs, limits);
	}, checkIntervalMs).unref();
	server.once("close", () => clearInterval(timer));
	return {
		closeAllConnections() {
			for (const connection of connections) connection.destroy();
		},
		closeIdleConnections() {
			for (const connection of connections) if (connection.idle) connection.destroy();
		},
	};
}
