// `npm run bench:profile`: where a warm worker's time goes in plain chats, or with `--creates N` in making and deleting sessions: the
// main thread by function, the others by group.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { table } from "../../src/demo/report.js";
import { open, runAgents } from "./agents.js";
import type { CannedEngine } from "./canned-engine.js";
import { Post } from "./chat-client.js";
import { numberFlag, printJson, round } from "./output.js";
import { startRole } from "./processes.js";
import type { ProfileRow, ProfileTable } from "./profile-table.js";
import { Watched, watchEnv } from "./watched.js";
import type { WorkerAlone } from "./worker-alone.js";

const ROWS = 20;
const shape = {
	sessions: numberFlag("sessions", 32),
	turns: numberFlag("turns", 20),
	wordsIn: 100,
	tokensOut: 200,
	deleted: true,
};
/** What a job of hours pays for is compiled code. */
const WARM_UP_RUNS = numberFlag("warm-up-runs", 15);
const RUNS = numberFlag("runs", 5);
/** Sessions made and deleted again in a run, in place of chats. */
const CREATES = numberFlag("creates", 0);
const CREATED_AT_ONCE = 32;

const dir = mkdtempSync(join(tmpdir(), "rollpin-bench-profile-"));
const engine = await startRole<CannedEngine>("canned-engine", ["0", String(shape.tokensOut), "0"]);
const worker = await startRole<WorkerAlone>(
	"worker-alone",
	[engine.ready.url, "disk", "off", "", "quiet"],
	[],
	watchEnv(dir),
);
try {
	const target = {
		kind: "sessions" as const,
		connect: () => new Post("http://worker", worker.ready.socketPath),
	};
	const runOnce = CREATES > 0 ? creates : async () => (await runAgents(target, shape)).turns;
	for (let run = 0; run < WARM_UP_RUNS; run++) await runOnce();
	// First without the profiler, which costs by itself.
	const measured = await new Watched(worker.pid, dir).measure();
	let turns = 0;
	for (let run = 0; run < RUNS; run++) turns += await runOnce();
	const { cpuMs, loop } = await measured();
	const threads = Object.entries(cpuMs).map(([group, ms]) => ({
		group,
		cpu_ms_per_turn: round(ms / turns, 3),
	}));
	worker.send({ profile: "start" });
	for (let run = 0; run < RUNS; run++) await runOnce();
	const profiled = worker.next<ProfileTable>();
	worker.send({ profile: ROWS });
	const { inclusive, self } = await profiled;
	process.stderr.write(
		`\n${table([["threads", "CPU ms/turn"], ...threads.map((row) => [row.group, row.cpu_ms_per_turn])])}\n\n` +
			`${rowsText("main thread, own time", self)}\n\n${rowsText("main thread, with what it calls", inclusive)}\n\n`,
	);
	printJson("profile", { shape, turns, threads, loop, self, inclusive });
} finally {
	await worker.stop();
	await engine.stop();
	rmSync(dir, { recursive: true, force: true });
}

async function creates(): Promise<number> {
	let asked = 0;
	await Promise.all(
		Array.from({ length: CREATED_AT_ONCE }, async () => {
			const post = new Post("http://worker", worker.ready.socketPath);
			while (asked++ < CREATES) await post.remove(`/sessions/${await open(post)}`);
			await post.close();
		}),
	);
	return CREATES;
}

function rowsText(title: string, rows: readonly ProfileRow[]): string {
	return table([[title, "%"], ...rows.map(({ name, percent }) => [name, percent])]);
}
