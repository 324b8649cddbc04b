// Memory of a worker per idle session, when their turns are over, after a restart, and when all are deleted.
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { figuresOf, runAgents, type Shape, usageOf } from "./agents.js";
import { Post } from "./chat-client.js";
import { diskBytes, measureDeletion, printDeletion } from "./deletion.js";
import type { EngineAlone } from "./engine-alone.js";
import { loopText } from "./growth.js";
import { type Memory, settledMemory } from "./memory.js";
import type { NaiveServer } from "./naive-server.js";
import { numberFlag, printResult, round } from "./output.js";
import { type Role, startRole } from "./processes.js";
import type { WorkerAlone } from "./worker-alone.js";

const shape: Shape = {
	sessions: numberFlag("sessions", 1_000),
	turns: numberFlag("turns", 20),
	wordsIn: numberFlag("words-in", 100),
	tokensOut: numberFlag("tokens-out", 200),
	atOnce: numberFlag("at-once", 32),
};
/** The naive server keeps everything on its heap, which ends at about 4 GiB: its figure per session needs fewer. */
const naiveShape: Shape = { ...shape, sessions: Math.min(shape.sessions, numberFlag("naive-sessions", 500)) };
/** A few sessions, gone again before the first reading: code and buffers that every process needs once are there then. */
const WARM_UP: Shape = { ...shape, sessions: 64, turns: Math.min(4, shape.turns), deleted: true };
// Read with and without: what a collection frees was garbage, and no session's.
const EXPOSE_GC = ["--expose-gc"];
const profile = process.argv.includes("--heap-prof") ? ["--heap-prof", "--heap-prof-interval=16384"] : [];

interface Reading {
	settled: Memory;
	collected: Memory;
}

async function read(role: Role<unknown>): Promise<Reading> {
	const settled = await settledMemory(role.pid);
	await usageOf(role, "gc");
	// Twice: finalizers of the first free what the second gives back.
	await usageOf(role, "gc");
	return { settled, collected: await settledMemory(role.pid) };
}

export async function measureIdleMemory(): Promise<void> {
	const dataDir = mkdtempSync(join(tmpdir(), "rollpin-bench-idle-"));
	const engine = await startRole<EngineAlone>("engine-alone", ["0", String(shape.tokensOut)]);
	const startWorkerOn = (directory: string) =>
		startRole<WorkerAlone>(
			"worker-alone",
			[engine.ready.url, "disk", "off", directory, "quiet"],
			[...EXPOSE_GC, ...profile],
		);

	const naive = await startRole<NaiveServer>("naive-server", [engine.ready.url, "off"], EXPOSE_GC);
	const toNaive = () => new Post(naive.ready.url, null);
	await runAgents({ kind: "sessions", connect: toNaive }, WARM_UP);
	const naiveBefore = await read(naive);
	const naiveRun = await runAgents({ kind: "sessions", connect: toNaive }, naiveShape);
	const naiveAfter = await read(naive);
	await naive.stop();

	const worker = await startWorkerOn(dataDir);
	const toWorker = () => new Post("http://worker", worker.ready.socketPath);
	await runAgents({ kind: "sessions", connect: toWorker }, WARM_UP);
	const before = await read(worker);
	const diskBefore = diskBytes(dataDir);
	await usageOf(worker);
	const run = await runAgents({ kind: "sessions", connect: toWorker }, shape);
	const { peak_rss_mib: _peak, ...loop } = await usageOf(worker);
	const after = await read(worker);
	const diskAfter = diskBytes(dataDir);
	// The worker is idle and its files are in the page cache, so a copy is what a restart would find. Not the lock: that is this worker's.
	const copy = `${dataDir}-copy`;
	cpSync(dataDir, copy, { recursive: true, filter: (path) => !basename(path).startsWith("lock") });
	const deletion = await measureDeletion({
		pid: worker.pid,
		dataDir,
		connect: toWorker,
		ids: run.ids,
		before: { rss: before.settled.rss, disk: diskBefore },
		full: { rss: after.settled.rss, disk: diskAfter },
	});
	await worker.stop();
	rmSync(dataDir, { recursive: true, force: true });

	const restarted = await startWorkerOn(copy);
	const toRestarted = () => new Post("http://worker", restarted.ready.socketPath);
	await runAgents({ kind: "sessions", connect: toRestarted }, WARM_UP);
	const afterRestart = await read(restarted);
	await restarted.stop();
	await engine.stop();
	rmSync(copy, { recursive: true, force: true });

	const mib = (bytes: number) => round(bytes / 1024 ** 2, 1);
	const kibPerSession = (from: number, to: number, sessions: number) =>
		round((to - from) / 1024 / sessions, 1);
	function figures(from: Reading, to: Reading, sessions: number) {
		const between = (value: (memory: Memory) => number) => ({
			settled: kibPerSession(value(from.settled), value(to.settled), sessions),
			collected: kibPerSession(value(from.collected), value(to.collected), sessions),
		});
		return {
			sessions,
			rss_before_mib: mib(from.settled.rss),
			rss_after_mib: mib(to.settled.rss),
			kib_per_session: between(({ rss }) => rss).settled,
			anonymous_kib_per_session: between(({ anonymous }) => anonymous).settled,
			file_kib_per_session: between(({ file }) => file).settled,
			collected_kib_per_session: between(({ rss }) => rss).collected,
		};
	}
	const result = {
		shape,
		naive: { ...figuresOf(naiveRun), ...figures(naiveBefore, naiveAfter, naiveShape.sessions) },
		worker: { ...figuresOf(run), ...figures(before, after, shape.sessions), loop },
		restarted: figures(before, afterRestart, shape.sessions),
		deletion,
	};
	printDeletion(deletion);
	process.stderr.write(`\nwhile the sessions chatted, ${loopText(loop)}\n`);
	const row = (label: string, turnsPerS: number | string, one: ReturnType<typeof figures>) => [
		label,
		one.sessions,
		turnsPerS,
		one.rss_before_mib,
		one.rss_after_mib,
		one.kib_per_session,
		one.anonymous_kib_per_session,
		one.file_kib_per_session,
		one.collected_kib_per_session,
	];
	printResult(
		"idle",
		[
			[
				"",
				"sessions",
				"turns/s",
				"RSS before MiB",
				"after MiB",
				"KiB/session",
				"of that anonymous",
				"of files",
				"behind a collection",
			],
			row("naive server", result.naive.turns_per_s, result.naive),
			row("one worker", result.worker.turns_per_s, result.worker),
			row("restarted", "-", result.restarted),
		],
		result,
	);
}
