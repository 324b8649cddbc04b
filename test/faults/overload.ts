// `npm run test:overload`: three times what the workers may take, for a while. Exit code 1 when a bound is missed.
//
// Flags: --seconds, --backends, --inflight (chats of a worker), --latency-ms (of the engine).
import { rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { packageRoot } from "../../src/base/package-root.js";
import { createLoopLag } from "../../src/telemetry/loop-lag.js";
import { numberFlag, printResult, round } from "../bench/output.js";
import { RunningRollpin } from "../support/run-rollpin.js";
import { ServedCluster } from "../support/served-cluster.js";
import { closedLoad, createConversations, type Outcome, openLoad } from "./offered-load.js";
import { watchCluster } from "./watch.js";

const OVERLOAD = 3;
const ADMITTED_RATIO = 2;
const REFUSED_P99_MS = 100;
const HEALTH_P99_MS = 50;
/** Memory is flat when the last quarter's median stands at most so much over the first quarter's. */
const GROWTH_MIB = 32;
const WARM_UP_MS = 10_000;
/** Conversations for each chat that may be in flight: enough that one is always idle. */
const CONVERSATIONS_PER_PLACE = 8;

const seconds = numberFlag("seconds", 60);
const backends = numberFlag("backends", 2);
const inflight = numberFlag("inflight", 16);
const latencyMs = numberFlag("latency-ms", 500);

const dataDir = await mkdtemp(join(tmpdir(), "rollpin-overload-"));
const sim = new RunningRollpin(["sim", "--port", "0", "--latency-ms", `${latencyMs}`]);
const upstream = String((await sim.logged("sim_engine"))["url"]);
const flags = ["--port", "0", "--log-format", "json", "--data-dir", dataDir, "--upstream", upstream];
flags.push("--checkpoint", join(packageRoot(), "checkpoints", "toy"));
const cluster = new ServedCluster([...flags, "--backends", `${backends}`, "--max-inflight", `${inflight}`], {
	bare: true,
});
try {
	process.exitCode = (await run()) ? 0 : 1;
} finally {
	await cluster.stop();
	sim.signal("SIGTERM");
	await sim.ended();
	rmSync(dataDir, { recursive: true, force: true });
}
process.exit();

/** True when every bound was kept. */
async function run(): Promise<boolean> {
	const { url, workerPids, routerPid } = await cluster.ready();
	const places = inflight * backends;
	const all = createConversations(url, places * CONVERSATIONS_PER_PLACE, backends);
	say(`warming up, then ${seconds / 2} s with ${inflight} chats in flight on each of ${backends} workers`);
	const atBound = all.slice(0, places);
	await closedLoad(atBound, WARM_UP_MS, latencyMs);
	const bound = summary(await closedLoad(atBound, seconds * 500, latencyMs), seconds / 2);
	const offeredPerS = OVERLOAD * bound.admittedPerS;
	say(`${seconds} s with ${round(offeredPerS, 0)} chats a second, ${OVERLOAD} times what was served`);
	// Its connections are open by then, and what the first of them cost is no part of the figures.
	await openLoad(all, offeredPerS, WARM_UP_MS);
	const pids = [...workerPids, routerPid, cluster.primaryPid];
	const watch = watchCluster(url, pids);
	const ownLag = createLoopLag();
	const over = summary(await openLoad(all, offeredPerS, seconds * 1000), seconds);
	const ownLagP99Ms = ownLag.takeP99Ms();
	ownLag.stop();
	const { healthMs, healthFailures, rssMib } = await watch.stop();
	let wrongTurns = 0;
	for (const conversations of all) wrongTurns += await conversations.wrongTurns();

	const healthP99Ms = quantile(healthMs, 0.99);
	const ratio = over.admittedP99Ms / bound.admittedP99Ms;
	const memory = rssMib.map((samples) => ({ start: edge(samples, 0), end: edge(samples, 0.75) }));
	const growthMib = Math.max(...memory.map(({ start, end }) => end - start));
	const kept: Array<[string, number | string, string, boolean]> = [
		[
			"admitted p99, times that at the bound",
			round(ratio),
			`at most ${ADMITTED_RATIO}`,
			ratio <= ADMITTED_RATIO,
		],
		["refused p99 ms", over.refusedP99Ms, `at most ${REFUSED_P99_MS}`, over.refusedP99Ms <= REFUSED_P99_MS],
		["/health p99 ms", healthP99Ms, `at most ${HEALTH_P99_MS}`, healthP99Ms <= HEALTH_P99_MS],
		["/health not 200", healthFailures, "0", healthFailures === 0],
		[
			"largest growth of a process, MiB",
			round(growthMib, 1),
			`at most ${GROWTH_MIB}`,
			growthMib <= GROWTH_MIB,
		],
		["neither 200 nor 429 or 503 with Retry-After", over.other, "0", over.other + bound.other === 0],
		["turns lost or doubled", wrongTurns, "0", wrongTurns === 0],
		["refused", over.refused, "some", over.refused > 0],
	];
	printResult(
		"overload",
		[
			["what", "measured", "wanted", ""],
			["admitted at the bound, per s", round(bound.admittedPerS, 1), "", ""],
			["admitted p50 / p99 ms at the bound", `${bound.admittedP50Ms} / ${bound.admittedP99Ms}`, "", ""],
			["offered, per s", round(over.offeredPerS, 1), "", ""],
			["admitted, per s", round(over.admittedPerS, 1), "", ""],
			["admitted p50 / p99 ms", `${over.admittedP50Ms} / ${over.admittedP99Ms}`, "", ""],
			["the load generator's own lag, p99 ms", ownLagP99Ms, "", ""],
			...kept.map(([what, measured, wanted, isKept]) => [what, measured, wanted, isKept ? "kept" : "MISSED"]),
			...memory.map(({ start, end }, index) => [`RSS MiB of ${name(index)}`, `${start} to ${end}`, "", ""]),
		],
		{
			seconds,
			backends,
			inflight,
			latencyMs,
			bound,
			over,
			ratio: round(ratio),
			healthP99Ms,
			memory,
			wrongTurns,
		},
	);
	return kept.every(([, , , isKept]) => isKept);
}

function summary(outcomes: readonly Outcome[], durationS: number) {
	const admitted = outcomes.filter(({ status }) => status === 200).map(({ elapsedMs }) => elapsedMs);
	const isRefusal = ({ status, retryAfter }: Outcome) => (status === 429 || status === 503) && retryAfter;
	const refused = outcomes.filter(isRefusal).map(({ elapsedMs }) => elapsedMs);
	return {
		offeredPerS: round(outcomes.length / durationS, 1),
		admittedPerS: round(admitted.length / durationS, 1),
		admittedP50Ms: quantile(admitted, 0.5),
		admittedP99Ms: quantile(admitted, 0.99),
		refused: refused.length,
		refusedP50Ms: quantile(refused, 0.5),
		refusedP99Ms: quantile(refused, 0.99),
		refusedMaxMs: quantile(refused, 1),
		other: outcomes.length - admitted.length - refused.length,
	};
}

function quantile(values: readonly number[], fraction: number): number {
	const sorted = values.toSorted((left, right) => left - right);
	return round(sorted[Math.floor(fraction * (sorted.length - 1))] ?? 0, 1);
}

/** The median of a quarter of the samples. */
function edge(samples: readonly number[], from: number): number {
	const first = Math.floor(samples.length * from);
	return quantile(samples.slice(first, first + Math.ceil(samples.length / 4)), 0.5);
}

function name(index: number): string {
	if (index < backends) return `worker ${index}`;
	return index === backends ? "the router" : "the primary";
}

function say(line: string): void {
	process.stderr.write(`${line}\n`);
}
