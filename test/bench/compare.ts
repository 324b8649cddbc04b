// One shape of chats run against the engine itself, the naive server and one worker, and the table of the three.
import { type AgentsRun, figuresOf, runAgents, type Shape, usageOf } from "./agents.js";
import { Post } from "./chat-client.js";
import type { EngineAlone } from "./engine-alone.js";
import type { NaiveServer } from "./naive-server.js";
import { printResult, round } from "./output.js";
import { cpuMs, startRole } from "./processes.js";
import type { WorkerAlone } from "./worker-alone.js";

/** @param r3BytesPerToken 0: no replay payloads */
export async function compare(
	name: string,
	shape: Shape,
	r3BytesPerToken: number,
	store: "memory" | "lmdb",
): Promise<void> {
	const r3 = r3BytesPerToken > 0 ? "full" : "off";
	const engine = await startRole<EngineAlone>("engine-alone", [
		String(r3BytesPerToken),
		String(shape.tokensOut),
	]);
	const extra =
		',"logprobs":true,"return_meta_info":true,"return_prompt_token_ids":true' +
		(r3 === "full" ? ',"return_routed_experts":true' : "");
	const toEngine = () => new Post(engine.ready.url, null);
	// The engine's first requests are slow; nobody shall be charged for them.
	const warmUp = { ...shape, sessions: 2, turns: 2 };
	await runAgents({ kind: "direct", connect: toEngine, extra }, warmUp);
	const direct = await runAgents({ kind: "direct", connect: toEngine, extra }, shape);

	const naive = await startRole<NaiveServer>("naive-server", [engine.ready.url, r3]);
	const toNaive = () => new Post(naive.ready.url, null);
	await runAgents({ kind: "sessions", connect: toNaive }, warmUp);
	await usageOf(naive);
	const naiveCpuMs = cpuMs(naive.pid) ?? Number.NaN;
	const parsed = await runAgents({ kind: "sessions", connect: toNaive }, shape);
	const naiveUsage = {
		...(await usageOf(naive)),
		cpu_ms_per_turn: round(((cpuMs(naive.pid) ?? Number.NaN) - naiveCpuMs) / (shape.sessions * shape.turns)),
	};
	await naive.stop();

	const worker = await startRole<WorkerAlone>("worker-alone", [engine.ready.url, store, r3]);
	const toWorker = () => new Post("http://worker", worker.ready.socketPath);
	await runAgents({ kind: "sessions", connect: toWorker }, warmUp);
	await usageOf(worker);
	const workerCpuMs = cpuMs(worker.pid) ?? Number.NaN;
	const through = await runAgents({ kind: "sessions", connect: toWorker }, shape);
	const workerUsage = {
		...(await usageOf(worker)),
		cpu_ms_per_turn: round(
			((cpuMs(worker.pid) ?? Number.NaN) - workerCpuMs) / (shape.sessions * shape.turns),
		),
	};
	await worker.stop();
	await engine.stop();

	const ratio = (one: AgentsRun, other: AgentsRun) => round(other.elapsedS / one.elapsedS, 3);
	const result = {
		shape: { ...shape, r3_bytes_per_token: r3BytesPerToken, store },
		direct: figuresOf(direct),
		naive: { ...figuresOf(parsed), ...naiveUsage },
		worker: { ...figuresOf(through), ...workerUsage },
		worker_to_direct: ratio(through, direct),
		worker_to_naive: ratio(through, parsed),
	};
	const row = (label: string, run: AgentsRun, usage: typeof workerUsage | null) => {
		const figures = figuresOf(run);
		return [
			label,
			figures.turns_per_s,
			ratio(run, direct),
			ratio(run, parsed),
			figures.p50_ms,
			figures.p99_ms,
			figures.reply_mb,
			usage?.cpu_ms_per_turn ?? "-",
			usage?.loop_lag_p99_ms ?? "-",
			usage?.peak_rss_mib ?? "-",
		];
	};
	printResult(
		name,
		[
			[
				"",
				"turns/s",
				"of direct",
				"of naive",
				"p50 ms",
				"p99 ms",
				"MB to client",
				"CPU ms/turn",
				"loop lag p99 ms",
				"peak RSS MiB",
			],
			row("engine direct", direct, null),
			row("naive server", parsed, naiveUsage),
			row("one worker", through, workerUsage),
		],
		result,
	);
}
