// `npm run bench:read`: one session read in full again and again while others chat on the same worker.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { percentile } from "../../src/demo/report.js";
import { usageOf } from "./agents.js";
import { Conversation, Post, words } from "./chat-client.js";
import { Chatters, type Pace } from "./chatters.js";
import type { EngineAlone } from "./engine-alone.js";
import { type LoopFigures, worstOf } from "./loop-watch.js";
import { watchPeak } from "./memory.js";
import type { NaiveServer } from "./naive-server.js";
import { numberFlag, printResult, round } from "./output.js";
import { cpuMs, type Role, startRole } from "./processes.js";
import { type ReadReport, readOnAndOn } from "./read-on.js";
import type { WorkerAlone } from "./worker-alone.js";

const BYTES_PER_TOKEN = numberFlag("bytes-per-token", 1_024);
const readBytes = Math.round(numberFlag("read-gib", 0.25) * 1024 ** 3);
/** The naive server answers with one string, which V8 ends at 512 MiB. */
const naiveBytes = Math.min(readBytes, 0.25 * 1024 ** 3);
const wordsIn = numberFlag("words-in", 1_000);
const rounds = numberFlag("rounds", 5);
const phaseMs = numberFlag("phase-s", 5) * 1000;
const pace: Pace = { chatters: numberFlag("chatters", 8), everyMs: numberFlag("every-ms", 100) };
const BIG = "00ffffffffffffffffffffffffffffff";

interface Phase {
	turnMs: number[];
	peakRss: number;
	peakAnonymous: number;
	cpuShare: number;
	loop: LoopFigures;
	reads: ReadReport[];
}

interface Subject {
	role: Role<unknown>;
	connect(): Post;
	reader: Role<object>;
}

/** Turns until the payloads of all records have `bytes` in base64. */
async function growSession(connect: () => Post, bytes: number): Promise<number> {
	const post = connect();
	await post.send("/sessions", Buffer.from("{}"), { "x-rollpin-session-id": BIG });
	const conversation = new Conversation();
	let turns = 0;
	for (let stored = 0; stored < bytes; turns++) {
		conversation.user(words(wordsIn, turns));
		const body = conversation.body(',"model":"sim","max_tokens":64');
		const { bytes: reply } = await post.send(`/sessions/${BIG}/v1/chat/completions`, body);
		conversation.assistant(reply);
		const { usage } = JSON.parse(reply.toString()) as { usage: { total_tokens: number } };
		stored += ((usage.total_tokens - 1) * BYTES_PER_TOKEN * 4) / 3;
	}
	await post.close();
	return turns;
}

/** What the chatters and the subject's process went through until `activity` was over. */
async function phase(
	chatters: Chatters,
	{ role }: Subject,
	activity: () => Promise<ReadReport[]>,
): Promise<Phase> {
	await usageOf(role);
	chatters.take();
	const startedMs = performance.now();
	const startedCpuMs = cpuMs(role.pid) ?? Number.NaN;
	const peakOf = watchPeak(role.pid);
	const reads = await activity();
	const peak = peakOf();
	const cpuShare = ((cpuMs(role.pid) ?? Number.NaN) - startedCpuMs) / (performance.now() - startedMs);
	const turnMs = chatters.take();
	const { peak_rss_mib: _ofItsLife, ...loop } = await usageOf(role);
	return { turnMs, peakRss: peak.rss, peakAnonymous: peak.anonymous, cpuShare, loop, reads };
}

const quiet = () => new Promise<ReadReport[]>((resolve) => setTimeout(() => resolve([]), phaseMs));

async function measure(subject: Subject, elsewhere: Role<object>, samples: boolean) {
	const chatters = new Chatters(subject.connect, pace);
	const warmUp = await phase(chatters, subject, quiet);
	const all = { warmUp, quiet: [] as Phase[], elsewhere: [] as Phase[], read: [] as Phase[] };
	for (let at = 0; at < rounds; at++) {
		all.quiet.push(await phase(chatters, subject, quiet));
		const fromOther = () => readOnAndOn(elsewhere, { method: "GET", path: "/large" }, phaseMs);
		all.elsewhere.push(await phase(chatters, subject, fromOther));
		const fromSubject = () =>
			readOnAndOn(subject.reader, { method: "GET", path: `/sessions/${BIG}` }, phaseMs);
		all.read.push(await phase(chatters, subject, fromSubject));
	}
	const collect = () =>
		readOnAndOn(subject.reader, { method: "POST", path: `/sessions/${BIG}/samples` }, phaseMs);
	const sampled = samples ? await phase(chatters, subject, collect) : null;
	await chatters.stop();
	return { ...all, sampled };
}

const dir = mkdtempSync(join(tmpdir(), "rollpin-bench-read-"));
const engine = await startRole<EngineAlone>("engine-alone", [String(BYTES_PER_TOKEN)]);
const elsewherePath = join(dir, "elsewhere.sock");
const backend = await startRole<object>("trivial-backend", [elsewherePath, String(readBytes)]);
const elsewhere = await startRole<object>("reader", ["http://elsewhere", elsewherePath]);

const naive = await startRole<NaiveServer>("naive-server", [engine.ready.url, "full"]);
const naiveSubject: Subject = {
	role: naive,
	connect: () => new Post(naive.ready.url, null),
	reader: await startRole<object>("reader", [naive.ready.url]),
};
await growSession(naiveSubject.connect, naiveBytes);
const naiveRun = await measure(naiveSubject, elsewhere, false);
await naiveSubject.reader.stop();
await naive.stop();

const workerArgs = [engine.ready.url, "disk", "full", join(dir, "data"), "quiet"];
const profile = process.argv.includes("--cpu-prof") ? ["--cpu-prof", "--cpu-prof-interval=500"] : [];
const worker = await startRole<WorkerAlone>("worker-alone", workerArgs, profile);
const workerSubject: Subject = {
	role: worker,
	connect: () => new Post("http://worker", worker.ready.socketPath),
	reader: await startRole<object>("reader", ["http://worker", worker.ready.socketPath]),
};
const turns = await growSession(workerSubject.connect, readBytes);
const workerRun = await measure(workerSubject, elsewhere, !process.argv.includes("--no-samples"));
await workerSubject.reader.stop();
await worker.stop();
await elsewhere.stop();
await backend.stop();
await engine.stop();
rmSync(dir, { recursive: true, force: true });

const mib = (bytes: number) => round(bytes / 1024 ** 2, 1);
const median = (values: readonly number[]) => percentile(values, 0.5);
const p99 = ({ turnMs }: Phase) => percentile(turnMs, 0.99);

/** Of phases that stand beside the quiet one of the same round. */
function figuresOf(phases: readonly Phase[], beside: readonly Phase[]) {
	const reads = phases.flatMap((one) => one.reads);
	const whole = reads.filter(({ status }) => status === 200);
	const against = (value: (one: Phase) => number) =>
		phases.map((one, at) => value(one) - value(beside[at] ?? one));
	const turnMs = phases.flatMap((one) => one.turnMs);
	return {
		turns: turnMs.length,
		p50_ms: round(percentile(turnMs, 0.5)),
		p99_ms: round(median(phases.map(p99))),
		p99_to_quiet: round(median(phases.map((one, at) => p99(one) / p99(beside[at] ?? one)))),
		worst_ms: round(Math.max(...turnMs), 1),
		...worstOf(phases.map(({ loop }) => loop)),
		loop_lag_p99_ms: round(median(phases.map(({ loop }) => loop.loop_lag_p99_ms))),
		cpu_share: round(median(phases.map((one) => one.cpuShare))),
		rss_mib: mib(Math.max(...phases.map(({ peakRss }) => peakRss))),
		rss_added_mib: mib(Math.max(...against(({ peakRss }) => peakRss))),
		anonymous_added_mib: mib(Math.max(...against(({ peakAnonymous }) => peakAnonymous))),
		reads: whole.length,
		failed_reads: reads.length - whole.length,
		read_mib: mib(median(whole.map(({ bytes }) => bytes))),
		mb_per_s: round(median(whole.map(({ bytes, elapsedMs }) => bytes / 1000 / elapsedMs)), 0),
		first_byte_ms: round(median(whole.map(({ firstByteMs }) => firstByteMs)), 1),
		first_byte_worst_ms: round(Math.max(...whole.map(({ firstByteMs }) => firstByteMs)), 1),
	};
}

function subjectFigures(run: typeof workerRun) {
	return {
		quiet: figuresOf(run.quiet, run.quiet),
		elsewhere: figuresOf(run.elsewhere, run.quiet),
		read: figuresOf(run.read, run.quiet),
		...(run.sampled === null ? {} : { samples: figuresOf([run.sampled], run.quiet.slice(-1)) }),
	};
}

const result = {
	shape: {
		read_bytes: readBytes,
		bytes_per_token: BYTES_PER_TOKEN,
		turns,
		rounds,
		phase_ms: phaseMs,
		...pace,
	},
	naive: subjectFigures(naiveRun),
	worker: subjectFigures(workerRun),
};
const rows = (label: string, figures: ReturnType<typeof subjectFigures>) =>
	Object.entries(figures).map(([name, one]) => [
		`${label}, ${name}`,
		one.turns,
		one.p50_ms,
		one.p99_ms,
		one.p99_to_quiet,
		one.worst_ms,
		one.loop_lag_p99_ms,
		one.loop_lag_worst_ms,
		one.slices_over_20_ms,
		one.cpu_share,
		one.rss_mib,
		one.rss_added_mib,
		one.reads === 0 && one.failed_reads === 0 ? "-" : `${one.reads} (${one.failed_reads} failed)`,
		one.reads === 0 ? "-" : one.read_mib,
		one.reads === 0 ? "-" : one.mb_per_s,
		one.reads === 0 ? "-" : one.first_byte_ms,
		one.reads === 0 ? "-" : one.first_byte_worst_ms,
	]);
printResult(
	"read",
	[
		[
			"",
			"turns",
			"p50 ms",
			"p99 ms",
			"to quiet",
			"worst ms",
			"lag p99 ms",
			"worst",
			"slices > 20 ms",
			"CPU share",
			"peak RSS MiB",
			"added",
			"reads",
			"MiB",
			"MB/s",
			"first byte ms",
			"worst",
		],
		...rows("naive server", result.naive),
		...rows("one worker", result.worker),
	],
	result,
);
