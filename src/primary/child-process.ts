// One process of a slot, from its fork to its exit: the answer to its hello, its pings, its start time. Starts no other.
import type { Socket } from "node:net";
import { EXIT_FAILED, type FailureCode } from "../base/exit-codes.js";
import type { ChildRole, FromChild, ToChild } from "../ipc/messages.js";
import type { Fork } from "./fork.js";
import { checkLiveness, type LivenessState, PING_INTERVAL_MS } from "./liveness.js";

/** The end of a process. */
export interface ProcessExit {
	pid: number;
	code: number | null;
	signal: string | null;
	/** From spawn to exit. */
	afterMs: number;
	/** Null when it never was ready. */
	readyForMs: number | null;
	/** What it wrote to stderr last, or null. */
	stderr: string | null;
}

/** Nothing is called after `exited`. */
export interface ChildProcessListener {
	/** What it says, but for what its start and its pings are about. */
	message(message: FromChild): void;
	/** Why it cannot start, in one line for the operator. */
	failed(message: string, exitCode: FailureCode): void;
	/** It was silent, or not ready, for too long and is being killed. */
	unresponsive(silentMs: number): void;
	exited(exit: ProcessExit): void;
}

export interface ChildProcessOptions {
	role: ChildRole;
	fork: Fork;
	/** The answer to its `hello`. */
	startMessage: () => ToChild | Promise<ToChild>;
	/** Not ready by then, it is killed. */
	startTimeoutMs: number;
	listener: ChildProcessListener;
}

/** Between two tries to make the answer to a `hello`. */
const START_RETRY_MS = 2_000;

export class ChildProcess {
	readonly pid: number;
	readonly spawnedMs: number;
	readonly #options: ChildProcessOptions;
	readonly #child: ReturnType<Fork>;
	readonly #pingTimer: NodeJS.Timeout;
	#liveness: LivenessState;
	#pingSeq = 0;
	#readyMs: number | null = null;
	#gone = false;
	#killTimer: NodeJS.Timeout | undefined;

	constructor(options: ChildProcessOptions) {
		this.#options = options;
		this.spawnedMs = performance.now();
		this.#liveness = { heardMs: this.spawnedMs, checkedMs: this.spawnedMs };
		this.#child = options.fork(options.role);
		this.pid = this.#child.pid;
		this.#child.onMessage((message) => this.#received(message));
		this.#child.onExit((code, signal, stderr) => this.#exited(code, signal, stderr ?? null));
		this.#pingTimer = setInterval(() => this.#check(), PING_INTERVAL_MS);
	}

	/** When its `ready` came, by `performance.now()`; null before. */
	get readyMs(): number | null {
		return this.#readyMs;
	}

	send(message: ToChild, connection?: Socket, done?: (error: Error | null) => void): void {
		this.#child.send(message, connection, done);
	}

	kill(): void {
		this.#child.kill("SIGKILL");
	}

	killAfter(delayMs: number): void {
		clearTimeout(this.#killTimer);
		this.#killTimer = setTimeout(() => this.kill(), delayMs);
	}

	async #start(): Promise<void> {
		// A later try may come after its end, and its answer is written down in a data dir that may be another's by then.
		if (this.#gone) return;
		try {
			const message = await this.#options.startMessage();
			if (!this.#gone) this.send(message);
		} catch (error) {
			if (this.#gone) return;
			const text = error instanceof Error ? error.message : String(error);
			this.#options.listener.failed(text, EXIT_FAILED);
			// A medium may take it later: the child waits as long as its start may take.
			setTimeout(() => void this.#start(), START_RETRY_MS).unref();
		}
	}

	#received(message: FromChild): void {
		if (this.#gone) return;
		this.#liveness = { ...this.#liveness, heardMs: performance.now() };
		if (message.type === "hello") void this.#start();
		else if (message.type === "failed") this.#options.listener.failed(message.message, message.exitCode);
		else if (message.type === "ready") {
			if (this.#readyMs !== null) return;
			this.#readyMs = performance.now();
			this.#options.listener.message(message);
		} else if (message.type !== "pong") this.#options.listener.message(message);
	}

	#check(): void {
		const now = performance.now();
		const { state, kill, silentMs } = checkLiveness(this.#liveness, now, this.#readyMs !== null);
		this.#liveness = state;
		const overdue = this.#readyMs === null && now - this.spawnedMs > this.#options.startTimeoutMs;
		if (kill || overdue) {
			clearInterval(this.#pingTimer);
			this.#options.listener.unresponsive(silentMs);
			// A stopped process dies of it too; the successor waits for its exit.
			this.kill();
			return;
		}
		this.#pingSeq += 1;
		this.send({ type: "ping", seq: this.#pingSeq });
	}

	#exited(code: number | null, signal: string | null, stderr: string | null): void {
		if (this.#gone) return;
		this.#gone = true;
		clearInterval(this.#pingTimer);
		clearTimeout(this.#killTimer);
		const now = performance.now();
		this.#options.listener.exited({
			pid: this.pid,
			code,
			signal,
			afterMs: now - this.spawnedMs,
			readyForMs: this.#readyMs === null ? null : now - this.#readyMs,
			stderr,
		});
	}
}
