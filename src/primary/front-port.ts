// The front TCP port: accepts, and hands each connection to whichever router is ready. Reads not a byte of it.
import { createServer, type Server, type Socket } from "node:net";
import { ConfigError } from "../base/errors.js";
import { openFilesLimit } from "../base/fd-limit.js";

/**
 * Sends one connection to the router, which answers with `connection_received`. The primary's own handle stays open until
 * then. `sent` gets the reason when it could not even be sent.
 */
export type HandOver = (connection: Socket, seq: number, sent: (error: Error | null) => void) => void;

export interface FrontPortOptions {
	host: string;
	/** 0: any free port. */
	port: number;
	/** Something went wrong with `count` connections since the last report. At most one call a second per code. */
	onTrouble: (code: string, count: number) => void;
	/** Processes beside this one; each takes descriptors of it. */
	children: number;
	/** Connections that may wait for a router, and for how long. */
	maxWaiting?: number;
	maxWaitMs?: number;
}

const MAX_WAITING = 1_024;
const MAX_WAIT_MS = 5_000;
const BACKLOG = 1_024;
const KEEPALIVE_MS = 60_000;
const SWEEP_MS = 250;
const REPORT_MS = 1_000;
const LINGER_MS = 1_000;
/** For a connection no router came for. It has no request id: not a byte of the request was read. */
const NO_ROUTER_BODY =
	'{"error":{"message":"the router is being restarted; try again","type":"server_error","code":"worker_unavailable"}}';
const NO_ROUTER_REPLY =
	"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nconnection: close\r\ncontent-type: application/json\r\n" +
	`content-length: ${NO_ROUTER_BODY.length}\r\n\r\n${NO_ROUTER_BODY}`;

/** Connections on their way to the router at a time. Node sends one after the other, each after the last's receipt. */
const MAX_IN_TRANSIT = 8;

/** Of the primary, whatever its children: the log, the lock, epoll, a probe of the engine (22 were counted, with a simulated engine). */
const OWN_DESCRIPTORS = 30;
/** For each child: channel, stdout, stderr, its figures in /proc while they are read, and one more while it is forked. */
const DESCRIPTORS_OF_CHILD = 5;
/** Whatever is left over, somebody must be told why a connection is refused. */
const LEAST_CONNECTIONS = 4;

/** Connections that the primary may hold at a time. */
export function connectionBound(openFiles: number, children: number): number {
	return Math.max(LEAST_CONNECTIONS, openFiles - OWN_DESCRIPTORS - DESCRIPTORS_OF_CHILD * children);
}

interface Waiting {
	connection: Socket;
	sinceMs: number;
}

export class FrontPort {
	readonly #server: Server;
	readonly #options: FrontPortOptions;
	readonly #waiting: Waiting[] = [];
	readonly #troubles = new Map<string, { count: number; reportedMs: number }>();
	/** By their number, in the order they were sent. */
	readonly #inTransit = new Map<number, Waiting>();
	#seq = 0;
	#handOver: HandOver | null = null;
	readonly #sweeper: NodeJS.Timeout;

	private constructor(server: Server, options: FrontPortOptions) {
		this.#server = server;
		this.#options = options;
		this.#sweeper = setInterval(() => this.#sweep(), SWEEP_MS);
		server.on("connection", (connection: Socket) => this.#accepted(connection));
		server.on("drop", () => this.#trouble("EMFILE"));
		// The port goes on whatever befell one connection.
		server.on("error", (error: NodeJS.ErrnoException) => this.#trouble(error.code ?? error.message));
	}

	/** @throws ConfigError when the address is not ours to use; Error with one clear line when the port is taken */
	static async open(options: FrontPortOptions): Promise<FrontPort> {
		// The options travel with the kernel's socket: the router need not set them again.
		const server = createServer({
			pauseOnConnect: true,
			allowHalfOpen: true,
			noDelay: true,
			keepAlive: true,
			keepAliveInitialDelay: KEEPALIVE_MS,
		});
		await new Promise<void>((resolve, reject) => {
			server.once("error", (error: NodeJS.ErrnoException) => reject(listenError(error, options)));
			server.listen({ host: options.host, port: options.port, backlog: BACKLOG, exclusive: true }, resolve);
		});
		server.removeAllListeners("error");
		// Out of descriptors, libuv would close connections in silence; at this bound node tells of each.
		const bound = connectionBound(openFilesLimit(), options.children);
		if (Number.isFinite(bound)) server.maxConnections = bound;
		return new FrontPort(server, options);
	}

	get url(): string {
		const address = this.#server.address();
		const port = typeof address === "object" && address !== null ? address.port : this.#options.port;
		const host = this.#options.host.includes(":") ? `[${this.#options.host}]` : this.#options.host;
		return `http://${host}:${port}`;
	}

	/** From now on connections go there, the waiting ones first. Null: they wait. */
	attach(handOver: HandOver | null): void {
		this.#handOver = handOver;
		if (handOver === null) {
			// Their router died before it took them; it has read nothing from them.
			this.#waiting.unshift(...this.#inTransit.values());
			this.#inTransit.clear();
		}
		this.#pump();
	}

	/** The router holds this connection now. */
	received(seq: number): void {
		// Closes this process's handle only; the router's is its own.
		this.#inTransit.get(seq)?.connection.destroy();
		this.#inTransit.delete(seq);
		this.#pump();
	}

	/** Stops accepting. Connections that still wait are turned away. */
	close(): void {
		clearInterval(this.#sweeper);
		this.#server.close();
		for (const { connection } of this.#waiting.splice(0)) turnAway(connection);
	}

	#accepted(connection: Socket): void {
		connection.on("error", () => connection.destroy());
		if (this.#waiting.length >= (this.#options.maxWaiting ?? MAX_WAITING)) {
			this.#trouble("too_many_waiting");
			turnAway(connection);
			return;
		}
		this.#waiting.push({ connection, sinceMs: performance.now() });
		this.#pump();
	}

	#pump(): void {
		while (this.#handOver !== null && this.#inTransit.size < MAX_IN_TRANSIT) {
			const next = this.#waiting.shift();
			if (next === undefined) return;
			this.#seq += 1;
			this.#inTransit.set(this.#seq, next);
			this.#handOver(next.connection, this.#seq, (error) => {
				// The channel is broken: its router's end is about to be noticed, and `attach` called.
				if (error !== null) this.#handOver = null;
			});
		}
	}

	#sweep(): void {
		const oldest = performance.now() - (this.#options.maxWaitMs ?? MAX_WAIT_MS);
		while (this.#waiting[0] !== undefined && this.#waiting[0].sinceMs < oldest) {
			const expired = this.#waiting.shift();
			if (expired === undefined) break;
			this.#trouble("no_router");
			turnAway(expired.connection);
		}
		for (const [seq, { connection, sinceMs }] of this.#inTransit) {
			if (sinceMs >= oldest) break;
			// Its handle did not arrive (a router without descriptors drops it), or the router hangs.
			this.#inTransit.delete(seq);
			this.#trouble("not_taken");
			turnAway(connection);
		}
		this.#pump();
		for (const [code, trouble] of this.#troubles) this.#report(code, trouble);
	}

	#trouble(code: string): void {
		const trouble = this.#troubles.get(code) ?? { count: 0, reportedMs: -REPORT_MS };
		trouble.count += 1;
		this.#troubles.set(code, trouble);
		this.#report(code, trouble);
	}

	#report(code: string, trouble: { count: number; reportedMs: number }): void {
		const now = performance.now();
		if (trouble.count === 0 || now - trouble.reportedMs < REPORT_MS) return;
		const { count } = trouble;
		trouble.count = 0;
		trouble.reportedMs = now;
		this.#options.onTrouble(code, count);
	}
}

function turnAway(connection: Socket): void {
	// What the client sent is read and dropped: closing over unread bytes would reset the reply away.
	connection.resume();
	connection.end(NO_ROUTER_REPLY);
	setTimeout(() => connection.destroy(), LINGER_MS).unref();
}

function listenError(error: NodeJS.ErrnoException, { host, port }: FrontPortOptions): Error {
	const where = `${host}:${port}`;
	switch (error.code) {
		case "EADDRINUSE":
			return new Error(
				`cannot listen on ${where}: the port is in use (--port); stop what uses it or choose another, 0 for any`,
				{ cause: error },
			);
		case "EACCES":
			return new ConfigError(
				`cannot listen on ${where}: not permitted (--port); choose a port of 1024 or above`,
				{ cause: error },
			);
		case "EADDRNOTAVAIL":
		case "ENOTFOUND":
		case "EAI_AGAIN":
			return new ConfigError(
				`cannot listen on ${where}: no such address on this machine (--host); use 127.0.0.1, 0.0.0.0 or an own one`,
				{ cause: error },
			);
		default:
			return new Error(`cannot listen on ${where}: ${error.code ?? error.message} (--host, --port)`, {
				cause: error,
			});
	}
}
