// A child's slot: keeps one process running by the restart policy, and replaces or ends it when told. Logs nothing.
import type { Socket } from "node:net";
import type { FailureCode } from "../base/exit-codes.js";
import type { ChildRole, FromChild, ToChild, WorkerStatus } from "../ipc/messages.js";
import { ChildProcess, type ProcessExit } from "./child-process.js";
import type { Fork } from "./fork.js";
import {
	type ChildEnd,
	decideRestart,
	FRESH_RESTART_STATE,
	type RestartRules,
	type RestartState,
} from "./restart-policy.js";

export type SlotState = WorkerStatus["state"];

export interface SlotExit extends ProcessExit {
	epoch: number;
	planned: boolean;
	/** Requests that were running when it last sent its figures. */
	inflight: number;
}

/** What a slot reports to its owner. `changed` follows each of the others that changed `state`. */
export interface SlotListener {
	spawned(slot: ChildSlot, attempt: number, sinceLastMs: number): void;
	ready(slot: ChildSlot, message: Extract<FromChild, { type: "ready" }>, afterMs: number): void;
	/** The child gave one line for the operator and exits by itself. */
	failed(slot: ChildSlot, message: string, exitCode: FailureCode): void;
	exited(slot: ChildSlot, exit: SlotExit): void;
	quarantined(slot: ChildSlot, crashes: number): void;
	unresponsive(slot: ChildSlot, silentMs: number): void;
	/** What the child says that is not about its own life. */
	message(slot: ChildSlot, message: FromChild): void;
	changed(slot: ChildSlot): void;
}

export interface SlotOptions {
	role: ChildRole;
	/** Worker index; 0 for the only router and the only simulated engine. */
	index: number;
	rules: RestartRules;
	fork: Fork;
	/** The answer to the child's `hello`. */
	startMessage: (epoch: number) => ToChild | Promise<ToChild>;
	listener: SlotListener;
	/** A child that is not ready by then is killed; its start counts as a crash. */
	startTimeoutMs?: number;
}

const START_TIMEOUT_MS = 120_000;
/** They end a child that listens for nothing yet; the last two come to the whole process group. */
const OPERATORS: ReadonlySet<string> = new Set(["SIGTERM", "SIGHUP", "SIGUSR2"]);

export class ChildSlot {
	readonly role: ChildRole;
	readonly index: number;
	readonly #options: SlotOptions;
	#state: SlotState = "down";
	#epoch = 0;
	#child: ChildProcess | null = null;
	#restart: RestartState = FRESH_RESTART_STATE;
	#endedMs: number | null = null;
	#spawnTimer: NodeJS.Timeout | undefined;
	/** By its last figures. */
	#inflight = 0;
	/** No successor follows the child that runs now. */
	#closing = false;
	/** The child that runs now was asked to end, or asked for it. */
	#planned = false;
	#awaited = true;
	#waitingForEnd: Array<() => void> = [];

	constructor(options: SlotOptions) {
		this.#options = options;
		this.role = options.role;
		this.index = options.index;
	}

	get state(): SlotState {
		return this.#state;
	}

	get epoch(): number {
		return this.#epoch;
	}

	/** The first child, or the successor of one that ended as planned, is on its way: what needs it can wait. */
	get awaited(): boolean {
		return this.#awaited;
	}

	get pid(): number | null {
		return this.#child?.pid ?? null;
	}

	start(): void {
		if (this.#child === null && !this.#closing) this.#spawn(0);
	}

	send(message: ToChild, connection?: Socket, done?: (error: Error | null) => void): void {
		if (this.#child === null) {
			if (done !== undefined) setImmediate(done, new Error(`no ${this.role} is running`));
			return;
		}
		this.#child.send(message, connection, done);
	}

	/**
	 * Begins a planned replacement: from now on the slot is `draining`; `drainForSuccessor` goes on with it. A slot in
	 * quarantine has nothing to drain: it gets its next try at once.
	 * @returns false when there is nothing to replace: another start is on its way already
	 */
	replace(): boolean {
		if (this.#closing) return false;
		if (this.#state === "quarantined") {
			clearTimeout(this.#spawnTimer);
			this.#spawn(1);
			return true;
		}
		if (this.#state !== "ready") return false;
		this.#awaited = true;
		this.#become("draining");
		return true;
	}

	/** Tells the child to end within `timeoutMs`; its successor starts when it is gone. Kills it if it does not. */
	drainForSuccessor(timeoutMs: number, killAfterMs: number): void {
		if (this.#child === null || this.#closing || !this.#awaited) return;
		this.#planned = true;
		this.#child.send({ type: "drain", timeoutMs });
		this.#child.killAfter(killAfterMs);
	}

	/** The child goes on with what it has; no successor follows it. */
	close(): void {
		this.#closing = true;
		this.#planned = true;
		this.#awaited = false;
		clearTimeout(this.#spawnTimer);
		// One that is still starting has nothing to drain and may be deep in a load.
		if (this.#child?.readyMs === null) this.#child.kill();
	}

	/** Ends the child without a successor. Resolves when no process is left in the slot. */
	drain(timeoutMs: number): Promise<void> {
		this.close();
		if (this.#child === null) return Promise.resolve();
		if (this.#child.readyMs !== null) this.#child.send({ type: "drain", timeoutMs });
		this.#become("draining");
		return this.ended();
	}

	/** Resolves when no process is left in the slot; at once when there is none. */
	ended(): Promise<void> {
		if (this.#child === null) return Promise.resolve();
		return new Promise((resolve) => this.#waitingForEnd.push(resolve));
	}

	/** Kills what runs, without a successor. True when there was something to kill. */
	kill(): boolean {
		this.#closing = true;
		clearTimeout(this.#spawnTimer);
		const child = this.#child;
		child?.kill();
		return child !== null;
	}

	#spawn(attempt: number): void {
		const { fork, listener, startMessage, startTimeoutMs = START_TIMEOUT_MS } = this.#options;
		this.#epoch += 1;
		this.#planned = false;
		this.#inflight = 0;
		const epoch = this.#epoch;
		const child: ChildProcess = new ChildProcess({
			role: this.role,
			fork,
			startMessage: () => startMessage(epoch),
			startTimeoutMs,
			listener: {
				message: (message) => this.#received(child, message),
				failed: (message, exitCode) => listener.failed(this, message, exitCode),
				unresponsive: (silentMs) => {
					listener.unresponsive(this, silentMs);
					this.#planned = false;
				},
				exited: (exit) => this.#exited(exit),
			},
		});
		this.#child = child;
		listener.spawned(this, attempt, this.#endedMs === null ? 0 : child.spawnedMs - this.#endedMs);
		this.#become("starting");
	}

	#received(child: ChildProcess, message: FromChild): void {
		switch (message.type) {
			case "ready":
				if (this.#closing) break;
				this.#awaited = false;
				this.#options.listener.ready(this, message, performance.now() - child.spawnedMs);
				this.#become("ready");
				break;
			case "draining":
				if (this.#closing) break;
				this.#planned = true;
				this.#awaited = true;
				this.#become("draining");
				break;
			case "stats":
				this.#inflight = message.stats.inflight;
				this.#options.listener.message(this, message);
				break;
			default:
				this.#options.listener.message(this, message);
		}
	}

	#exited(exit: ProcessExit): void {
		this.#child = null;
		this.#endedMs = performance.now();
		// Draining ends with exit code 0; everything else is a crash even after a request to end. What is not ready yet has
		// nothing to drain: there the operator's signal itself is the end.
		const endedAtStart = exit.readyForMs === null && exit.signal !== null && OPERATORS.has(exit.signal);
		const planned = endedAtStart || (this.#planned && exit.code === 0);
		// Nobody knows when a crashed one is back: what waits for it must learn that.
		this.#awaited = planned && !this.#closing;
		this.#options.listener.exited(this, {
			...exit,
			epoch: this.#epoch,
			planned: planned || this.#closing,
			inflight: this.#inflight,
		});
		if (this.#closing) this.#become("down");
		else this.#succeed({ nowMs: this.#endedMs, readyForMs: exit.readyForMs, planned });
		for (const resolve of this.#waitingForEnd.splice(0)) resolve();
	}

	#succeed(end: ChildEnd): void {
		const { state, decision } = decideRestart(this.#options.rules, this.#restart, end);
		this.#restart = state;
		if (decision.kind === "quarantine") {
			this.#spawnTimer = setTimeout(() => this.#spawn(1), decision.retryAfterMs);
			this.#options.listener.quarantined(this, decision.crashes);
			this.#become("quarantined");
			return;
		}
		this.#spawnTimer = setTimeout(() => this.#spawn(decision.attempt), decision.delayMs);
		this.#become("down");
	}

	#become(state: SlotState): void {
		if (state === this.#state) return;
		this.#state = state;
		this.#options.listener.changed(this);
	}
}
