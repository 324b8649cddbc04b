// Bounds the router's client connections by its file descriptors: the ones over it get a 503, not a silence.
import type { Server } from "node:http";
import type { Socket } from "node:net";
import { RollpinError } from "../base/errors.js";
import { openFilesLimit } from "../base/fd-limit.js";
import type { Logger } from "../telemetry/logger.js";
import { refuseRaw } from "./replies.js";
import { newRequestId } from "./request-head.js";

/** Descriptors that are no connection: libraries, pipes, epoll, the channel. */
const RESERVED = 40;
const REPORT_MS = 1_000;

/** Each client may need one more towards its worker. */
function connectionBound(openFiles: number): number {
	return Math.max(4, Math.floor((openFiles - RESERVED) / 2));
}

/** Gives handed-over connections to the server, or turns them away when there are too many. */
export function createConnectionLimit(server: Server, log: Logger): (connection: Socket) => void {
	const bound = connectionBound(openFilesLimit());
	let open = 0;
	let refused = 0;
	const report = (): void => {
		const text = `${refused} connections were refused: out of file descriptors (raise the limit: ulimit -n)`;
		log.event("front_port_error", { code: "EMFILE", count: refused }, text);
		refused = 0;
	};
	return (connection) => {
		if (open < bound) {
			open += 1;
			connection.once("close", () => {
				open -= 1;
			});
			server.emit("connection", connection);
			return;
		}
		refused += 1;
		// One report a second, of all since the last.
		if (refused === 1) setTimeout(report, REPORT_MS);
		connection.on("error", () => connection.destroy());
		const error = new RollpinError("worker_unavailable", "too many connections are open; try again", {
			retryAfterS: 1,
		});
		refuseRaw(connection, error, newRequestId());
	};
}
