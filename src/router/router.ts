// One request's way through the router: checks, decision, relay. Holds the primary's last word on the workers.
import type { IncomingMessage, ServerResponse } from "node:http";
import { type ErrorCode, RollpinError } from "../base/errors.js";
import type { WorkerIndex } from "../base/ids.js";
import { mintSessionId, ownerOf } from "../base/partitions.js";
import type { PathOf } from "../base/paths.js";
import type { ClusterConfig } from "../config/cluster-config.js";
import type { ClusterSnapshot, WorkerStatus } from "../ipc/messages.js";
import type { Logger } from "../telemetry/logger.js";
import { type Authorize, createAuthorize } from "./auth.js";
import { HeldRequests } from "./held-requests.js";
import { METRICS_CONTENT_TYPE, metricsOf } from "./metrics.js";
import { Relay, type RelayTarget, type RelayWatch } from "./relay.js";
import { clusterOf, healthOf, refuse, sendJson, sendText } from "./replies.js";
import { type HeadFacts, readRequestHead } from "./request-head.js";
import { type Route, route } from "./route.js";
import { WorkerPool } from "./worker-pool.js";

const UPLOAD_CHECK_MS = 1_000;
const RETRY_AFTER_S = 1;
/** How many times a worker's own in-flight bound the router lets run towards it; behind that it is stuck. */
const INFLIGHT_FACTOR = 2;
/** A worker that is replaced drains for its drain time at most; so much more for its end and its successor's start. */
const HOLD_GRACE_MS = 10_000;

/** What becomes of a request as things stand: it goes to a worker, waits for one, or is refused. */
type Aim = RelayTarget | { waitsFor: number } | RollpinError;
type WorkerRoute = Extract<Route, { kind: "create" | "list" | "session" }>;

export class Router {
	readonly #config: ClusterConfig;
	readonly #log: Logger;
	readonly #authorize: Authorize;
	readonly #pool = new WorkerPool();
	readonly #inflight: number[];
	readonly #uploads = new Set<Relay>();
	readonly #held: HeldRequests;
	readonly #quiet: (worker: number, epoch: number) => void;
	readonly #watch: RelayWatch;
	readonly #uploadTimer: NodeJS.Timeout;
	#snapshot: ClusterSnapshot;
	#draining = false;
	/** Requests that were accepted and are not answered yet, relayed or not. */
	#running = 0;
	#whenIdle: (() => void) | null = null;

	/** @param quiet told that no request is on, or goes to, a draining worker's process; more than once, maybe */
	constructor(
		config: ClusterConfig,
		snapshot: ClusterSnapshot,
		log: Logger,
		quiet: (worker: number, epoch: number) => void = () => undefined,
	) {
		this.#config = config;
		this.#log = log;
		this.#snapshot = snapshot;
		this.#quiet = quiet;
		this.#held = new HeldRequests(config.limits.maxInflightPerWorker, config.drainTimeoutMs + HOLD_GRACE_MS);
		this.#authorize = createAuthorize(config.authToken);
		this.#inflight = new Array<number>(config.backends).fill(0);
		this.#uploadTimer = setInterval(() => {
			const now = performance.now();
			for (const relay of this.#uploads) relay.checkIdle(now);
			this.#held.sweep(now);
		}, UPLOAD_CHECK_MS).unref();
		this.#watch = {
			uploads: this.#uploads,
			ended: (target, requestId, code) => this.#relayEnded(target, requestId, code),
		};
		for (const worker of snapshot.workers) this.#tellQuiet(worker);
	}

	update(snapshot: ClusterSnapshot): void {
		this.#snapshot = snapshot;
		// A worker that drains waits for its connections to close.
		const serving = snapshot.workers.filter(({ state }) => state === "ready" && !this.#draining);
		this.#pool.retain(new Set(serving.flatMap(({ socketPath }) => socketPath ?? [])));
		for (const worker of snapshot.workers) {
			this.#tellQuiet(worker);
			if (!worker.replacing) this.#held.release(worker.index);
		}
	}

	/** New requests are answered 503 from now on. Resolves when no request is running. */
	drain(): Promise<void> {
		this.#draining = true;
		this.#pool.retain(new Set());
		this.#held.releaseAll();
		if (this.#running === 0) return Promise.resolve();
		return new Promise((resolve) => {
			this.#whenIdle = resolve;
		});
	}

	close(): void {
		clearInterval(this.#uploadTimer);
		this.#pool.close();
	}

	/** @param expectsContinue the client waits for `100 Continue` before it sends the body */
	handle(req: IncomingMessage, res: ServerResponse, expectsContinue: boolean): void {
		this.#running += 1;
		res.once("close", () => {
			this.#running -= 1;
			if (this.#running === 0) this.#whenIdle?.();
		});
		if (this.#draining) res.shouldKeepAlive = false;
		const facts = readRequestHead(req.rawHeaders, req.httpVersion);
		const fault = this.#faultOf(req, facts);
		if (fault !== null) {
			const closes = fault.code === "body_too_large" || facts.fault !== null;
			refuse(req, res, fault, facts.requestId, closes || expectsContinue || this.#draining);
			return;
		}
		const decision = route(req.method ?? "", req.url ?? "", this.#config.passThroughPaths);
		switch (decision.kind) {
			case "local":
				this.#local[decision.path](res, facts.requestId);
				return;
			case "reject":
				refuse(req, res, decision.error, facts.requestId, expectsContinue || this.#draining);
				return;
			default:
				this.#relay(req, res, facts, decision, expectsContinue);
		}
	}

	readonly #local: Record<PathOf<"router">, (res: ServerResponse, requestId: string) => void> = {
		"/health": (res, requestId) => {
			const { status, body } = healthOf(this.#snapshot);
			sendJson(res, status, body, requestId);
		},
		"/cluster": (res, requestId) => sendJson(res, 200, clusterOf(this.#snapshot), requestId),
		"/metrics": (res, requestId) => {
			void metricsOf(this.#snapshot).then((text) => {
				sendText(res, 200, METRICS_CONTENT_TYPE, text, requestId);
			});
		},
	};

	#faultOf(req: IncomingMessage, facts: HeadFacts): RollpinError | null {
		if (facts.fault !== null) return new RollpinError(facts.fault.code, facts.fault.message);
		const open = req.url === "/health" || req.url?.startsWith("/health?") === true;
		if (!open && !this.#authorize(facts.authorizations)) {
			return new RollpinError("unauthorized", "a valid bearer token is required");
		}
		if (facts.contentEncoding !== null && facts.contentEncoding.toLowerCase() !== "identity") {
			return new RollpinError(
				"unsupported_media_type",
				"a request body must not have a content-encoding; send it plain",
			);
		}
		const { maxBodyBytes } = this.#config.limits;
		if (facts.contentLength > maxBodyBytes) {
			return new RollpinError("body_too_large", `a body may have ${maxBodyBytes} bytes`);
		}
		return null;
	}

	#relay(
		req: IncomingMessage,
		res: ServerResponse,
		facts: HeadFacts,
		decision: WorkerRoute,
		expectsContinue: boolean,
	): void {
		const target = this.#draining
			? new RollpinError("draining", "the cluster is shutting down", { retryAfterS: 5 })
			: this.#aimOf(decision);
		if ("waitsFor" in target) {
			const { waitsFor } = target;
			const again = (): void => this.#relay(req, res, facts, decision, expectsContinue);
			const expire = (): void => {
				const late = unavailable(`worker ${waitsFor} is being replaced, which takes too long`);
				refuse(req, res, late, facts.requestId, expectsContinue);
			};
			if (this.#held.add(waitsFor, res, again, expire)) return;
			const full = unavailable(`worker ${waitsFor} is being replaced, and too many requests wait for it`);
			refuse(req, res, full, facts.requestId, expectsContinue);
			return;
		}
		if (target instanceof RollpinError) {
			refuse(req, res, target, facts.requestId, expectsContinue || this.#draining);
			return;
		}
		if (expectsContinue) res.writeContinue();
		this.#inflight[target.worker] = (this.#inflight[target.worker] ?? 0) + 1;
		new Relay(req, res, facts, target, this.#pool, this.#config.limits, this.#watch);
	}

	#aimOf(decision: WorkerRoute): Aim {
		const { workers } = this.#snapshot;
		switch (decision.kind) {
			case "create": {
				const worker = pickReady(workers);
				if (worker === undefined) {
					const next = workers.find(({ replacing }) => replacing);
					return next === undefined ? unavailable("no worker is ready") : { waitsFor: next.index };
				}
				const id = mintSessionId(worker.index as WorkerIndex, this.#config.backends);
				return this.#to(worker, `x-rollpin-session-id: ${id}\r\n`);
			}
			case "list": {
				if (decision.worker >= this.#config.backends) {
					return rejected("invalid_request", "cursor is not one of ours; use next_cursor of the page before");
				}
				const worker = workers.find(
					(each) => each.index >= decision.worker && (each.state === "ready" || each.replacing),
				);
				if (worker === undefined) return unavailable("no worker that could list is ready");
				return worker.replacing ? { waitsFor: worker.index } : this.#to(worker, "");
			}
			case "session": {
				const owner = ownerOf(decision.partition, this.#config.backends);
				const worker = workers[owner];
				if (worker?.replacing === true) return { waitsFor: owner };
				if (worker === undefined || worker.state !== "ready") {
					return unavailable(`worker ${owner}, which owns this session, is not ready`);
				}
				return this.#to(worker, "");
			}
		}
	}

	#to(worker: WorkerStatus, internalHeaders: string): RelayTarget | RollpinError {
		const { index, socketPath } = worker;
		if (socketPath === null) return unavailable(`worker ${index} is not ready`);
		if ((this.#inflight[index] ?? 0) >= this.#config.limits.maxInflightPerWorker * INFLIGHT_FACTOR) {
			return unavailable(`worker ${index} has too many requests running`);
		}
		return { worker: index, socketPath, internalHeaders };
	}

	/** Relays of a draining process are the last on it: new requests wait. */
	#tellQuiet({ index, state, epoch }: WorkerStatus): void {
		if (state === "draining" && (this.#inflight[index] ?? 0) === 0) this.#quiet(index, epoch);
	}

	#relayEnded({ worker }: RelayTarget, requestId: string, code: string | null): void {
		this.#inflight[worker] = (this.#inflight[worker] ?? 1) - 1;
		const status = this.#snapshot.workers[worker];
		if (status !== undefined) this.#tellQuiet(status);
		if (code === null) return;
		this.#log.event(
			"relay_error",
			{ x_request_id: requestId, worker, code },
			`worker ${worker} failed a request: ${code}`,
		);
	}
}

function pickReady(workers: readonly WorkerStatus[]): WorkerStatus | undefined {
	const ready = workers.filter(({ state }) => state === "ready");
	return ready[Math.floor(Math.random() * ready.length)];
}

function unavailable(message: string): RollpinError {
	return new RollpinError("worker_unavailable", `${message}; try again`, { retryAfterS: RETRY_AFTER_S });
}

function rejected(code: ErrorCode, message: string): RollpinError {
	return new RollpinError(code, message);
}
