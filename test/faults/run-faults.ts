// One run of the fault suite: engine, cluster, agents, killer; then every acknowledged turn is looked for.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { packageRoot } from "../../src/base/package-root.js";
import { percentile } from "../../src/demo/report.js";
import { startSimEngine } from "../../src/sim/server.js";
import type { LogRecord } from "../support/cluster-process.js";
import { type AgentWorld, PATIENCE, runFaultAgent } from "./agent.js";
import type { Hit, HitKind } from "./hits.js";
import { judgeAll, payloadsOf } from "./judge-all.js";
import { KeptCluster } from "./kept-cluster.js";
import { runKiller } from "./killer.js";
import type { FailedAttempt } from "./ledger.js";
import { Chance } from "./random.js";
import { runSteadyKiller } from "./steady-killer.js";

export interface FaultRunOptions {
	seed: number;
	durationMs: number;
	backends: number;
	agents: number;
	/** These hits instead of random ones for `durationMs`. */
	plan: readonly HitKind[] | null;
	maxGapMs: number;
	/** Workers alone, one after the other at this pace, instead of all that. */
	killEveryMs?: number;
	progress: (line: string) => void;
}

export interface FaultReport {
	hits: Hit[];
	kills: number;
	sessions: number;
	acks: number;
	failedAttempts: number;
	/** Acknowledged only by an attempt after a failed one. */
	repeatedAcks: number;
	lost: number;
	doubled: number;
	/** Failed attempts that no hit explains: their worker was not hit, or was replaced as planned. */
	unexplained: FailedAttempt[];
	/** Wrong tokens, wrong statuses, hanging requests; empty when all is well. */
	findings: string[];
	crashToReadyMs: Spread;
	plannedToReadyMs: Spread;
	routerToReadyMs: Spread;
	/** From the kill of the primary (or of everything) to cluster_ready of its successor. */
	primaryToReadyMs: Spread;
	generations: number;
	quarantines: number;
}

export interface Spread {
	count: number;
	p50: number;
	p99: number;
	max: number;
}

const TOY_CHECKPOINT = join(packageRoot(), "checkpoints", "toy");
/** A request that was on its way when the hit was over may still fail of it. */
const SLACK_MS = 300;

export async function runFaults(options: FaultRunOptions): Promise<FaultReport> {
	const { progress, seed } = options;
	const dataDir = mkdtempSync(join(tmpdir(), "rollpin-faults-"));
	const engine = await startSimEngine({
		checkpointDir: TOY_CHECKPOINT,
		seed,
		latencyMs: 5,
		decodeTokensPerSecond: 300,
		requestLogEntries: 0,
	});
	let cluster: KeptCluster | null = null;
	try {
		cluster = await KeptCluster.start({
			dataDir,
			upstream: engine.url,
			checkpointDir: TOY_CHECKPOINT,
			backends: options.backends,
			drainTimeoutS: 20,
		});
		const failed: FailedAttempt[] = [];
		const findings: string[] = [];
		let acks = 0;
		const world: AgentWorld = {
			url: cluster.url,
			backends: options.backends,
			...PATIENCE,
			failed: (attempt) => void failed.push(attempt),
			finding: (text) => void findings.push(text),
			acked: () => {
				acks += 1;
			},
		};
		let over = false;
		const agents = Array.from({ length: options.agents }, (_, agent) =>
			runFaultAgent(world, new Chance(seed + 1 + agent), agent, () => over),
		);
		const untilMs = performance.now() + options.durationMs;
		const onHit = (hit: Hit): void => {
			const tookMs = Math.round(hit.overMs - hit.atMs);
			progress(`${hit.kind} (worker ${hit.worker}): over after ${tookMs} ms; ${acks} acks`);
		};
		const { killEveryMs: everyMs, maxGapMs, plan } = options;
		const hits =
			everyMs === undefined
				? await runKiller(cluster, new Chance(seed), { untilMs, plan, maxGapMs, onHit })
				: await runSteadyKiller(cluster, { untilMs, everyMs, onHit });
		over = true;
		const sessions = (await Promise.all(agents)).flat();
		const beforeRestart = failed.length;
		// Another number of workers: every session has to be found by its partition.
		cluster.served.signal("SIGTERM");
		const exitCode = await cluster.startAgain({ backends: options.backends + 1 });
		if (exitCode !== 0) findings.push(`SIGTERM ended the cluster with exit code ${exitCode}`);
		progress(`${acks} acks; reading ${sessions.length} sessions back`);
		const verdict = await judgeAll(sessions, findings, payloadsOf(seed));
		const records = cluster.records();
		return {
			hits,
			kills: hits.reduce((sum, { kills }) => sum + kills, 0),
			sessions: sessions.length,
			acks,
			failedAttempts: failed.length,
			repeatedAcks: sessions.flatMap(({ ledger }) => ledger.acks).filter(({ attempts }) => attempts > 1)
				.length,
			...verdict,
			unexplained: [
				...failed.slice(0, beforeRestart).filter((attempt) => !isExplained(attempt, hits)),
				...failed.slice(beforeRestart),
			],
			findings,
			crashToReadyMs: exitToReady(records, "worker", (record) => record["exit_code"] !== 0),
			plannedToReadyMs: exitToReady(records, "worker", (record) => record["exit_code"] === 0),
			routerToReadyMs: exitToReady(records, "router", () => true),
			primaryToReadyMs: spread(
				hits
					.filter(({ kind }) => kind === "primary SIGKILL" || kind === "everything SIGKILL")
					.map(({ atMs, overMs }) => overMs - atMs),
			),
			generations: engine.counters().started,
			quarantines: records.filter(({ event }) => event === "worker_quarantined").length,
		};
	} finally {
		await cluster?.stop();
		await engine.close();
		rmSync(dataDir, { recursive: true, force: true });
	}
}

function isExplained(attempt: FailedAttempt, hits: readonly Hit[]): boolean {
	return hits.some(
		({ atMs, overMs, mayFail }) =>
			attempt.worker !== null &&
			mayFail.includes(attempt.worker) &&
			attempt.startMs <= overMs + SLACK_MS &&
			attempt.endMs >= atMs,
	);
}

/** From each exit to the `ready` of its successor, by the log's own times. */
function exitToReady(
	records: readonly LogRecord[],
	role: "worker" | "router",
	counts: (record: LogRecord) => boolean,
): Spread {
	const times: number[] = [];
	const gone = new Map<unknown, number>();
	for (const record of records) {
		const at = Date.parse(String(record["time"]));
		if (record.event === `${role}_exit`) {
			if (counts(record)) gone.set(record["worker"], at);
			else gone.delete(record["worker"]);
		} else if (record.event === `${role}_ready`) {
			const exitedAt = gone.get(record["worker"]);
			if (exitedAt !== undefined) times.push(at - exitedAt);
			gone.delete(record["worker"]);
		} else if (record.event === "cluster_starting") gone.clear();
	}
	return spread(times);
}

function spread(times: readonly number[]): Spread {
	const sorted = [...times].sort((a, b) => a - b);
	const at = (fraction: number) => Math.round(percentile(sorted, fraction));
	const max = sorted.at(-1);
	return max === undefined
		? { count: 0, p50: 0, p99: 0, max: 0 }
		: { count: sorted.length, p50: at(0.5), p99: at(0.99), max: Math.round(max) };
}
