// Ties the slots, the front port and the heartbeat together into one cluster. Decisions live in its neighbours.
import type { ClusterConfig } from "../config/cluster-config.js";
import type { ClusterSnapshot, EngineCheckResult, ToChild, WorkerStatus } from "../ipc/messages.js";
import type { Logger } from "../telemetry/logger.js";
import { ChildSlot, type SlotListener } from "./child-slot.js";
import { type ClusterStage, snapshotOf, startProgress } from "./cluster-state.js";
import type { Fork } from "./fork.js";
import type { FrontPort } from "./front-port.js";
import { HeartbeatCollector } from "./heartbeat.js";
import { reloadWorkers } from "./reload.js";
import { Replacements } from "./replacements.js";
import { ROUTER_RULES, WORKER_RULES } from "./restart-policy.js";
import { logExit, logReady, logSpawn, logUnresponsive, nameOf } from "./slot-log.js";
import type { SocketDir } from "./socket-dir.js";

/** Why a cluster cannot go on by itself. */
export interface FatalEnd {
	exitCode: 1 | 2;
	reason: string;
	/** It never came up: the reason is the one line the operator reads. */
	role: string;
}

export interface ClusterParts {
	/** A number greater than every earlier one for this data dir; it shuts a worker's predecessor out of the store. */
	nextStoreEpoch: () => Promise<number>;
	config: ClusterConfig;
	log: Logger;
	fork: Fork;
	port: FrontPort;
	sockets: SocketDir;
}

export class Cluster {
	readonly workers: readonly ChildSlot[];
	readonly router: ChildSlot;
	/** Null when a real engine was given. */
	readonly sim: ChildSlot | null;
	/** Resolves when the cluster cannot go on. */
	readonly fatal: Promise<FatalEnd>;
	readonly #parts: ClusterParts;
	readonly #heartbeats: HeartbeatCollector;
	readonly #replacements: Replacements;
	readonly #startedAt = Date.now() / 1000;
	readonly #fail: (end: FatalEnd) => void;
	/** The engine's URL; the simulated engine's own once it is ready. */
	#upstream: string | null;
	#stage: ClusterStage = "starting";
	#engineCheck: EngineCheckResult | null = null;
	#pushScheduled = false;

	constructor(parts: ClusterParts) {
		this.#parts = parts;
		const { config, fork, sockets } = parts;
		this.#upstream = config.upstream;
		let fail: (end: FatalEnd) => void = () => undefined;
		this.fatal = new Promise((resolve) => {
			fail = resolve;
		});
		this.#fail = fail;
		this.#replacements = new Replacements(config.drainTimeoutMs);
		const listener = this.#listener();
		const slot = { fork, listener };
		this.workers = Array.from(
			{ length: config.backends },
			(_, index) =>
				new ChildSlot({
					...slot,
					role: "worker",
					index,
					rules: WORKER_RULES,
					startMessage: async (epoch): Promise<ToChild> => ({
						type: "start_worker",
						index,
						epoch,
						storeEpoch: await parts.nextStoreEpoch(),
						address: { kind: "socket", path: sockets.path("w", index, epoch) },
						config: this.#childConfig(),
					}),
				}),
		);
		this.router = new ChildSlot({
			...slot,
			role: "router",
			index: 0,
			rules: ROUTER_RULES,
			startMessage: (epoch): ToChild => ({
				type: "start_router",
				socketPath: sockets.path("r", 0, epoch),
				config: this.#childConfig(),
				snapshot: this.snapshot(),
			}),
		});
		this.sim =
			config.upstream === null
				? new ChildSlot({
						...slot,
						role: "sim",
						index: 0,
						rules: WORKER_RULES,
						startMessage: () => ({ type: "start_sim", config: this.#childConfig() }),
					})
				: null;
		this.#heartbeats = new HeartbeatCollector({
			intervalMs: config.heartbeatIntervalMs,
			workers: this.workers,
			onHeartbeat: (heartbeat) => {
				parts.log.event("heartbeat", heartbeat, `worker ${heartbeat.worker} is alive`);
				this.#push();
			},
			onMissed: ({ index, pid }, missed) => {
				const fields = { worker: index, worker_pid: pid ?? 0, missed };
				parts.log.event("heartbeat_missed", fields, `worker ${index} missed ${missed} heartbeats`);
			},
		});
	}

	/** The router first: it answers /health while the rest comes up. Workers wait for the simulated engine. */
	start(): void {
		this.router.start();
		if (this.sim === null) this.#startWorkers();
		else this.sim.start();
	}

	get stage(): ClusterStage {
		return this.#stage;
	}

	snapshot(): ClusterSnapshot {
		const { config, port } = this.#parts;
		const cluster = {
			instanceId: config.instanceId,
			startedAt: this.#startedAt,
			url: port.url,
			upstream: this.#upstream,
			engineCheck: this.#engineCheck,
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
		this.#heartbeats.stop();
		// At once: the router's drain message must not overtake it.
		this.router.send({ type: "snapshot", snapshot: this.snapshot() });
	}

	/**
	 * Replaces every worker by a new process, one after the other; a new build is picked up. At the first successor
	 * that does not come up it stops: the others go on as they are.
	 */
	async reload(): Promise<void> {
		const { config, log } = this.#parts;
		if (this.#stage !== "up" || config.store === "memory") {
			const reason =
				this.#stage === "up"
					? "--store memory would lose every session with its worker"
					: `the cluster is ${this.#stage}`;
			log.event("reload_refused", { reason }, `no reload: ${reason}`);
			return;
		}
		await reloadWorkers(this.workers, this.#replacements, log, () => this.stage === "draining");
	}

	stopHeartbeats(): void {
		this.#heartbeats.stop();
	}

	/** Every slot, in the order in which they are drained. */
	slots(): ChildSlot[] {
		return [this.router, ...this.workers, ...(this.sim === null ? [] : [this.sim])];
	}

	#startWorkers(): void {
		for (const slot of this.workers) slot.start();
	}

	#childConfig(): ClusterConfig {
		return { ...this.#parts.config, upstream: this.#upstream };
	}

	#statusOf(slot: ChildSlot): WorkerStatus {
		const ready = slot.state === "ready" || slot.state === "draining";
		const heartbeat = this.#heartbeats.last(slot);
		return {
			index: slot.index,
			state: slot.state,
			pid: slot.pid,
			epoch: slot.epoch,
			replacing: slot.replacing,
			address: ready ? { kind: "socket", path: this.#parts.sockets.path("w", slot.index, slot.epoch) } : null,
			heartbeat: heartbeat === null ? null : { ...heartbeat },
		};
	}

	#listener(): SlotListener {
		const { log, config } = this.#parts;
		return {
			spawned: (slot, attempt, sinceLastMs) => logSpawn(log, slot, attempt, sinceLastMs),
			ready: (slot, message, afterMs) => {
				logReady(log, slot, afterMs);
				if (slot.role === "sim") this.#simReady(slot, message.url, message.controlUrl ?? "");
			},
			failed: (slot, message, exitCode) => {
				if (this.#stage === "starting") return this.#fail({ exitCode, reason: message, role: slot.role });
				log.event("start_failed", { failed_role: slot.role }, message);
			},
			exited: (slot, exit) => logExit(log, slot, exit, exit.served && config.store === "memory"),
			quarantined: (slot, crashes) => this.#quarantined(slot, crashes),
			unresponsive: (slot, silentMs) => logUnresponsive(log, slot, silentMs),
			stats: (slot, stats) => void this.#heartbeats.answered(slot, stats),
			engineChecked: (result) => {
				this.#engineCheck = result;
				this.#push();
			},
			taken: (_slot, seq) => this.#parts.port.taken(seq),
			quiet: (worker, epoch) => this.#replacements.quiet(worker, epoch),
			changed: (slot) => this.#changed(slot),
		};
	}

	#simReady(slot: ChildSlot, url: string | undefined, controlUrl: string): void {
		if (url === undefined) {
			this.#fail({ exitCode: 1, reason: "the simulated engine gave no URL", role: slot.role });
			return;
		}
		const first = this.#upstream === null;
		this.#upstream = url;
		this.#parts.log.event(
			"sim_engine",
			{ url, control_url: controlUrl, pid: slot.pid ?? 0 },
			`no --upstream was given: a SIMULATED engine answers at ${url}; its tokens are noise, do not train on them`,
		);
		if (first) this.#startWorkers();
	}

	#quarantined(slot: ChildSlot, crashes: number): void {
		const { log } = this.#parts;
		if (slot.role !== "worker") {
			this.#fail({ exitCode: 1, reason: `${nameOf(slot)} keeps dying`, role: slot.role });
			return;
		}
		log.event(
			"worker_quarantined",
			{ worker: slot.index, crashes },
			`worker ${slot.index} crashed ${crashes} times in a short while: its sessions answer 503 until a later try succeeds`,
		);
	}

	#changed(slot: ChildSlot): void {
		if (slot === this.router) this.#routerChanged();
		this.#push();
		if (slot.role === "worker") this.#replacements.changed(slot);
		if (slot.role === "worker" && slot.state === "ready") this.#heartbeats.ask(slot);
		if (this.#stage === "draining") return;
		const progress = startProgress(this.workers, this.router.state === "ready");
		if (progress === "hopeless") {
			this.#fail({ exitCode: 1, reason: "every worker keeps dying", role: "worker" });
			return;
		}
		if (progress === "complete" && this.#stage === "starting") this.#up();
		if (slot.state === "quarantined") {
			const ready = this.workers.filter(({ state }) => state === "ready").length;
			const total = this.workers.length;
			this.#parts.log.event("cluster_degraded", { ready, total }, `${ready} of ${total} workers are ready`);
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
		log.event(
			"cluster_ready",
			{
				url: port.url,
				backends: config.backends,
				worker_pids: this.workers.map(({ pid }) => pid ?? 0),
				router_pid: this.router.pid ?? 0,
				upstream: this.#upstream ?? "",
				mode: config.mode,
				tito_model: config.titoModel,
				tito_model_from: config.titoModelWhy,
				data_dir: config.dataDir,
			},
			`ready at ${port.url} with ${config.backends} worker${config.backends === 1 ? "" : "s"}`,
		);
		this.#heartbeats.start();
	}

	/** One snapshot for all that changes in one turn of the loop. */
	#push(): void {
		if (this.#pushScheduled) return;
		this.#pushScheduled = true;
		setImmediate(() => {
			this.#pushScheduled = false;
			if (this.router.state === "ready") this.router.send({ type: "snapshot", snapshot: this.snapshot() });
		});
	}
}
