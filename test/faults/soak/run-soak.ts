// One soak: engine, cluster, agents and lanes of injections for a while; then every session is read back, and all that was said is judged.
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { packageRoot } from "../../../src/base/package-root.js";
import type { AgentWorld } from "../agent.js";
import { judgeAll, payloadsOf } from "../judge-all.js";
import type { FailedAttempt } from "../ledger.js";
import { Chance } from "../random.js";
import { runSoakAgent } from "./agent.js";
import { SoakCluster } from "./cluster.js";
import { SoakEngine } from "./engine.js";
import type { Exchange } from "./health-truth.js";
import { HealthWatch, type Scrapes } from "./health-watch.js";
import { type Lane, Room, runLane } from "./lanes.js";
import { SoakMedium } from "./medium.js";
import { type Level, MemoryWatch } from "./memory-watch.js";
import { LONG_ERRORS, ON_ENGINE } from "./on-engine.js";
import { ON_LOG } from "./on-log.js";
import { onMedium } from "./on-medium.js";
import { ON_PROCESSES, ON_PROCESSES_LONG, RESTARTS } from "./on-processes.js";
import { ON_SESSIONS } from "./on-sessions.js";
import { SoakWorld } from "./world.js";

export interface SoakOptions {
	seed: number;
	durationMs: number;
	backends: number;
	agents: number;
	say: (line: string) => void;
}

export interface SoakReport {
	world: SoakWorld;
	exchanges: Exchange[];
	unexplained: FailedAttempt[];
	/** Every failed attempt that an injection explains, by both. */
	explained: Map<string, number>;
	acks: number;
	sessions: number;
	lost: number;
	doubled: number;
	memory: Level[];
	scrapes: Scrapes;
	/** Null when no medium could be mounted. */
	hadMedium: boolean;
}

const LONG_MS = 240_000;
/** Longer than any outage, and than several in a row. */
const GIVE_UP_MS = 150_000;
/** The cluster's own and the engine's refusals that an agent repeats; which of them were due is judged by what was injected. */
const TRANSIENT: ReadonlySet<number> = new Set([502, 503, 504, 507]);

export async function runSoak(options: SoakOptions): Promise<SoakReport> {
	const { backends, say, seed } = options;
	const workDir = mkdtempSync(join(tmpdir(), "rollpin-soak-"));
	const medium = SoakMedium.mount(join(workDir, "medium"));
	if (medium === null) {
		say("no right to mount a medium: nothing is done to the disk");
		mkdirSync(join(workDir, "medium"), { recursive: true });
	}
	const checkpointDir = join(packageRoot(), "checkpoints", "toy");
	const engine = await SoakEngine.start({ seed, checkpointDir });
	let cluster: SoakCluster | undefined;
	try {
		const dataDir = join(workDir, "medium", "data");
		cluster = await SoakCluster.start({
			workDir,
			dataDir,
			upstream: engine.url,
			checkpointDir,
			backends,
			settings: {},
		});
		return await soak(options, { cluster, engine, medium });
	} finally {
		await cluster?.stop();
		await engine.kill().catch(() => undefined);
		medium?.unmount();
		rmSync(workDir, { recursive: true, force: true });
	}
}

async function soak(
	{ agents: agentCount, backends, durationMs, say, seed }: SoakOptions,
	{ cluster, engine, medium }: Pick<SoakWorld, "cluster" | "engine" | "medium">,
): Promise<SoakReport> {
	const watch = new HealthWatch(cluster.url);
	const memoryWatch = new MemoryWatch(cluster);
	const world = new SoakWorld({ cluster, engine, medium, watch, say });
	const failed: FailedAttempt[] = [];
	const exchanges: Exchange[] = [];
	let acks = 0;
	const agentWorld: AgentWorld = {
		url: cluster.url,
		backends,
		giveUpMs: GIVE_UP_MS,
		isTransient: (status, code) =>
			TRANSIENT.has(status) || (status === 500 && code === "") || code === "chat_cancelled",
		failed: (attempt) => {
			failed.push(attempt);
			const { code, endMs, status, worker } = attempt;
			if (status === 500 && code === "" && worker !== null) exchanges.push({ endMs, worker, failed: true });
		},
		finding: (text) => world.finding(text),
		acked: (worker) => {
			acks += 1;
			exchanges.push({ endMs: performance.now(), worker, failed: false });
		},
	};
	const payloadOf = payloadsOf(seed);
	const untilMs = performance.now() + durationMs;
	let over = false;
	const agents = Array.from({ length: agentCount }, (_, agent) =>
		runSoakAgent({
			world: agentWorld,
			chance: new Chance(seed * 1_000 + agent),
			agent,
			stopped: () => over,
			playing: world.playing,
			payloadOf,
			findings: world.findings,
			mayHaveSession: (worker, askedMs) => world.mayHaveSession(worker, askedMs),
		}),
	);
	const room = new Room();
	const lanes = lanesOf(medium, durationMs >= LONG_MS);
	await Promise.all(
		lanes.map((lane, index) => runLane(world, lane, new Chance(seed + 7_919 * (index + 1)), room, untilMs)),
	);
	over = true;
	const reports = await Promise.all(agents);
	const memory = await memoryWatch.stop();
	await watch.stop();
	const beforeRestart = failed.length;
	const kept = reports.flatMap((report) => report.kept);
	say(`${acks} acknowledged turns; reading ${kept.length} sessions back, with one worker more`);
	const code = await cluster.restart("SIGTERM", backends + 1);
	if (code !== 0) world.finding(`SIGTERM ended the cluster with exit code ${code}`);
	const wrong = await judgeAll(kept, world.findings, payloadOf);
	for (const id of reports.flatMap(({ deletedIds }) => deletedIds)) {
		const { status } = await fetch(`${cluster.url}/sessions/${id}`);
		if (status !== 404) world.finding(`${id}: was deleted, is answered ${status}`);
	}
	for (const line of cluster.strayLines)
		world.finding(`a line of the log is no record: ${line.slice(0, 200)}`);
	const explained = new Map<string, number>();
	const unexplained = failed.filter((attempt, index) => {
		const by = index < beforeRestart ? world.explains(attempt) : undefined;
		if (by === undefined) return true;
		const name = `${by.kind}: ${attempt.status} ${attempt.code}`;
		explained.set(name, (explained.get(name) ?? 0) + 1);
		return false;
	});
	return {
		world,
		exchanges,
		unexplained,
		explained,
		acks,
		sessions: reports.reduce((sum, { sessions }) => sum + sessions, 0),
		lost: wrong.lost + reports.reduce((sum, { lost }) => sum + lost, 0),
		doubled: wrong.doubled + reports.reduce((sum, { doubled }) => sum + doubled, 0),
		memory,
		scrapes: watch.scrapes,
		hadMedium: medium !== null,
	};
}

function lanesOf(medium: SoakMedium | null, isLong: boolean): Lane[] {
	const shared = { room: "shared", gapMs: [1_000, 5_000] } as const;
	const processes = isLong ? ON_PROCESSES_LONG : ON_PROCESSES;
	return [
		{ name: "processes", deck: processes, room: "shared", gapMs: [300, 2_000] },
		{ name: "engine", deck: ON_ENGINE, ...shared },
		{ name: "log", deck: ON_LOG, ...shared },
		{ name: "sessions", deck: ON_SESSIONS, room: "shared", gapMs: [200, 1_500] },
		...(medium === null ? [] : [{ name: "medium", deck: onMedium(medium), ...shared }]),
		...(isLong
			? [{ name: "long errors", deck: LONG_ERRORS, room: "apart", gapMs: [60_000, 120_000] } as const]
			: []),
		{ name: "restarts", deck: RESTARTS, room: "alone", gapMs: isLong ? [40_000, 90_000] : [15_000, 25_000] },
	];
}
