// The router's HTTP server: strict parsing, limits on slowness, and an answer to what is no request at all.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { type ErrorCode, RollpinError } from "../base/errors.js";
import { OWN_METHODS } from "../base/paths.js";
import { putPlainFront } from "./plain-front.js";
import { isRefused, NO_HTTP, refuse, refuseRaw } from "./replies.js";
import { MAX_HEADER_BYTES, newRequestId, readRequestHead } from "./request-head.js";
import { MAX_TARGET_LENGTH } from "./route.js";
import type { Router } from "./router.js";

/** A request's head must have come by then (docs/api.md, Limits). Checked each second; node's default is 30 s. */
const HEADERS_TIMEOUT_MS = 10_000;
const CHECK_INTERVAL_MS = 1_000;
/** Longer than what HTTP clients keep idle connections for (5 to 60 s): they must be the first to let go. */
const KEEP_ALIVE_TIMEOUT_MS = 75_000;
/** The parser's own bound is above ours, so that we can tell a long target from long headers. */
const PARSER_HEADER_BYTES = MAX_HEADER_BYTES + 2 * MAX_TARGET_LENGTH;

export interface Front {
	/** It must listen somewhere (its time limits hang on that); clients come through `connection` events. */
	server: Server;
	closeAllConnections(): void;
	/** Those that carry no request. */
	closeIdleConnections(): void;
}

export function createFront(router: Router): Front {
	const server = createStrictServer(router);
	const limits = { firstByteMs: HEADERS_TIMEOUT_MS, keptMs: KEEP_ALIVE_TIMEOUT_MS };
	const plain = putPlainFront(server, router, limits, CHECK_INTERVAL_MS);
	return {
		server,
		closeAllConnections() {
			server.closeAllConnections();
			plain.closeAllConnections();
		},
		closeIdleConnections() {
			server.closeIdleConnections();
			plain.closeIdleConnections();
		},
	};
}

function createStrictServer(router: Router): Server {
	const server = createServer({
		insecureHTTPParser: false,
		maxHeaderSize: PARSER_HEADER_BYTES,
		// Both are judged in request-head.ts, so that the refusal looks like every other.
		requireHostHeader: false,
		headersTimeout: HEADERS_TIMEOUT_MS,
		connectionsCheckingInterval: CHECK_INTERVAL_MS,
		// Bodies may take as long as they move; the relay ends those that stand still.
		requestTimeout: 0,
		keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
		noDelay: true,
	});
	// Without it node drops what is over its own bound in silence; the bytes are bounded anyway.
	server.maxHeadersCount = 0;
	const latest = new WeakMap<Duplex, ServerResponse>();
	const tellQueued = createQueueWatch();
	const handle = (req: IncomingMessage, res: ServerResponse, expectsContinue: boolean): void => {
		latest.set(req.socket, res);
		tellQueued(req.socket, res);
		router.handle(req, res, expectsContinue);
	};
	server.on("request", (req, res) => handle(req, res, false));
	server.on("checkContinue", (req, res) => handle(req, res, true));
	server.on("checkExpectation", (req, res) => {
		const { requestId } = readRequestHead(req.rawHeaders, req.httpVersion);
		const error = new RollpinError("invalid_request", "the only expectation served is 100-continue", {
			status: 417,
		});
		router.metrics.refusedRaw(error.code, error.status);
		refuse(req, res, error, requestId, true);
	});
	server.on("connect", (req, socket: Duplex) => {
		const error = new RollpinError("method_not_allowed", "CONNECT is not served: this is no proxy", {
			allow: OWN_METHODS,
		});
		router.metrics.refusedRaw(error.code, error.status);
		if (socket instanceof Socket) {
			refuseRaw(socket, error, readRequestHead(req.rawHeaders, req.httpVersion).requestId);
		} else socket.destroy();
	});
	server.on("clientError", (error: NodeJS.ErrnoException & { rawPacket?: Buffer }, socket: Duplex) => {
		if (error.code === "ECONNRESET" || !(socket instanceof Socket)) return void socket.destroy();
		const open = latest.get(socket);
		if (open !== undefined && !open.writableFinished && open.headersSent) {
			// A whole refusal may still be on its way out; half a relayed reply must not look like a whole one.
			return isRefused(open) ? socket.destroySoon() : void socket.destroy();
		}
		const [code, message] = parseFault(error.code ?? "", error.rawPacket);
		const refusal = new RollpinError(code, message);
		router.metrics.refusedRaw(code, refusal.status);
		refuseRaw(socket, refusal, newRequestId());
	});
	return server;
}

/**
 * A reply that waits for the one before it on its connection has no socket yet, and node says nothing to it when the connection
 * ends: its request would run on, and count as running for ever.
 */
function createQueueWatch(): (socket: Socket, res: ServerResponse) => void {
	const queues = new WeakMap<Socket, Set<ServerResponse>>();
	return (socket, res) => {
		if (res.socket !== null) return;
		const queue = queues.get(socket) ?? new Set();
		queue.add(res);
		res.once("close", () => queue.delete(res));
		if (queues.has(socket)) return;
		queues.set(socket, queue);
		socket.once("close", () => {
			for (const queued of queue) if (queued.socket === null) queued.emit("close");
		});
	};
}

/** The packet at which the parser gave up begins with a request line that does not end within our bound. */
function hasLongTarget(packet: Buffer): boolean {
	const lineEnd = packet.indexOf("\r\n");
	return /^[A-Z]+ \//.test(packet.toString("latin1", 0, 16)) && (lineEnd < 0 || lineEnd > MAX_TARGET_LENGTH);
}

function parseFault(code: string, packet: Buffer | undefined): [ErrorCode, string] {
	switch (code) {
		case "HPE_HEADER_OVERFLOW": {
			if (packet !== undefined && hasLongTarget(packet))
				return ["uri_too_long", `the request target is longer than ${MAX_TARGET_LENGTH} bytes`];
			return ["headers_too_large", `the request's headers are longer than ${MAX_HEADER_BYTES} bytes`];
		}
		case "ERR_HTTP_REQUEST_TIMEOUT":
			return ["request_timeout", `the request's head did not come within ${HEADERS_TIMEOUT_MS / 1000} s`];
		default:
			return ["invalid_request", NO_HTTP];
	}
}
