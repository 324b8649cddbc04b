// One request's way through the router: checks, decision, relay. Holds the primary's last word on the workers.
import type { IncomingMessage, ServerResponse } from "node:http";
import { hostname } from "node:os";
import { RollpinError } from "../base/errors.js";
import { PartitionMap } from "../base/partitions.js";
import { workerOfPath } from "../base/paths.js";
import type { ClusterConfig, ReloadableConfig } from "../config/cluster-config.js";
import { takeOver } from "../config/reload.js";
import type { ClusterSnapshot, WorkerStatus } from "../ipc/messages.js";
import { addressKey } from "../ipc/worker-address.js";
import type { Logger } from "../telemetry/logger.js";
import { METRICS_CONTENT_TYPE } from "../telemetry/metrics/exposition.js";
import { type Authorize, createAuthorize } from "./auth.js";
import { type BrowserGuard, createBrowserGuard } from "./browser-guard.js";
import { chooseSandbox, SANDBOX_PROCESS, type SandboxRoute } from "./choose-sandbox.js";
import { chooseWorker, type Destination, unavailable, type WorkerRoute } from "./choose-worker.js";
import { clusterOf, healthOf, readyOf } from "./health.js";
import { HeldRequests } from "./held-requests.js";
import { NO_ANSWER, type RouteLabel, type RouterMetrics } from "./metrics.js";
import { Relay, type RelayTarget, type RelayWatch } from "./relay.js";
import { refusalCode, refuse, sendJson, sendText } from "./replies.js";
import { checkRequest } from "./request-check.js";
import { type RequestHead, readRequestHead } from "./request-head.js";
import { type LocalPath, type Route, route } from "./route.js";
import { WorkerPool } from "./worker-pool.js";

/** Resolves when new sessions are routed by it. */
type SetDrain = (worker: number, drain: boolean) => Promise<void>;

const UPLOAD_CHECK_MS = 1_000;
/** How many times a worker's own in-flight bound the router lets run towards it; with more it is stuck. */
const INFLIGHT_FACTOR = 2;
/** A worker that is replaced drains for its drain time at most; this is for its end and its successor's start, or for a first start. */
const HOLD_GRACE_MS = 10_000;

export class Router {
	readonly #config: ClusterConfig;
	readonly #log: Logger;
	#authorize: Authorize;
	/** Null: a page can't have the token. */
	#guard: BrowserGuard | null;
	readonly pool = new WorkerPool();
	readonly #inflight: number[];
	readonly #uploads = new Set<Relay>();
	readonly #held: HeldRequests;
	readonly #workerIdle: (worker: number, epoch: number) => void;
	readonly #setDrain: SetDrain;
	readonly watch: RelayWatch;
	readonly metrics: RouterMetrics;
	readonly #uploadTimer: NodeJS.Timeout;
	readonly #partitions: PartitionMap;
	#snapshot: ClusterSnapshot;
	/** Every reply is the last on its connection. */
	draining = false;
	/** Requests that were accepted and are not answered yet, relayed or not. */
	#running = 0;
	#whenIdle: (() => void) | null = null;

	/**
	 * @param workerIdle called when no request is on, or goes to, a draining worker's process; perhaps more than once
	 * @param setDrain asks the primary
	 */
	constructor(
		config: ClusterConfig,
		snapshot: ClusterSnapshot,
		log: Logger,
		workerIdle: (worker: number, epoch: number) => void,
		metrics: RouterMetrics,
		setDrain: SetDrain = () => Promise.resolve(),
	) {
		this.#config = config;
		this.#log = log;
		this.#snapshot = snapshot;
		this.#workerIdle = workerIdle;
		this.#setDrain = setDrain;
		this.metrics = metrics;
		this.#held = new HeldRequests(config.limits, config.drainTimeoutMs + HOLD_GRACE_MS);
		this.#authorize = createAuthorize(config.authToken);
		this.#guard = guardOf(config);
		this.#partitions = new PartitionMap(config.backends);
		this.#inflight = new Array<number>(config.backends).fill(0);
		this.#uploadTimer = setInterval(() => {
			const now = performance.now();
			for (const relay of this.#uploads) relay.checkIdle(now);
			this.#held.sweep(now);
		}, UPLOAD_CHECK_MS).unref();
		this.watch = {
			uploads: this.#uploads,
			ended: (target, requestId, code) => this.#relayEnded(target, requestId, code),
		};
		for (const worker of snapshot.workers) this.#reportIdle(worker);
	}

	/** From now on these settings are in force. */
	reconfigure(next: ReloadableConfig): void {
		takeOver(this.#config, next);
		this.#authorize = createAuthorize(this.#config.authToken);
		this.#guard = guardOf(this.#config);
	}

	update(snapshot: ClusterSnapshot): void {
		this.#snapshot = snapshot;
		// A worker that drains waits for its connections to close.
		const serving = snapshot.workers.filter(({ state }) => state === "ready" && !this.draining);
		const wanted = [...serving, ...(snapshot.sandbox === null || this.draining ? [] : [snapshot.sandbox])];
		this.pool.retain(new Set(wanted.flatMap(({ address }) => (address === null ? [] : addressKey(address)))));
		for (const worker of snapshot.workers) {
			this.#reportIdle(worker);
			if (!worker.awaited) this.#held.release(worker.index);
		}
	}

	/** New requests are answered 503 from now on. Resolves when no request is running. */
	drain(): Promise<void> {
		this.draining = true;
		this.pool.retain(new Set());
		this.#held.releaseAll();
		if (this.#running === 0) return Promise.resolve();
		return new Promise((resolve) => {
			this.#whenIdle = resolve;
		});
	}

	close(): void {
		clearInterval(this.#uploadTimer);
		this.pool.close();
	}

	/** @param expectsContinue the client waits for `100 Continue` before it sends the body */
	handle(req: IncomingMessage, res: ServerResponse, expectsContinue: boolean): void {
		this.#running += 1;
		const startedMs = performance.now();
		const head = readRequestHead(req.rawHeaders, req.httpVersion);
		const { limits, passThroughPaths } = this.#config;
		const decision = route(req.method ?? "", req.url ?? "", passThroughPaths);
		res.once("close", () => {
			this.#answered(decision, req.method ?? "", res, startedMs, head.requestId);
			this.requestOver();
		});
		if (this.draining) res.shouldKeepAlive = false;
		const fault = checkRequest(req.url ?? "", head, this.#authorize, limits.maxBodyBytes, this.#guard);
		if (fault !== null) {
			const closes = fault.code === "body_too_large" || head.fault !== null;
			refuse(req, res, fault, head.requestId, closes || expectsContinue || this.draining);
			return;
		}
		switch (decision.kind) {
			case "local":
				this.#local[decision.path](res, head.requestId);
				return;
			case "drain": {
				const worker = workerOfPath(decision.path, this.#config.backends);
				if (worker instanceof RollpinError) refuse(req, res, worker, head.requestId, expectsContinue);
				else void this.#answerDrain(res, head.requestId, worker, decision.drain);
				return;
			}
			case "reject":
				refuse(req, res, decision.error, head.requestId, expectsContinue || this.draining);
				return;
			default:
				this.#relay(req, res, head, decision, expectsContinue);
		}
	}

	/**
	 * Takes a request that can go to a ready worker as things stand; `requestOver` must follow.
	 * @returns null: it needs `handle`, which decides anew
	 */
	takePlain(method: string, target: string, head: RequestHead): RelayTarget | null {
		if (this.draining) return null;
		const { limits, passThroughPaths } = this.#config;
		if (checkRequest(target, head, this.#authorize, limits.maxBodyBytes, this.#guard) !== null) return null;
		const decision = route(method, target, passThroughPaths);
		if (decision.kind === "local" || decision.kind === "drain" || decision.kind === "reject") return null;
		const destination = this.#choose(decision);
		if (destination instanceof RollpinError || "waitsFor" in destination) return null;
		this.#running += 1;
		this.#relayBegins(destination);
		return destination;
	}

	requestOver(): void {
		this.#running -= 1;
		if (this.#running === 0) this.#whenIdle?.();
	}

	async #answerDrain(res: ServerResponse, requestId: string, worker: number, drain: boolean): Promise<void> {
		await this.#setDrain(worker, drain);
		if (!res.destroyed) sendJson(res, 200, JSON.stringify({ worker, drain }), requestId);
	}

	readonly #local: Record<LocalPath, (res: ServerResponse, requestId: string) => void> = {
		"/health": (res, requestId) => {
			const { status, body } = healthOf(this.#snapshot);
			sendJson(res, status, body, requestId);
		},
		"/ready": (res, requestId) => {
			const { status, body } = readyOf(this.#snapshot, this.draining);
			sendJson(res, status, body, requestId);
		},
		"/cluster": (res, requestId) => sendJson(res, 200, clusterOf(this.#snapshot), requestId),
		"/metrics": (res, requestId) => {
			void this.metrics.text().then((text) => {
				sendText(res, 200, METRICS_CONTENT_TYPE, text, requestId);
			});
		},
	};

	#relay(
		req: IncomingMessage,
		res: ServerResponse,
		head: RequestHead,
		decision: WorkerRoute | SandboxRoute,
		expectsContinue: boolean,
	): void {
		const target = this.draining
			? new RollpinError("draining", "the cluster is shutting down", { retryAfterS: 5 })
			: this.#choose(decision);
		if ("waitsFor" in target) {
			const { waitsFor } = target;
			const again = (): void => this.#relay(req, res, head, decision, expectsContinue);
			const expire = (): void => {
				const late = unavailable(`worker ${waitsFor} starts, which takes too long`);
				refuse(req, res, late, head.requestId, expectsContinue);
			};
			if (this.#held.add(waitsFor, res, again, expire)) return;
			const full = unavailable(`worker ${waitsFor} starts, and too many requests wait for it`);
			refuse(req, res, full, head.requestId, expectsContinue);
			return;
		}
		if (target instanceof RollpinError) {
			refuse(req, res, target, head.requestId, expectsContinue || this.draining);
			return;
		}
		if (expectsContinue) res.writeContinue();
		this.#relayBegins(target);
		new Relay(req, res, head, target, this.pool, this.#config.limits.maxBodyBytes, this.watch);
	}

	#answered(
		decision: Route,
		method: string,
		res: ServerResponse,
		startedMs: number,
		requestId: string,
	): void {
		const status = res.headersSent ? res.statusCode : NO_ANSWER;
		this.metrics.answered(labelOf(decision), method, status, performance.now() - startedMs);
		const code = refusalCode(res);
		if (code === undefined) return;
		this.metrics.refused(code);
		if (decision.kind === "create") this.#log.event("session_refused", { x_request_id: requestId, code });
	}

	#choose(decision: WorkerRoute | SandboxRoute): Destination {
		if (decision.kind === "sandbox") return chooseSandbox(decision, this.#snapshot.sandbox);
		return chooseWorker(decision, {
			workers: this.#snapshot.workers,
			partitions: this.#partitions,
			inflight: this.#inflight,
			maxInflight: this.#config.limits.maxInflightPerWorker * INFLIGHT_FACTOR,
		});
	}

	#relayBegins({ worker }: RelayTarget): void {
		if (worker === SANDBOX_PROCESS) return;
		this.#inflight[worker] = (this.#inflight[worker] ?? 0) + 1;
	}

	/** Relays of a draining process are the last on it: new requests wait. */
	#reportIdle({ index, state, epoch }: WorkerStatus): void {
		if (state === "draining" && (this.#inflight[index] ?? 0) === 0) this.#workerIdle(index, epoch);
	}

	#relayEnded({ worker }: RelayTarget, requestId: string, code: string | null): void {
		if (worker !== SANDBOX_PROCESS) {
			this.#inflight[worker] = (this.#inflight[worker] ?? 1) - 1;
			const status = this.#snapshot.workers[worker];
			if (status !== undefined) this.#reportIdle(status);
		}
		if (code === null) return;
		this.#log.event(
			"relay_error",
			{ x_request_id: requestId, worker, code },
			`worker ${worker} failed a request: ${code}`,
		);
	}
}

function guardOf({ allowedHosts, authToken, host }: ClusterConfig): BrowserGuard | null {
	return authToken === null ? createBrowserGuard({ host, allowedHosts, machineName: hostname() }) : null;
}

function labelOf(decision: Route): RouteLabel {
	if (decision.kind === "reject") return "other";
	return decision.kind === "drain" ? decision.label : decision.path;
}
