// One shape of chats run against the engine itself, the naive server and one worker, in turn, and the table of the three.
import { type AgentsRun, figuresOf, runAgents, type Shape, type Target, usageOf } from "./agents.js";
import { Post } from "./chat-client.js";
import type { EngineAlone } from "./engine-alone.js";
import type { NaiveServer } from "./naive-server.js";
import { printResult, round } from "./output.js";
import { cpuMs, type Role, startRole } from "./processes.js";
import type { WorkerAlone } from "./worker-alone.js";

export interface Comparison {
	shape: Shape;
	/** 0: no replay payloads. */
	r3BytesPerToken: number;
	store: "memory" | "disk";
	/** How often each subject runs; the figures are those of the median run. */
	rounds: number;
	/** False where it would need more memory than there is: it keeps every reply as objects. */
	naive: boolean;
}

interface Measured {
	run: AgentsRun;
	/** CPU time of each process for each turn. */
	cpuMs: { subject: number | null; engine: number; agents: number };
	usage: Awaited<ReturnType<typeof usageOf>> | null;
}

const WARM_UP_MS = 4000;

type Subject = (comparison: Comparison, engine: Role<EngineAlone>) => Promise<Measured>;

const SUBJECTS: ReadonlyArray<readonly [name: "direct" | "naive" | "worker", label: string, run: Subject]> = [
	["direct", "engine direct", direct],
	["naive", "naive server", naive],
	["worker", "one worker", worker],
];

/** @param more figures measured apart, for the result */
export async function compare(name: string, comparison: Comparison, more: object = {}): Promise<void> {
	const { shape, r3BytesPerToken, rounds } = comparison;
	const engine = await startRole<EngineAlone>("engine-alone", [
		String(r3BytesPerToken),
		String(shape.tokensOut),
	]);
	const subjects = SUBJECTS.filter(([subject]) => subject !== "naive" || comparison.naive);
	const all = new Map(subjects.map(([subject]) => [subject, [] as Measured[]]));
	for (let turn = 0; turn < rounds; turn++) {
		for (const [subject, label, run] of subjects) {
			process.stderr.write(`round ${turn + 1} of ${rounds}: ${label}\n`);
			all.get(subject)?.push(await run(comparison, engine));
		}
	}
	await engine.stop();
	const medians = new Map([...all].map(([subject, runs]) => [subject, median(runs)]));
	const figures = [...medians].map(([subject, measured]) => [subject, describe(measured, medians)]);
	printResult(
		name,
		[HEADINGS, ...subjects.map(([subject, label]) => row(label, medians.get(subject) as Measured, medians))],
		{
			shape: { ...shape, r3_bytes_per_token: r3BytesPerToken, store: comparison.store, rounds },
			...Object.fromEntries(figures),
			...more,
		},
	);
}

async function direct({ shape, r3BytesPerToken }: Comparison, engine: Role<EngineAlone>): Promise<Measured> {
	const extra =
		',"logprobs":true,"return_meta_info":true,"return_prompt_token_ids":true' +
		(r3BytesPerToken > 0 ? ',"return_routed_experts":true' : "");
	return measured(
		{ kind: "direct", connect: () => new Post(engine.ready.url, null), extra },
		shape,
		engine,
		null,
	);
}

async function naive({ shape, r3BytesPerToken }: Comparison, engine: Role<EngineAlone>): Promise<Measured> {
	const args = [engine.ready.url, r3BytesPerToken > 0 ? "full" : "off"];
	const server = await startRole<NaiveServer>("naive-server", args);
	try {
		const connect = () => new Post(server.ready.url, null);
		return await measured({ kind: "sessions", connect }, shape, engine, server);
	} finally {
		await server.stop();
	}
}

async function worker(
	{ shape, r3BytesPerToken, store }: Comparison,
	engine: Role<EngineAlone>,
): Promise<Measured> {
	const args = [engine.ready.url, store, r3BytesPerToken > 0 ? "full" : "off", "", "quiet"];
	const alone = await startRole<WorkerAlone>("worker-alone", args);
	try {
		const connect = () => new Post("http://worker", alone.ready.socketPath);
		return await measured({ kind: "sessions", connect }, shape, engine, alone);
	} finally {
		await alone.stop();
	}
}

async function measured(
	target: Target,
	shape: Shape,
	engine: Role<unknown>,
	subject: Role<unknown> | null,
): Promise<Measured> {
	await warmUp(target, shape);
	if (subject !== null) await usageOf(subject);
	const pids = [subject?.pid, engine.pid, process.pid];
	const before = pids.map(cpuOf);
	const run = await runAgents(target, shape);
	const [subjectMs, engineMs, agentsMs] = pids.map((pid, at) =>
		round((cpuOf(pid) - (before[at] as number)) / (shape.sessions * shape.turns)),
	);
	return {
		run,
		cpuMs: {
			subject: subject === null ? null : (subjectMs as number),
			engine: engineMs as number,
			agents: agentsMs as number,
		},
		usage: subject === null ? null : await usageOf(subject),
	};
}

/** A job runs for hours: what it pays for is compiled code. Sessions of the shape's own turns, for so long at the least. */
async function warmUp(target: Target, shape: Shape): Promise<void> {
	const some = {
		...shape,
		sessions: Math.min(shape.sessions, 4),
		turns: Math.min(shape.turns, 8),
		deleted: true,
	};
	const endMs = performance.now() + WARM_UP_MS;
	do await runAgents(target, some);
	while (performance.now() < endMs);
}

function cpuOf(pid: number | undefined): number {
	return pid === undefined ? 0 : (cpuMs(pid) ?? Number.NaN);
}

/** By elapsed time. */
function median(runs: readonly Measured[]): Measured {
	const sorted = runs.toSorted((one, other) => one.run.elapsedS - other.run.elapsedS);
	return sorted[Math.floor(sorted.length / 2)] as Measured;
}

type Medians = ReadonlyMap<string, Measured>;

function ratios({ run, cpuMs }: Measured, medians: Medians) {
	const speed = (name: string) => {
		const other = medians.get(name);
		return other === undefined ? null : round(other.run.elapsedS / run.elapsedS, 2);
	};
	const naiveCpu = medians.get("naive")?.cpuMs.subject ?? null;
	return {
		to_direct: speed("direct"),
		to_naive: speed("naive"),
		/** How many times its CPU time the naive server needs for the same turn. */
		naive_cpu: naiveCpu === null || cpuMs.subject === null ? null : round(naiveCpu / cpuMs.subject, 2),
	};
}

function describe(measured: Measured, medians: Medians): object {
	const { cpuMs, run, usage } = measured;
	return {
		...figuresOf(run),
		...ratios(measured, medians),
		cpu_ms_per_turn: cpuMs,
		...(usage ?? {}),
	};
}

const HEADINGS = [
	"",
	"turns/s",
	"of direct",
	"of naive",
	"p50 ms",
	"p99 ms",
	"CPU ms/turn",
	"naive's CPU",
	"engine's CPU",
	"agents' CPU",
	"loop lag p99 ms",
	"worst",
	"slices > 20 ms",
	"peak RSS MiB",
];

function row(label: string, measured: Measured, medians: Medians): Array<string | number> {
	const { cpuMs, run, usage } = measured;
	const figures = figuresOf(run);
	const { naive_cpu, to_direct, to_naive } = ratios(measured, medians);
	return [
		label,
		figures.turns_per_s,
		to_direct ?? "-",
		to_naive ?? "-",
		figures.p50_ms,
		figures.p99_ms,
		cpuMs.subject ?? "-",
		naive_cpu ?? "-",
		cpuMs.engine,
		cpuMs.agents,
		usage?.loop_lag_p99_ms ?? "-",
		usage?.loop_lag_worst_ms ?? "-",
		usage?.slices_over_20_ms ?? "-",
		usage?.peak_rss_mib ?? "-",
	];
}
