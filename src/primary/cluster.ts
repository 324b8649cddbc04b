// Ties the slots, the front port and the heartbeat together into one cluster. Decisions live in its neighbours.
import { EXIT_FAILED, type FailureCode } from "../base/exit-codes.js";
import type { ClusterConfig, ReloadableConfig } from "../config/cluster-config.js";
import { reloadablePart, takeOver } from "../config/reload.js";
import type { ClusterSnapshot, EngineCheckResult, FromChild, WorkerStatus } from "../ipc/messages.js";
import type { Logger } from "../telemetry/logger.js";
import type { ChildSlot, SlotListener } from "./child-slot.js";
import { logClusterReady, logDegraded, logDrain, logSimEngine } from "./cluster-log.js";
import { ClusterMetrics } from "./cluster-metrics.js";
import {
	type ClusterStage,
	sandboxStatus,
	snapshotOf,
	stepsAfter,
	whyNoReload,
	workerStatus,
} from "./cluster-state.js";
import { ClusterWatch, slotReports } from "./cluster-watch.js";
import type { FrontPort } from "./front-port.js";
import { reloadWorkers } from "./reload.js";
import { Replacements } from "./replacements.js";
import { logQuarantined, nameOf } from "./slot-log.js";
import { createSlots, type SlotParts } from "./slots.js";

/** Why a cluster cannot go on by itself. */
export interface FatalEnd {
	exitCode: FailureCode;
	reason: string;
	/** It never came up: the reason is the one line the operator reads. */
	role: string;
}

export interface ClusterParts extends Pick<SlotParts, "fork" | "sockets" | "nextStoreEpoch"> {
	config: ClusterConfig;
	log: Logger;
	port: FrontPort;
	/** Rollpin's own. */
	version: string;
}

export class Cluster {
	readonly workers: readonly ChildSlot[];
	readonly router: ChildSlot;
	/** Null when a real engine was given. */
	readonly sim: ChildSlot | null;
	/** Null where there are no sandboxes. */
	readonly sandbox: ChildSlot | null;
	/** Resolves when the cluster cannot go on. */
	readonly fatal: Promise<FatalEnd>;
	readonly #parts: ClusterParts;
	readonly #replacements: Replacements;
	readonly #metrics = new ClusterMetrics();
	readonly #watch: ClusterWatch;
	readonly #startedAt = Date.now() / 1000;
	readonly #fail: (end: FatalEnd) => void;
	/** The engine's URL; the simulated engine's own once it is ready. */
	#upstream: string | null;
	#stage: ClusterStage = "starting";
	#engineCheck: EngineCheckResult | null = null;
	#pushScheduled = false;
	/** Indexes of workers that get no new sessions; their processes may change. */
	readonly #drained = new Set<number>();

	constructor(parts: ClusterParts) {
		this.#parts = parts;
		const { config } = parts;
		this.#upstream = config.upstream;
		let fail: (end: FatalEnd) => void = () => undefined;
		this.fatal = new Promise((resolve) => {
			fail = resolve;
		});
		this.#fail = fail;
		this.#replacements = new Replacements(config.drainTimeoutMs);
		const { router, sandbox, sim, workers } = createSlots({
			...parts,
			listener: this.#listener(),
			config: () => ({ ...config, upstream: this.#upstream }),
			snapshot: () => this.snapshot(),
		});
		this.router = router;
		this.sim = sim;
		this.sandbox = sandbox;
		this.workers = workers;
		this.#watch = new ClusterWatch(
			{
				...parts,
				workers,
				sandbox,
				statusOf: (slot) => this.#statusOf(slot),
				stage: () => this.#stage,
				changed: () => this.#push(),
			},
			this.#metrics,
		);
	}

	/** The router first: it answers /health while the rest comes up. Workers wait for the simulated engine. */
	start(): void {
		this.router.start();
		this.sandbox?.start();
		this.#watch.health.start(this.#upstream === null ? [] : [this.#upstream]);
		if (this.sim === null) this.#startWorkers();
		else this.sim.start();
	}

	/** The engine's URL; null while the simulated engine has none yet. */
	get upstream(): string | null {
		return this.#upstream;
	}

	get stage(): ClusterStage {
		return this.#stage;
	}

	snapshot(): ClusterSnapshot {
		const { config, port, sockets, version } = this.#parts;
		const cluster = {
			version,
			instanceId: config.instanceId,
			startedAt: this.#startedAt,
			url: port.url,
			upstream: this.#upstream,
			engineCheck: this.#engineCheck,
			sandbox: this.sandbox && sandboxStatus(this.sandbox, sockets.path("s", 0, 0)),
			...this.#watch.health.checks(),
		};
		return snapshotOf(
			this.#stage,
			cluster,
			this.workers.map((slot) => this.#statusOf(slot)),
		);
	}

	/** From here on nothing is respawned for traffic's sake: /health says `draining`. */
	beginDraining(): void {
		this.#stage = "draining";
		this.#watch.stop();
		// At once: the router's drain message must not overtake it.
		this.router.send({ type: "snapshot", snapshot: this.snapshot() });
	}

	/**
	 * Replaces every worker by a new process, one after the other; a new build is picked up. At the first successor
	 * that does not come up it stops: the others go on as they are.
	 * @param settings reloads them first; false: no worker is replaced
	 */
	async reload(settings: () => boolean): Promise<void> {
		const { config, log } = this.#parts;
		const reason = whyNoReload(this.#stage, config.store);
		if (reason !== null) log.event("reload_refused", { reason }, `no reload: ${reason}`);
		else if (settings())
			await reloadWorkers(this.workers, this.#replacements, log, () => this.stage === "draining");
	}

	/** Puts these settings into force, here and in every process that runs; those to come start with them. */
	reconfigure(next: ReloadableConfig): void {
		const { config } = this.#parts;
		if (next.upstream !== config.upstream) {
			this.#upstream = next.upstream;
			this.#engineCheck = null;
			this.#watch.health.engines(next.upstream === null ? [] : [next.upstream]);
		}
		takeOver(config, next);
		const told = { ...reloadablePart(config), upstream: this.#upstream };
		for (const slot of [this.router, ...this.workers]) slot.send({ type: "reconfigure", config: told });
		this.sandbox?.send({ type: "reconfigure", config: told });
		this.#push();
	}

	stopWatching(): void {
		this.#watch.stop();
	}

	/** Every slot, in the order in which they are drained. */
	slots(): ChildSlot[] {
		const { router, sandbox, sim, workers } = this;
		return [router, ...workers, ...(sandbox === null ? [] : [sandbox]), ...(sim === null ? [] : [sim])];
	}

	#startWorkers(): void {
		for (const slot of this.workers) slot.start();
	}

	#statusOf(slot: ChildSlot): WorkerStatus {
		return workerStatus(slot, {
			drain: this.#drained.has(slot.index),
			path: this.#parts.sockets.path("w", slot.index, slot.epoch),
			heartbeat: this.#watch.heartbeatOf(slot),
		});
	}

	#listener(): SlotListener {
		const { log, config } = this.#parts;
		const reports = slotReports(config, log, this.#metrics);
		return {
			...reports,
			ready: (slot, message, afterMs) => {
				reports.ready(slot, message, afterMs);
				if (slot.role === "sim") this.#simReady(slot, message.url, message.controlUrl ?? "");
			},
			failed: (slot, message, exitCode) => {
				if (this.#stage === "starting") return this.#fail({ exitCode, reason: message, role: slot.role });
				log.event("start_failed", { failed_role: slot.role }, message);
			},
			quarantined: (slot, crashes) => this.#quarantined(slot, crashes),
			message: (slot, message) => this.#received(slot, message),
			changed: (slot) => this.#changed(slot),
		};
	}

	#received(slot: ChildSlot, message: FromChild): void {
		if (this.#watch.heard(slot, message)) return;
		switch (message.type) {
			case "engine_checked":
				this.#engineCheck = message.result;
				this.#push();
				break;
			case "connection_received":
				this.#parts.port.received(message.seq);
				break;
			case "worker_idle":
				this.#replacements.workerIdle(message.worker, message.epoch);
				break;
			case "set_worker_drain":
				this.#setDrain(message.worker, message.drain);
				this.router.send({ type: "worker_drain_set", seq: message.seq });
		}
	}

	#setDrain(worker: number, drain: boolean): void {
		if (drain) this.#drained.add(worker);
		else this.#drained.delete(worker);
		logDrain(this.#parts.log, worker, drain);
		// At once: the router answers by what it knows.
		this.router.send({ type: "snapshot", snapshot: this.snapshot() });
	}

	#simReady(slot: ChildSlot, url: string | undefined, controlUrl: string): void {
		if (url === undefined) {
			this.#fail({ exitCode: EXIT_FAILED, reason: "the simulated engine gave no URL", role: slot.role });
			return;
		}
		const first = this.#upstream === null;
		this.#upstream = url;
		this.#watch.health.engines([url]);
		logSimEngine(this.#parts.log, url, controlUrl, slot.pid ?? 0);
		if (first) this.#startWorkers();
	}

	#quarantined(slot: ChildSlot, crashes: number): void {
		if (slot.role === "worker") logQuarantined(this.#parts.log, slot, crashes);
		else this.#fail({ exitCode: EXIT_FAILED, reason: `${nameOf(slot)} keeps dying`, role: slot.role });
	}

	#changed(slot: ChildSlot): void {
		if (slot === this.router) this.#routerChanged();
		this.#push();
		if (slot.role === "worker") this.#replacements.changed(slot);
		if (slot.role === "worker" && slot.state === "ready") this.#watch.heartbeats.ask(slot);
		const othersReady = [this.router, this.sandbox].every((each) => each === null || each.state === "ready");
		for (const step of stepsAfter(this.#stage, this.workers, othersReady, slot.state)) {
			if (step === "up") this.#up();
			else if (step === "degraded") logDegraded(this.#parts.log, this.workers);
			else this.#fail({ exitCode: EXIT_FAILED, reason: "every worker keeps dying", role: "worker" });
		}
	}

	#routerChanged(): void {
		const { port } = this.#parts;
		if (this.router.state !== "ready") {
			port.attach(null);
			return;
		}
		port.attach((connection, seq, done) => this.router.send({ type: "connection", seq }, connection, done));
	}

	#up(): void {
		const { config, log, port } = this.#parts;
		this.#stage = "up";
		logClusterReady(log, config, port.url, this.#upstream, this);
		this.#watch.heartbeats.start();
	}

	/** One snapshot for all that changes in one turn of the loop. */
	#push(): void {
		if (this.#pushScheduled) return;
		this.#pushScheduled = true;
		setImmediate(() => {
			this.#pushScheduled = false;
			const snapshot = this.snapshot();
			for (const slot of [this.router, this.sandbox])
				if (slot?.state === "ready") slot.send({ type: "snapshot", snapshot });
		});
	}
}
