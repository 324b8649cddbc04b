// What the primary knows of its cluster beside the states of its slots: heartbeats, health, metrics. Logs and counts; starts nothing.
import type { ClusterConfig } from "../config/cluster-config.js";
import type { FromChild, WorkerStatus } from "../ipc/messages.js";
import type { Heartbeat } from "../telemetry/heartbeat.js";
import type { Logger } from "../telemetry/logger.js";
import { createLoopLag } from "../telemetry/loop-lag.js";
import { processMetrics } from "../telemetry/metrics/process-metrics.js";
import type { ChildSlot, SlotListener } from "./child-slot.js";
import { logHeartbeat, logHeartbeatMissed } from "./cluster-log.js";
import type { ClusterMetrics } from "./cluster-metrics.js";
import type { ClusterStage } from "./cluster-state.js";
import { HealthWatch } from "./health-watch.js";
import { HeartbeatCollector } from "./heartbeat.js";
import { MetricsGatherer } from "./metrics-gatherer.js";
import { logExit, logReady, logSpawn, logUnresponsive } from "./slot-log.js";

export interface ClusterWatchParts {
	config: ClusterConfig;
	log: Logger;
	/** Rollpin's own. */
	version: string;
	workers: readonly ChildSlot[];
	sandbox: ChildSlot | null;
	statusOf: (slot: ChildSlot) => WorkerStatus;
	stage: () => ClusterStage;
	/** Something is known that the router does not know. */
	changed: () => void;
}

export class ClusterWatch {
	readonly heartbeats: HeartbeatCollector;
	readonly health: HealthWatch;
	readonly #gatherer: MetricsGatherer;

	constructor(parts: ClusterWatchParts, metrics: ClusterMetrics) {
		const { changed, config, log, sandbox, stage, statusOf, version, workers } = parts;
		const { counts } = metrics;
		this.heartbeats = new HeartbeatCollector({
			intervalMs: config.heartbeatIntervalMs,
			workers,
			onHeartbeat(heartbeat) {
				logHeartbeat(log, heartbeat);
				changed();
			},
			onMissed(slot, missed) {
				counts.heartbeats_missed_total.value++;
				logHeartbeatMissed(log, slot, missed);
			},
		});
		const dataDir = config.store === "memory" ? null : config.dataDir;
		this.health = new HealthWatch({
			log,
			dataDir,
			workers: () => workers.map(statusOf),
			stage,
			sandbox: () => sandbox?.state ?? null,
			changed,
		});
		createLoopLag(counts.event_loop_lag_seconds);
		this.#gatherer = new MetricsGatherer({
			workers,
			sandbox,
			own: processMetrics(
				{ role: "primary" },
				counts,
				metrics.gauges({ version, workers: () => workers, storeFreeBytes: () => this.health.storeFreeBytes }),
			),
			missed: (process) => counts.scrapes_missed_total.at(process).value++,
		});
	}

	stop(): void {
		this.heartbeats.stop();
		this.health.stop();
	}

	/** The last heartbeat of the process that is in the slot now, or null. */
	heartbeatOf(slot: ChildSlot): Heartbeat | null {
		const heartbeat = this.heartbeats.last(slot);
		return heartbeat === null ? null : { ...heartbeat };
	}

	/** @returns false: the message is about something else */
	heard(slot: ChildSlot, message: FromChild): boolean {
		switch (message.type) {
			case "stats":
				void this.heartbeats.answered(slot, message.stats);
				return true;
			case "condition":
				this.health.told(slot, message.condition);
				return true;
			case "sandbox_condition":
				this.health.sandboxTold(message.trouble);
				return true;
			case "metrics":
				if (slot.role === "sandbox") this.#gatherer.sandboxAnswered(message.seq, message.text);
				else this.#gatherer.answered(slot.index, message.seq, message.text);
				return true;
			case "gather_metrics":
				void this.#gatherer.gather().then((texts) => {
					slot.send({ type: "gathered_metrics", seq: message.seq, texts });
				});
				return true;
			default:
				return false;
		}
	}
}

/** The part of a slot's listener that only logs and counts. */
export function slotReports(
	{ store }: Pick<ClusterConfig, "store">,
	log: Logger,
	metrics: ClusterMetrics,
): Pick<SlotListener, "exited" | "ready" | "spawned" | "unresponsive"> {
	return {
		spawned: (slot, attempt, sinceLastMs) => logSpawn(log, slot, attempt, sinceLastMs),
		ready(slot, _message, afterMs) {
			logReady(log, slot, afterMs);
			if (slot.role === "worker") metrics.workerReady(afterMs);
		},
		exited(slot, exit) {
			if (slot.role === "worker") metrics.workerExited(slot, exit);
			logExit(log, slot, exit, exit.readyForMs !== null && store === "memory");
		},
		unresponsive(slot, silentMs) {
			if (slot.role === "worker") metrics.workerUnresponsive(slot);
			logUnresponsive(log, slot, silentMs);
		},
	};
}
