// The primary's life from the open port to the exit code: start, serve, end in order. Owns the order, nothing else.
import { EXIT_FAILED, EXIT_OK, exitCodeOf } from "../base/exit-codes.js";
import { isLoopback } from "../base/loopback.js";
import type { ClusterConfig } from "../config/cluster-config.js";
import { CUT_ANSWERS_MS } from "../ipc/drain-times.js";
import type { ClusterLogger, Logger } from "../telemetry/logger.js";
import { Cluster, type FatalEnd } from "./cluster.js";
import { takeEarlySignals } from "./early-signals.js";
import { createClusterFork, type Fork } from "./fork.js";
import { FrontPort } from "./front-port.js";
import { type ReadSettingsAgain, reloadSettings } from "./settings-reload.js";
import {
	listenForHangup,
	listenForReload,
	listenForSignals,
	type ShutdownSignals,
	signalExitCode,
} from "./signals.js";
import { createSocketDir, type SocketDir } from "./socket-dir.js";
import { warnOfUnreachable } from "./upstream-probe.js";

export interface RunClusterDeps {
	log: ClusterLogger;
	/** Rollpin's own, for the log. */
	version: string;
	/** See `ClusterParts`; 0 for a store that knows no epochs. */
	nextStoreEpoch?: () => Promise<number>;
	/** Resolves, with one line for the operator, when another cluster has taken the data dir over. */
	lost?: Promise<string>;
	/** Real child processes unless a test brings its own. */
	fork?: Fork;
	/** Reads the settings again, for a reload; by default there is nothing to read. */
	readSettings?: ReadSettingsAgain;
	/** This process's signals unless a test brings its own. */
	signals?: ShutdownSignals;
}

/** A child ends itself when its drain time is over and what was cut is answered; this much later it is killed. */
const DRAIN_GRACE_MS = CUT_ANSWERS_MS + 1_500;
/** The simulated engine has nothing to keep. */
const SIM_DRAIN_MS = 500;

/**
 * Runs a cluster until it is told to end or cannot go on. The caller exits with the result at once: children
 * and timers are gone by then.
 * @returns 0 after an ordered end, 1 when it failed while running, 2 for a configuration that cannot work,
 * 128 + signal number when a second signal cut the ordered end short
 */
export async function runCluster(config: ClusterConfig, deps: RunClusterDeps): Promise<number> {
	const { log } = deps;
	// Before anything else: without a listener the signal ends the process.
	const signals = deps.signals ?? listenForSignals();
	const stopReloads = listenForReload(() => reload());
	const stopHangups = listenForHangup(
		() => signals.hangUp(),
		() => reloadOnly(),
	);
	const wishes = takeEarlySignals();
	let reload = (): void => {
		wishes.workers = true;
	};
	let reloadOnly = (): void => {
		wishes.settings = true;
	};
	let port: FrontPort;
	let sockets: SocketDir | undefined;
	try {
		sockets = createSocketDir();
		port = await FrontPort.open({
			host: config.host,
			port: config.port,
			// The router, the workers, perhaps the simulated engine.
			children: config.backends + (config.upstream === null ? 2 : 1),
			onTrouble: (code, count) => {
				log.event("front_port_error", { code, count }, troubleText(code, count));
			},
		});
	} catch (error) {
		sockets?.remove();
		// Before anything is forked: the one line is all there is to say.
		log.event(
			"start_failed",
			{ failed_role: "primary" },
			error instanceof Error ? error.message : String(error),
		);
		await log.flush();
		return exitCodeOf(error);
	}
	const cluster = new Cluster({
		config,
		log,
		fork: deps.fork ?? createClusterFork(log),
		port,
		sockets,
		nextStoreEpoch: deps.nextStoreEpoch ?? (async () => 0),
		version: deps.version,
	});
	log.event(
		"cluster_starting",
		{
			backends: config.backends,
			backends_from: config.backendsWhy,
			version: deps.version,
			node: process.version,
		},
		`starting ${config.backends} worker${config.backends === 1 ? "" : "s"} (${config.backendsWhy})`,
	);
	if (!isLoopback(config.host) && config.authToken === null) {
		log.event(
			"insecure_listen",
			{ host: config.host },
			`whoever reaches ${port.url} can read and delete every session: it asks for no token (--auth-token-file)`,
		);
	}
	const settings = (): boolean => settingsReload(cluster, log, deps.readSettings);
	reload = reloader(() => cluster.reload(settings));
	reloadOnly = () => void settings();
	cluster.start();
	if (wishes.settings) reloadOnly();
	if (wishes.workers) reload();
	// Not waited for: an engine that loads for minutes must not hold the cluster up.
	if (config.upstream !== null) void warnOfUnreachable(config.upstream, log);
	try {
		const lost = deps.lost?.then((reason): FatalEnd => ({ exitCode: EXIT_FAILED, reason, role: "primary" }));
		const end = await Promise.race([cluster.fatal, signals.first, ...(lost === undefined ? [] : [lost])]);
		if (typeof end === "string") return await drain(cluster, port, end, signals, config, log);
		return await fail(cluster, port, end, log);
	} finally {
		signals.dispose();
		stopReloads();
		stopHangups();
		sockets.remove();
		await log.flush();
	}
}

/** @returns false when it was refused */
function settingsReload(cluster: Cluster, log: ClusterLogger, read: ReadSettingsAgain | undefined): boolean {
	if (cluster.stage === "draining") {
		const reason = "the cluster is draining";
		log.event("reload_refused", { reason }, `no reload: ${reason}`);
		return false;
	}
	if (read === undefined) return true;
	return reloadSettings(log, read, (next) => {
		const moved = next.upstream !== null && next.upstream !== cluster.upstream;
		cluster.reconfigure(next);
		if (moved) void warnOfUnreachable(next.upstream ?? "", log);
	});
}

/** One reload at a time; what is asked for during one is done once more after it. */
function reloader(reloadOnce: () => Promise<void>): () => void {
	let running = false;
	let again = false;
	const run = async (): Promise<void> => {
		running = true;
		do {
			again = false;
			await reloadOnce();
		} while (again);
		running = false;
	};
	return () => {
		if (running) again = true;
		else void run();
	};
}

/** The order of docs/internals.md, "Shutdown". */
async function drain(
	cluster: Cluster,
	port: FrontPort,
	signal: NodeJS.Signals,
	signals: ShutdownSignals,
	config: ClusterConfig,
	log: Logger,
): Promise<number> {
	const startedMs = performance.now();
	const timeoutMs = config.drainTimeoutMs;
	log.event(
		"draining",
		{ signal, timeout_ms: timeoutMs },
		`${signal}: no new requests; running ones may end`,
	);
	let killed = 0;
	const inOrder = async (): Promise<"done"> => {
		cluster.beginDraining();
		port.close();
		const others = cluster.sandbox === null ? [] : [cluster.sandbox];
		const serving = [...cluster.workers, ...others];
		for (const slot of serving) slot.close();
		// The router first: what it had begun to hand on when it heard of the end must find its worker.
		const routed = cluster.router.drain(timeoutMs);
		await before(timeoutMs, routed);
		const leftMs = Math.max(0, Math.round(startedMs + timeoutMs - performance.now()));
		const ended = Promise.all([routed, ...serving.map((slot) => slot.drain(leftMs))]);
		await before(leftMs + DRAIN_GRACE_MS, ended);
		for (const slot of [cluster.router, ...serving]) if (slot.kill()) killed += 1;
		if (cluster.sim !== null) {
			await before(SIM_DRAIN_MS, cluster.sim.drain(SIM_DRAIN_MS));
			cluster.sim.kill();
		}
		await Promise.all(cluster.slots().map((slot) => slot.ended()));
		return "done";
	};
	const end = await Promise.race([inOrder(), signals.second]);
	if (end === "done") {
		shutdownRecord(log, EXIT_OK, signal, startedMs, killed);
		return EXIT_OK;
	}
	for (const slot of cluster.slots()) if (slot.kill()) killed += 1;
	shutdownRecord(log, signalExitCode(end), `second signal, ${end}`, startedMs, killed);
	return signalExitCode(end);
}

/** Ends at once what cannot go on. A start that failed leaves one line, its own. */
async function fail(cluster: Cluster, port: FrontPort, end: FatalEnd, log: Logger): Promise<number> {
	const startedMs = performance.now();
	if (cluster.stage === "starting") log.event("start_failed", { failed_role: end.role }, end.reason);
	cluster.stopWatching();
	port.close();
	const killed = cluster.slots().filter((slot) => slot.kill()).length;
	await Promise.all(cluster.slots().map((slot) => slot.ended()));
	if (cluster.stage !== "starting") shutdownRecord(log, end.exitCode, end.reason, startedMs, killed);
	return end.exitCode;
}

function shutdownRecord(
	log: Logger,
	exitCode: number,
	reason: string,
	startedMs: number,
	killed: number,
): void {
	const fields = {
		exit_code: exitCode,
		reason,
		elapsed_ms: Math.round(performance.now() - startedMs),
		killed,
	};
	const left = killed === 0 ? "" : `; ${killed} processes had to be killed`;
	const why = exitCode === EXIT_OK ? "" : ` (${reason})`;
	log.event(
		"shutdown",
		fields,
		`ended with exit code ${exitCode}${why}${left}`,
		exitCode === EXIT_FAILED ? "error" : "info",
	);
}

function troubleText(code: string, count: number): string {
	switch (code) {
		case "no_router":
			return `${count} connections were turned away: no router took them in time`;
		case "not_taken":
			return `${count} connections were turned away: the router did not take them (blocked, or out of file descriptors)`;
		case "too_many_waiting":
			return `${count} connections were turned away: too many waited for a router`;
		case "EMFILE":
		case "ENFILE":
			return `${count} connections were refused: out of file descriptors (raise the limit: ulimit -n)`;
		default:
			return `accepting failed ${count} times: ${code}`;
	}
}

/** Waits for `work`, but no longer than `timeoutMs`. */
async function before(timeoutMs: number, work: Promise<unknown>): Promise<void> {
	let timer: NodeJS.Timeout | undefined;
	const timeout = new Promise((resolve) => {
		timer = setTimeout(resolve, timeoutMs);
	});
	await Promise.race([work, timeout]);
	clearTimeout(timer);
}
