// What a turn costs as its session grows: a few sessions side by side, one turn at a time, the figures of the turns around each mark.
import { percentile, table } from "../../src/demo/report.js";
import { open, runAgents, usageOf } from "./agents.js";
import type { CannedEngine } from "./canned-engine.js";
import { Conversation, Post, words } from "./chat-client.js";
import type { LoopFigures } from "./loop-watch.js";
import { round } from "./output.js";
import { type Role, startRole } from "./processes.js";
import type { ChatReport, WorkerAlone } from "./worker-alone.js";

export interface GrowthShape {
	sessions: number;
	/** Of the last mark the most. */
	marks: readonly number[];
	/** Turns up to and with a mark that its figures are of. */
	window: number;
	wordsIn: number;
	tokensOut: number;
	/** 0: no replay payloads. */
	r3BytesPerToken: number;
}

export interface GrowthRow {
	turn: number;
	prompt_tokens: number;
	/** Replay payload of the engine's reply, in base64. */
	payload_mb: number;
	/** Of the chat, without the time in which the engine had it. */
	own_ms: number;
	/** Of the worker's process, all threads. */
	cpu_ms: number;
	cpu_ms_per_payload_mb: number | null;
	/** To the first row. */
	own_ratio: number;
	cpu_ratio: number;
	per_mb_ratio: number | null;
}

interface Growth {
	rows: GrowthRow[];
	loop: LoopFigures;
}

interface Sample {
	promptTokens: number;
	payloadMb: number;
	ownMs: number;
	cpuMs: number;
}

/** As in compare: what a job pays for is compiled code. */
const WARM_UP_MS = 4_000;
const WARM_UP_TURNS = 6;

/** Starts an engine and a worker of its own. */
export async function measureGrowth(store: string, shape: GrowthShape): Promise<Growth> {
	const { r3BytesPerToken, tokensOut } = shape;
	const engine = await startRole<CannedEngine>("canned-engine", [String(r3BytesPerToken), String(tokensOut)]);
	const r3 = r3BytesPerToken > 0 ? "full" : "off";
	const worker = await startRole<WorkerAlone>("worker-alone", [engine.ready.url, store, r3]);
	try {
		return await grow(worker, shape);
	} finally {
		await worker.stop();
		await engine.stop();
	}
}

async function grow(worker: Role<WorkerAlone>, shape: GrowthShape): Promise<Growth> {
	const connect = () => new Post("http://worker", worker.ready.socketPath);
	const endMs = performance.now() + WARM_UP_MS;
	const small = { ...shape, sessions: 4, turns: WARM_UP_TURNS, deleted: true };
	do await runAgents({ kind: "sessions", connect }, small);
	while (performance.now() < endMs);
	const post = connect();
	const sessions: Array<{ id: string; conversation: Conversation }> = [];
	for (let at = 0; at < shape.sessions; at++) {
		sessions.push({ id: await open(post), conversation: new Conversation() });
	}
	// Its answer comes after the reports of all chats before it.
	await usageOf(worker);
	let lastCpuUs = Number.NaN;
	const turn = async ({ conversation, id }: { id: string; conversation: Conversation }, number: number) => {
		conversation.user(words(shape.wordsIn, number));
		const body = conversation.body(`,"model":"sim","max_tokens":${shape.tokensOut}`);
		const reported = worker.next<ChatReport>();
		const { bytes } = await post.send(`/sessions/${id}/v1/chat/completions`, body);
		const { chat, cpuUs } = await reported;
		conversation.assistant(bytes);
		const sample: Sample = {
			promptTokens: chat.prompt_tokens,
			payloadMb: ((chat.prompt_tokens + chat.completion_tokens - 1) * shape.r3BytesPerToken * 4) / 3 / 1e6,
			ownMs: chat.total_ms - chat.proxy_elapsed_ms,
			cpuMs: (cpuUs - lastCpuUs) / 1000,
		};
		lastCpuUs = cpuUs;
		return sample;
	};
	const samples = new Map<number, Sample[]>(shape.marks.map((mark) => [mark, []]));
	const last = Math.max(...shape.marks);
	for (let number = 1; number <= last; number++) {
		const mark = shape.marks.find((one) => number <= one && number > one - shape.window);
		for (const session of sessions) {
			const sample = await turn(session, number);
			if (mark !== undefined) samples.get(mark)?.push(sample);
		}
	}
	await post.close();
	return { rows: rowsOf(samples), loop: await usageOf(worker) };
}

function rowsOf(samples: ReadonlyMap<number, readonly Sample[]>): GrowthRow[] {
	const rows: GrowthRow[] = [];
	for (const [turn, all] of samples) {
		const median = (value: (sample: Sample) => number) => percentile(all.map(value), 0.5);
		const perMb = median(({ cpuMs, payloadMb }) => cpuMs / payloadMb);
		const own = median(({ ownMs }) => ownMs);
		const cpu = median(({ cpuMs }) => cpuMs);
		const first = rows[0];
		rows.push({
			turn,
			prompt_tokens: round(
				median(({ promptTokens }) => promptTokens),
				0,
			),
			payload_mb: round(
				median(({ payloadMb }) => payloadMb),
				1,
			),
			own_ms: round(own, 3),
			cpu_ms: round(cpu, 3),
			cpu_ms_per_payload_mb: Number.isFinite(perMb) ? round(perMb, 3) : null,
			own_ratio: round(own / (first?.own_ms ?? own)),
			cpu_ratio: round(cpu / (first?.cpu_ms ?? cpu)),
			per_mb_ratio: Number.isFinite(perMb) ? round(perMb / (first?.cpu_ms_per_payload_mb ?? perMb)) : null,
		});
	}
	return rows;
}

export function printGrowth({ loop, rows }: Growth): void {
	process.stderr.write(`\n${table(tableOf(rows))}\n${loopText(loop)}\n`);
}

function tableOf(rows: readonly GrowthRow[]): Array<Array<string | number>> {
	const first = rows[0]?.turn ?? 0;
	return [
		[
			"turn",
			"prompt tokens",
			"payload MB",
			"own ms",
			`to turn ${first}`,
			"CPU ms",
			`to turn ${first}`,
			"CPU ms/MB",
			`to turn ${first}`,
		],
		...rows.map((row) => [
			row.turn,
			row.prompt_tokens,
			row.payload_mb,
			row.own_ms,
			row.own_ratio,
			row.cpu_ms,
			row.cpu_ratio,
			row.cpu_ms_per_payload_mb ?? "-",
			row.per_mb_ratio ?? "-",
		]),
	];
}

export function loopText(loop: LoopFigures): string {
	return `the worker's loop: lag p99 ${loop.loop_lag_p99_ms} ms, worst ${loop.loop_lag_worst_ms} ms; slices over 20 ms: ${loop.slices_over_20_ms}, the longest ${loop.worst_slice_ms} ms`;
}
