// Injections into the cluster's own processes: kills, stops, planned replacements, reloads, a drained worker, and restarts of all.
import { runRollpin } from "../../support/run-rollpin.js";
import { until } from "../../support/wait.js";
import type { Chance } from "../random.js";
import type { WorkerView } from "./cluster.js";
import { type Aspect, NO_ANSWER, WELL } from "./health-truth.js";
import type { Injection } from "./lanes.js";
import { type Allowed, type Due, pause, type SoakWorld } from "./world.js";

const READY_MS = 30_000;
/** A stopped process is killed after 10 s of silence; the primary looks about once a second. */
const SILENCE_MS = 13_000;
/** 5 crashes in 30 s are a quarantine, which is no part of the soak. */
const CRASHES_PER_WINDOW = 3;
const WINDOW_MS = 32_000;

/** Of requests to a worker that dies, and until its successor is there. */
const workerGone = (worker: number): Allowed[] => [
	{ status: 502, code: "worker_unavailable", worker },
	{ status: 503, code: "worker_unavailable", worker },
];
const degraded = (withinMs: number): Due => ({
	aspect: "workers",
	states: ["degraded"],
	withinMs,
	clearMs: 3_000,
});

/** One that may be hit once more without a quarantine, and is ready; null: none. */
async function pickWorker({ cluster, injected }: SoakWorld, chance: Chance): Promise<WorkerView | null> {
	const nowMs = performance.now();
	const crashes = (worker: number) =>
		injected.filter(
			({ allows, atMs }) => nowMs - atMs < WINDOW_MS && allows.some((each) => each.worker === worker),
		).length;
	const fit = (await cluster.workers()).filter(
		({ state, worker }) => state === "ready" && crashes(worker) < CRASHES_PER_WINDOW,
	);
	return fit.length === 0 ? null : chance.pick(fit);
}

const killWorker: Injection = async (world, chance) => {
	const view = await pickWorker(world, chance);
	if (view === null || view.pid === null) return;
	const { epoch, pid, worker } = view;
	const injected = world.begin("worker SIGKILL", {
		detail: `worker ${worker}`,
		allows: workerGone(worker),
		due: [degraded(2_000)],
	});
	process.kill(pid, "SIGKILL");
	const ready = world.cluster.workerReady(worker, epoch, READY_MS);
	world.surely(injected, await world.expect("a killed worker's successor", ready));
	world.workerStarts.push({ worker, atMs: injected.atMs });
	await world.end(injected);
};

const stopWorkerForGood: Injection = async (world, chance) => {
	const view = await pickWorker(world, chance);
	if (view === null || view.pid === null) return;
	const { epoch, pid, worker } = view;
	const injected = world.begin("worker SIGSTOP until it is killed", {
		detail: `worker ${worker}`,
		allows: workerGone(worker),
		// What it said of the engine last stands until it is killed.
		due: [
			degraded(SILENCE_MS + 2_000),
			{ aspect: "engine", states: ["unreachable", "failing"], withinMs: null, clearMs: 3_000 },
		],
	});
	process.kill(pid, "SIGSTOP");
	const ready = world.cluster.workerReady(worker, epoch, SILENCE_MS + READY_MS);
	world.surely(injected, await world.expect("a stopped worker's successor", ready));
	world.workerStarts.push({ worker, atMs: injected.atMs });
	await world.end(injected);
};

const stopWorker: Injection = async (world, chance) => {
	const view = await pickWorker(world, chance);
	if (view === null || view.pid === null) return;
	const injected = world.begin("worker SIGSTOP, SIGCONT", { detail: `worker ${view.worker}` });
	process.kill(view.pid, "SIGSTOP");
	await pause(chance.integer(200, 3_000));
	process.kill(view.pid, "SIGCONT");
	await world.end(injected);
};

/** A planned end: nobody notices. */
const endWorker: Injection = async (world, chance) => {
	const view = await pickWorker(world, chance);
	if (view === null || view.pid === null) return;
	const injected = world.begin("worker SIGTERM", { detail: `worker ${view.worker}` });
	process.kill(view.pid, "SIGTERM");
	await world.expect(
		"an ended worker's successor",
		world.cluster.workerReady(view.worker, view.epoch, READY_MS),
	);
	world.workerStarts.push({ worker: view.worker, atMs: injected.atMs });
	await world.end(injected);
};

const killRouter: Injection = async (world) => {
	const pid = world.cluster.routerPid();
	if (pid === 0) return;
	const injected = world.begin("router SIGKILL", {
		// Those who were connected see a reset, or the end of a reply half-way.
		allows: [{ status: 0, code: null }],
		due: ALL_ASPECTS.map((aspect) => ({ aspect, states: [NO_ANSWER], withinMs: null, clearMs: 1_000 })),
		slackMs: 1_000,
	});
	process.kill(pid, "SIGKILL");
	await world.expect(
		"a killed router's successor",
		until("the router to be another", READY_MS, async () => {
			const now = world.cluster.routerPid();
			return now !== 0 && now !== pid && (await fetch(`${world.cluster.url}/health`)).status === 200;
		}),
	);
	await world.end(injected);
};

const reload: Injection = async (world) => {
	const before = await world.cluster.workers();
	const injected = world.begin("rollpin reload");
	const { code, stderr } = await runRollpin(["reload", "--data-dir", world.cluster.dataDir]);
	if (code !== 0) world.finding(`rollpin reload ended with ${code}: ${stderr}`);
	for (const { epoch, worker } of before) {
		await world.expect(`reload of worker ${worker}`, world.cluster.workerReady(worker, epoch, 2 * READY_MS));
		world.workerStarts.push({ worker, atMs: injected.atMs });
	}
	await world.end(injected);
};

const changeSettings: Injection = async (world, chance) => {
	const ttl = chance.integer(10_000, 80_000);
	const from = world.cluster.log.records.length;
	const injected = world.begin("SIGHUP, changed settings");
	world.cluster.writeSettings({ session_ttl: ttl });
	process.kill(world.cluster.primaryPid, "SIGHUP");
	await world.expect(
		"the new settings",
		until(`session_ttl ${ttl}`, 10_000, async () => (await lifetime(world)) === ttl),
	);
	// Where records are dropped, it may be among them: it is no warning.
	const isTold = world.cluster.record(["reloaded", "log_dropped"], from, 10_000);
	await world.expect("SIGHUP", isTold);
	await world.end(injected);
};

const breakSettings: Injection = async (world, chance) => {
	const from = world.cluster.log.records.length;
	const before = await lifetime(world);
	const injected = world.begin("SIGHUP, broken settings");
	world.cluster.writeSettings(chance.pick(['{"session_ttl": 0}', "{", '{"no_such_setting": 1}']));
	process.kill(world.cluster.primaryPid, "SIGHUP");
	await world.expect("SIGHUP", world.cluster.record(["reload_refused"], from, 10_000));
	const after = await lifetime(world);
	if (before !== null && after !== null && after !== before)
		world.finding(`a refused reload changed session_ttl from ${before} to ${after}`);
	world.cluster.writeSettings({ session_ttl: before ?? 80_000 });
	await world.end(injected);
};

const drainWorker: Injection = async (world, chance) => {
	const { worker } = chance.pick(await world.cluster.workers());
	const injected = world.begin("worker drained, undrained", { detail: `worker ${worker}` });
	const tell = (verb: string) =>
		fetch(`${world.cluster.url}/cluster/workers/${worker}/${verb}`, { method: "POST" });
	const drained = await tell("drain");
	if (drained.status !== 200) world.finding(`drain was answered ${drained.status}`);
	else {
		world.drained = { worker, fromMs: performance.now(), untilMs: Number.POSITIVE_INFINITY };
		await pause(chance.integer(1_000, 4_000));
		if ((await world.cluster.workers())[worker]?.drain !== true)
			world.finding(`/cluster does not say that worker ${worker} is drained`);
		world.drained.untilMs = performance.now();
	}
	const undrained = await tell("undrain");
	if (undrained.status !== 200) world.finding(`undrain was answered ${undrained.status}`);
	await world.end(injected);
};

export const ON_PROCESSES: readonly Injection[] = [
	killWorker,
	killWorker,
	stopWorker,
	endWorker,
	killRouter,
	reload,
	changeSettings,
	breakSettings,
	drainWorker,
];
/** Takes longer than a short run has. */
export const ON_PROCESSES_LONG: readonly Injection[] = [...ON_PROCESSES, ...ON_PROCESSES, stopWorkerForGood];

const ALL_ASPECTS = Object.keys(WELL) as Aspect[];

function restart(how: "SIGTERM" | "SIGKILL" | "all SIGKILL"): Injection {
	return async (world) => {
		const injected = world.begin(how === "all SIGKILL" ? "everything SIGKILL" : `primary ${how}`, {
			allows: [
				{ status: 0, code: null },
				...["draining", "worker_unavailable"].map((code) => ({ status: 503, code })),
				...(how === "SIGTERM" ? [] : [{ status: 502, code: "worker_unavailable" }]),
			],
			slackMs: 1_000,
			due: ALL_ASPECTS.map((aspect) => ({
				aspect,
				states: [NO_ANSWER, "503", "degraded", "unreachable"],
				withinMs: null,
				clearMs: 3_000,
			})),
		});
		const code = await world.cluster.restart(how);
		if (how === "SIGTERM" && code !== 0) world.finding(`SIGTERM ended the cluster with exit code ${code}`);
		for (const { worker } of await world.cluster.workers())
			world.workerStarts.push({ worker, atMs: injected.atMs });
		await world.end(injected);
	};
}

export const RESTARTS: readonly Injection[] = [
	restart("SIGTERM"),
	restart("SIGKILL"),
	restart("all SIGKILL"),
];

/** Of a session that is made now, in seconds; null when none can be made. */
async function lifetime({ cluster }: SoakWorld): Promise<number | null> {
	const reply = await fetch(`${cluster.url}/sessions`, { method: "POST" }).catch(() => null);
	if (reply?.status !== 200) return null;
	const made = (await reply.json()) as { session_id: string; created_at: number; expires_at: number };
	await fetch(`${cluster.url}/sessions/${made.session_id}`, { method: "DELETE" }).catch(() => null);
	return Math.round(made.expires_at - made.created_at);
}
