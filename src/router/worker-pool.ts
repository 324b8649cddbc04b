// Kept-alive connections to the workers, one request at a time on each. Knows no request's meaning.
import { connect, type Socket } from "node:net";
import { addressKey, netOptions, type WorkerAddress } from "../ipc/worker-address.js";
import { type ReplyHead, ReplyParser } from "./reply-parser.js";

/**
 * What one request hears of its reply. `failed` or `end` comes last, exactly once. Bytes are valid until the call returns:
 * the next read goes to the same memory. Who needs them longer copies them, or says `keepRead`.
 */
export interface ReplyListener {
	head(head: ReplyHead): void;
	body(bytes: Buffer): void;
	/** All that one read of the socket brought was given; more is to come. */
	readEnd(bytes: Buffer): void;
	/**
	 * As `readEnd`, and it was the last of the reply.
	 * @returns true when the request was sent whole, so that the connection can carry the next one
	 */
	end(bytes: Buffer): boolean;
	/** @param untouched the worker never accepted the connection: not a byte of the request reached it */
	failed(error: NodeJS.ErrnoException, untouched: boolean): void;
	/** The connection takes bytes again after `write` returned false. */
	drained(): void;
}

/** Shorter than any keep-alive limit of the workers' servers: the side that reuses must be the first to let go. */
const IDLE_LIMIT_MS = 4_000;
const SWEEP_MS = 1_000;
/** Of a reply, at once. One buffer for each connection: node's own one for each read keeps V8's collector busy. */
const READ_BYTES = 64 * 1024;
/** Up to this size, copying into one string with the head is cheaper than writing a second buffer. */
const SMALL_BYTES = 16 * 1024;

export class WorkerConnection {
	idleSinceMs = 0;
	readonly #socket: Socket;
	#reads = Buffer.allocUnsafeSlow(READ_BYTES);
	readonly #release: (connection: WorkerConnection) => void;
	#listener: ReplyListener | null = null;
	readonly #parser = new ReplyParser(
		{
			head: (reply) => {
				this.#closes = reply.closes;
				this.#listener?.head(reply);
			},
			body: (bytes) => this.#listener?.body(bytes),
		},
		false,
	);
	#closes = false;
	#connected = false;
	#error: NodeJS.ErrnoException | null = null;

	constructor(address: WorkerAddress, release: (connection: WorkerConnection) => void, closed: () => void) {
		this.#release = release;
		this.#socket = connect({
			...netOptions(address),
			onread: {
				buffer: () => this.#reads,
				callback: (length, buffer) => {
					this.#received(Buffer.from(buffer.buffer, buffer.byteOffset, length));
					return true;
				},
			},
		});
		this.#socket.on("connect", () => {
			this.#connected = true;
		});
		this.#socket.on("drain", () => this.#listener?.drained());
		this.#socket.on("error", (error) => {
			this.#error = error;
		});
		this.#socket.on("close", () => {
			closed();
			const listener = this.#listener;
			this.#listener = null;
			const error =
				this.#error ?? Object.assign(new Error("the worker closed the connection"), { code: "EPIPE" });
			listener?.failed(error, !this.#connected);
		});
	}

	/** The next bytes written are a request; this listener hears of its reply. */
	begin(listener: ReplyListener, headOnly: boolean): void {
		this.#listener = listener;
		this.#closes = false;
		this.#parser.begin(headOnly);
	}

	write(bytes: Buffer | string): boolean {
		return this.#socket.write(bytes, "latin1");
	}

	/** Head and first bytes of a body in one write. */
	writeBoth(head: string, body: Buffer | null): boolean {
		if (body === null) return this.write(head);
		if (body.length <= SMALL_BYTES) return this.write(head + body.toString("latin1"));
		this.cork();
		this.write(head);
		const flowing = this.write(body);
		this.uncork();
		return flowing;
	}

	cork(): void {
		this.#socket.cork();
	}

	uncork(): void {
		this.#socket.uncork();
	}

	pause(): void {
		this.#socket.pause();
	}

	resume(): void {
		this.#socket.resume();
	}

	/** The bytes that were given last are still in use: what comes is read into other memory. */
	keepRead(): void {
		this.#reads = Buffer.allocUnsafeSlow(READ_BYTES);
	}

	/** Gives the request up: the worker sees it closed, its listener hears nothing more. */
	destroy(): void {
		this.#listener = null;
		this.#socket.destroy();
	}

	#received(bytes: Buffer): void {
		const listener = this.#listener;
		if (listener === null) {
			// Nobody asked: nothing on this connection can be trusted to belong to a request any more.
			this.#socket.destroy();
			return;
		}
		try {
			this.#parser.feed(bytes);
		} catch (error) {
			this.destroy();
			listener.failed(Object.assign(error as Error, { code: "EPROTO" }), false);
			return;
		}
		// It may have given the request up meanwhile.
		if (this.#listener !== listener) return;
		if (this.#parser.done) this.#ended(listener, bytes);
		else listener.readEnd(bytes);
	}

	#ended(listener: ReplyListener, bytes: Buffer): void {
		this.#listener = null;
		const reusable = listener.end(bytes) && !this.#closes && !this.#socket.destroyed;
		if (!reusable) return void this.#socket.destroy();
		// The reader may have paused it.
		this.#socket.resume();
		this.#release(this);
	}
}

export class WorkerPool {
	/** By the address's key. */
	readonly #idle = new Map<string, WorkerConnection[]>();
	/** Keys of addresses whose connections are worth keeping; null until the first `retain`. */
	#wanted: ReadonlySet<string> | null = null;
	readonly #sweeper = setInterval(() => this.#sweep(), SWEEP_MS).unref();

	/** A connection to a worker, the most recently used idle one first. */
	acquire(address: WorkerAddress): WorkerConnection {
		const key = addressKey(address);
		const idle = this.#idle.get(key)?.pop();
		if (idle !== undefined) return idle;
		const connection: WorkerConnection = new WorkerConnection(
			address,
			(released) => {
				if (this.#wanted?.has(key) === false) {
					released.destroy();
					return;
				}
				released.idleSinceMs = performance.now();
				const list = this.#idle.get(key);
				if (list === undefined) this.#idle.set(key, [released]);
				else list.push(released);
			},
			() => this.#forget(key, connection),
		);
		return connection;
	}

	/** @param addresses by key: connections to any other are closed as soon as they are idle */
	retain(addresses: ReadonlySet<string>): void {
		this.#wanted = addresses;
		for (const [key, connections] of this.#idle) {
			if (addresses.has(key)) continue;
			this.#idle.delete(key);
			for (const connection of connections) connection.destroy();
		}
	}

	close(): void {
		clearInterval(this.#sweeper);
		this.retain(new Set());
	}

	#forget(key: string, connection: WorkerConnection): void {
		const list = this.#idle.get(key);
		const index = list?.indexOf(connection) ?? -1;
		if (index >= 0) list?.splice(index, 1);
	}

	#sweep(): void {
		const oldest = performance.now() - IDLE_LIMIT_MS;
		for (const connections of this.#idle.values()) {
			while (connections[0] !== undefined && connections[0].idleSinceMs < oldest) {
				connections.shift()?.destroy();
			}
		}
	}
}
