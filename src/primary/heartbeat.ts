// Collects a heartbeat from every worker at each interval and remembers the last. Decides nothing about restarts.
import { type Heartbeat, heartbeatOf } from "../telemetry/heartbeat.js";
import type { ProcessUsage, WorkerFigures } from "../telemetry/heartbeat-fields.js";
import type { ChildSlot } from "./child-slot.js";
import { measureProcesses } from "./process-usage.js";

export interface HeartbeatOptions {
	intervalMs: number;
	workers: readonly ChildSlot[];
	onHeartbeat: (heartbeat: Heartbeat) => void;
	/** `missed` heartbeats in a row were not answered. Called from the first on. */
	onMissed: (slot: ChildSlot, missed: number) => void;
	measure?: (pids: readonly number[]) => Promise<Map<number, ProcessUsage>>;
}

export class HeartbeatCollector {
	readonly #options: HeartbeatOptions;
	readonly #last = new Map<number, Heartbeat>();
	/** Questions in a row without an answer, per worker index; they count for the epoch they were asked in. */
	readonly #open = new Map<number, { epoch: number; count: number }>();
	#timer: NodeJS.Timeout | undefined;

	constructor(options: HeartbeatOptions) {
		this.#options = options;
	}

	/** Asks every ready worker now and then at each interval. */
	start(): void {
		if (this.#timer !== undefined) return;
		this.#timer = setInterval(() => this.#askAll(), this.#options.intervalMs);
		this.#askAll();
	}

	stop(): void {
		clearInterval(this.#timer);
		this.#timer = undefined;
	}

	/** Asks one worker out of turn: a fresh one, so that its first heartbeat does not wait an interval. */
	ask(slot: ChildSlot): void {
		if (this.#timer === undefined || slot.state !== "ready") return;
		const open = this.#open.get(slot.index);
		const count = open?.epoch === slot.epoch ? open.count : 0;
		if (count > 0) this.#options.onMissed(slot, count);
		this.#open.set(slot.index, { epoch: slot.epoch, count: count + 1 });
		slot.send({ type: "ask_stats" });
	}

	/** The answer of a worker. The heartbeat is reported once its process is measured. */
	async answered(slot: ChildSlot, stats: WorkerFigures): Promise<void> {
		const { pid } = slot;
		this.#open.delete(slot.index);
		if (pid === null) return;
		const usage = (await (this.#options.measure ?? measureProcesses)([pid])).get(pid);
		if (usage === undefined || slot.pid !== pid) return;
		const heartbeat = heartbeatOf(slot.index, pid, stats, usage);
		this.#last.set(slot.index, heartbeat);
		this.#options.onHeartbeat(heartbeat);
	}

	/** The last heartbeat of the process that is in the slot now, or null. */
	last(slot: ChildSlot): Heartbeat | null {
		const heartbeat = this.#last.get(slot.index);
		return heartbeat !== undefined && heartbeat.worker_pid === slot.pid ? heartbeat : null;
	}

	#askAll(): void {
		for (const slot of this.#options.workers) this.ask(slot);
	}
}
