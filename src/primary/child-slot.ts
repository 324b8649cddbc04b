// One place for a child: keeps it filled by the restart policy, pings what fills it. Logs nothing, knows no other slot.
import type { Socket } from "node:net";
import type { ChildRole, EngineCheckResult, FromChild, ToChild, WorkerStatus } from "../ipc/messages.js";
import type { WorkerFigures } from "../telemetry/heartbeat-fields.js";
import type { ChildHandle, Fork } from "./fork.js";
import { checkLiveness, type LivenessState, PING_INTERVAL_MS } from "./liveness.js";
import {
	decideRestart,
	FRESH_RESTART_STATE,
	type RestartRules,
	type RestartState,
} from "./restart-policy.js";

export type SlotState = WorkerStatus["state"];

export interface SlotExit {
	pid: number;
	epoch: number;
	code: number | null;
	signal: string | null;
	/** From spawn to exit. */
	afterMs: number;
	planned: boolean;
	/** It had been ready. */
	served: boolean;
	/** Requests that were running by the child's last word on it. */
	inflight: number;
}

/** What a slot tells its owner. `changed` follows each of the others that changed `state`. */
export interface SlotListener {
	spawned(slot: ChildSlot, attempt: number, sinceLastMs: number): void;
	ready(slot: ChildSlot, message: Extract<FromChild, { type: "ready" }>, afterMs: number): void;
	/** The child gave one line for the operator and exits by itself. */
	failed(slot: ChildSlot, message: string, exitCode: 1 | 2): void;
	exited(slot: ChildSlot, exit: SlotExit): void;
	quarantined(slot: ChildSlot, crashes: number): void;
	unresponsive(slot: ChildSlot, silentMs: number): void;
	stats(slot: ChildSlot, stats: WorkerFigures): void;
	/** Worker 0 compared the engine's rendering with ours. */
	engineChecked(result: EngineCheckResult): void;
	/** The router took the connection with that number. */
	taken(slot: ChildSlot, seq: number): void;
	/** The router has nothing on that process of a worker and sends it nothing. */
	quiet(worker: number, epoch: number): void;
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

export class ChildSlot {
	readonly role: ChildRole;
	readonly index: number;
	readonly #options: SlotOptions;
	#state: SlotState = "down";
	#epoch = 0;
	#child: ChildHandle | null = null;
	#restart: RestartState = FRESH_RESTART_STATE;
	#spawnedMs = 0;
	#readyMs: number | null = null;
	#endedMs: number | null = null;
	#liveness: LivenessState = { heardMs: 0, checkedMs: 0 };
	#pingSeq = 0;
	#pingTimer: NodeJS.Timeout | undefined;
	#spawnTimer: NodeJS.Timeout | undefined;
	#lastStats: WorkerFigures | null = null;
	/** No successor follows the child that runs now. */
	#closing = false;
	/** The child that runs now was asked to end, or asked for it. */
	#planned = false;
	#replacing = false;
	#killTimer: NodeJS.Timeout | undefined;
	#idle: Array<() => void> = [];

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

	/** The child is being replaced as planned, or its planned successor is starting. */
	get replacing(): boolean {
		return this.#replacing;
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
		this.#replacing = true;
		this.#become("draining");
		return true;
	}

	/** Tells the child to end within `timeoutMs`; its successor starts when it is gone. Kills it if it does not. */
	drainForSuccessor(timeoutMs: number, killAfterMs: number): void {
		const child = this.#child;
		if (child === null || this.#closing || !this.#replacing) return;
		this.#planned = true;
		child.send({ type: "drain", timeoutMs });
		clearTimeout(this.#killTimer);
		this.#killTimer = setTimeout(() => child.kill("SIGKILL"), killAfterMs);
	}

	/** Ends the child without a successor. Resolves when no process is left in the slot. */
	drain(timeoutMs: number): Promise<void> {
		this.#closing = true;
		this.#planned = true;
		this.#replacing = false;
		clearTimeout(this.#spawnTimer);
		if (this.#child === null) return Promise.resolve();
		// One that is still starting has nothing to drain and may be deep in a load.
		if (this.#readyMs === null) this.#child.kill("SIGKILL");
		else this.#child.send({ type: "drain", timeoutMs });
		this.#become("draining");
		return this.ended();
	}

	/** Resolves when no process is left in the slot; at once when there is none. */
	ended(): Promise<void> {
		if (this.#child === null) return Promise.resolve();
		return new Promise((resolve) => this.#idle.push(resolve));
	}

	/** Kills what runs, without a successor. True when there was something to kill. */
	kill(): boolean {
		this.#closing = true;
		clearTimeout(this.#spawnTimer);
		this.#child?.kill("SIGKILL");
		return this.#child !== null;
	}

	#spawn(attempt: number): void {
		const now = performance.now();
		this.#epoch += 1;
		this.#spawnedMs = now;
		this.#readyMs = null;
		this.#planned = false;
		this.#lastStats = null;
		this.#liveness = { heardMs: now, checkedMs: now };
		const child = this.#options.fork(this.role);
		this.#child = child;
		child.onMessage((message) => this.#received(child, message));
		child.onExit((code, signal) => this.#exited(child, code, signal));
		this.#pingTimer = setInterval(() => this.#check(child), PING_INTERVAL_MS);
		this.#options.listener.spawned(this, attempt, this.#endedMs === null ? 0 : now - this.#endedMs);
		this.#become("starting");
	}

	async #start(child: ChildHandle, epoch: number): Promise<void> {
		try {
			const message = await this.#options.startMessage(epoch);
			if (child === this.#child) child.send(message);
		} catch (error) {
			const text = error instanceof Error ? error.message : String(error);
			if (child === this.#child) this.#options.listener.failed(this, text, 1);
		}
	}

	#received(child: ChildHandle, message: FromChild): void {
		if (child !== this.#child) return;
		this.#liveness = { ...this.#liveness, heardMs: performance.now() };
		const { listener } = this.#options;
		switch (message.type) {
			case "hello":
				void this.#start(child, this.#epoch);
				break;
			case "ready":
				if (this.#closing || this.#readyMs !== null) break;
				this.#readyMs = performance.now();
				this.#replacing = false;
				listener.ready(this, message, this.#readyMs - this.#spawnedMs);
				this.#become("ready");
				break;
			case "failed":
				listener.failed(this, message.message, message.exitCode);
				break;
			case "stats":
				this.#lastStats = message.stats;
				listener.stats(this, message.stats);
				break;
			case "engine_checked":
				listener.engineChecked(message.result);
				break;
			case "taken":
				listener.taken(this, message.seq);
				break;
			case "quiet":
				listener.quiet(message.worker, message.epoch);
				break;
			case "draining":
				if (this.#closing) break;
				this.#planned = true;
				this.#replacing = true;
				this.#become("draining");
				break;
			case "pong":
			case "drained":
				break;
		}
	}

	#check(child: ChildHandle): void {
		const now = performance.now();
		const { state, kill, silentMs } = checkLiveness(this.#liveness, now, this.#readyMs !== null);
		this.#liveness = state;
		const overdue =
			this.#readyMs === null && now - this.#spawnedMs > (this.#options.startTimeoutMs ?? START_TIMEOUT_MS);
		if (kill || overdue) {
			this.#options.listener.unresponsive(this, silentMs);
			this.#planned = false;
			// A stopped process dies of it too; the successor waits for its exit.
			child.kill("SIGKILL");
			clearInterval(this.#pingTimer);
			return;
		}
		this.#pingSeq += 1;
		child.send({ type: "ping", seq: this.#pingSeq });
	}

	#exited(child: ChildHandle, code: number | null, signal: string | null): void {
		if (child !== this.#child) return;
		const now = performance.now();
		clearInterval(this.#pingTimer);
		clearTimeout(this.#killTimer);
		this.#child = null;
		this.#endedMs = now;
		// Draining ends with exit code 0; everything else is a crash even after a request to end.
		const planned = this.#planned && code === 0;
		// Nobody knows when a crashed one is back: what waits for it is told so.
		if (!planned) this.#replacing = false;
		this.#options.listener.exited(this, {
			pid: child.pid,
			epoch: this.#epoch,
			code,
			signal,
			afterMs: now - this.#spawnedMs,
			planned: planned || this.#closing,
			served: this.#readyMs !== null,
			inflight: this.#lastStats?.inflight ?? 0,
		});
		if (this.#closing) this.#become("down");
		else this.#succeed(now, planned);
		for (const resolve of this.#idle.splice(0)) resolve();
	}

	#succeed(now: number, planned: boolean): void {
		const readyForMs = this.#readyMs === null ? null : now - this.#readyMs;
		const { state, decision } = decideRestart(this.#options.rules, this.#restart, {
			nowMs: now,
			readyForMs,
			planned,
		});
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
