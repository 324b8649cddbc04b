// `npm run bench:turn`: what one turn costs a worker against the length of its history, beside the engine alone and beside a process that
// only carries the same bytes.
import { percentile } from "../../src/demo/report.js";
import type { ChatDone } from "../../src/telemetry/events.js";
import { usageOf } from "./agents.js";
import { Conversation, Post, words } from "./chat-client.js";
import type { EngineAlone } from "./engine-alone.js";
import { loopText, measureGrowth, printGrowth } from "./growth.js";
import { numberFlag, printResult, round } from "./output.js";
import { type Role, startRole } from "./processes.js";
import type { FloorReport, TurnFloor } from "./turn-floor.js";
import type { ChatReport, WorkerAlone } from "./worker-alone.js";

interface Sample {
	/** Of the chat, without the time in which the engine had it. */
	ownMs: number;
	/** CPU time of the worker's process, all threads: also what it does while it talks to the engine. */
	cpuMs: number;
	endToEndMs: number;
	directMs: number;
	/** The same, of a process that only carries the bytes. */
	floorOwnMs: number;
	floorCpuMs: number;
	promptTokens: number;
	chat: ChatDone;
}

const SIZES = [1_000, 3_000, 10_000, 30_000, 100_000];
const GROWTH_WORDS = numberFlag("growth-words", 250);
const turns = numberFlag("turns", 25);
const store = process.argv.includes("--memory") ? "memory" : "disk";
const profile = process.argv.includes("--cpu-prof") ? ["--cpu-prof", "--cpu-prof-interval=200"] : [];
const REQUEST = ',"model":"sim","max_tokens":32';

const engine = await startRole<EngineAlone>("engine-alone", []);
const worker: Role<WorkerAlone> = await startRole("worker-alone", [engine.ready.url, store, "off"], profile);
const toWorker = new Post("http://worker", worker.ready.socketPath);
const toEngine = new Post(engine.ready.url, null);
const floor = await startRole<TurnFloor>("turn-floor", [engine.ready.url]);
const toFloor = new Post("http://floor", floor.ready.socketPath);
let minted = 0;
let lastCpuUs = 0;
let lastFloorCpuUs = 0;

/** One session of a given length of history. */
class Subject {
	readonly id = `00${(minted++).toString(16).padStart(30, "0")}`;
	readonly samples: Sample[] = [];
	readonly #conversation = new Conversation();
	#lastBody: Buffer = Buffer.alloc(0);

	async create(): Promise<void> {
		await toWorker.send("/sessions", Buffer.from("{}"), { "x-rollpin-session-id": this.id });
	}

	async turn(userWords: number): Promise<Sample> {
		this.#conversation.user(words(userWords, minted++));
		const body = this.#conversation.body(REQUEST);
		this.#lastBody = body;
		const reported = worker.next<ChatReport>();
		const answer = await toWorker.send(`/sessions/${this.id}/v1/chat/completions`, body);
		const { chat, cpuUs } = await reported;
		this.#conversation.assistant(answer.bytes);
		const sample = {
			ownMs: chat.total_ms - chat.proxy_elapsed_ms,
			cpuMs: (cpuUs - lastCpuUs) / 1000,
			endToEndMs: answer.elapsedMs,
			directMs: Number.NaN,
			floorOwnMs: Number.NaN,
			floorCpuMs: Number.NaN,
			promptTokens: chat.prompt_tokens,
			chat,
		};
		lastCpuUs = cpuUs;
		return sample;
	}

	/** The last turn's bytes, carried by nobody who looks at them. */
	async carried(promptTokens: number): Promise<Pick<Sample, "floorCpuMs" | "floorOwnMs">> {
		const reported = floor.next<FloorReport>();
		await toFloor.send("/", this.#lastBody, { "x-prompt-tokens": String(promptTokens) });
		const { cpuUs, ownMs } = await reported;
		const floorCpuMs = (cpuUs - lastFloorCpuUs) / 1000;
		lastFloorCpuUs = cpuUs;
		return { floorOwnMs: ownMs, floorCpuMs };
	}

	/** A turn whose prompt is also sent to the engine itself: what the worker sent upstream, sent by ourselves. */
	async direct(userWords: number): Promise<number> {
		this.#conversation.user(words(userWords, minted++));
		const body = this.#conversation.body(REQUEST);
		const reported = worker.next<ChatReport>();
		const asking = this.#conversation.body(`${REQUEST},"return_prompt_token_ids":true`);
		const { bytes: reply } = await toWorker.send(`/sessions/${this.id}/v1/chat/completions`, asking);
		lastCpuUs = (await reported).cpuUs;
		this.#conversation.assistant(reply);
		const parsed = JSON.parse(reply.toString()) as { choices: Array<{ prompt_token_ids: number[] }> };
		const ids = parsed.choices[0]?.prompt_token_ids.join(",");
		const rest = `,"logprobs":true,"return_meta_info":true,"no_stop_trim":false,"return_prompt_token_ids":true,"input_ids":[${ids}]}`;
		const full = Buffer.concat([body.subarray(0, -1), Buffer.from(rest)]);
		return (await toEngine.send("/v1/chat/completions", full)).elapsedMs;
	}
}

const subjects: Subject[] = [];
for (const size of SIZES) {
	const subject = new Subject();
	await subject.create();
	subjects.push(subject);
	let promptTokens = 0;
	// Grown turn by turn, so that the history has many messages as a real one has.
	for (let last = 0; promptTokens + (promptTokens - last) < size; ) {
		last = promptTokens;
		({ promptTokens } = await subject.turn(GROWTH_WORDS));
	}
}
const firsts: Sample[] = [];
// In turn over all sizes, so that what else the machine does hits all alike.
for (let at = 0; at < turns; at++) {
	const fresh = new Subject();
	await fresh.create();
	const first = await fresh.turn(GROWTH_WORDS);
	firsts.push({ ...first, ...(await fresh.carried(first.promptTokens)), directMs: await fresh.direct(20) });
	for (const subject of subjects) {
		// Its first turn in a while also brings what the other sessions left behind.
		const sample = await subject.turn(20);
		const carried = await subject.carried(sample.promptTokens);
		subject.samples.push({ ...sample, ...carried, directMs: await subject.direct(20) });
	}
}
const loop = await usageOf(worker);
await toWorker.close();
await toEngine.close();
await toFloor.close();
await worker.stop();
await floor.stop();
await engine.stop();
// To 1,000 messages and 100,000 tokens.
const growth = await measureGrowth(store, {
	sessions: 4,
	marks: [10, 60, 250, 500],
	window: 8,
	wordsIn: numberFlag("turn-words", 80),
	tokensOut: 32,
	r3BytesPerToken: 0,
});

const rows = [
	{ name: "first turn", samples: firsts },
	...subjects.map(({ samples }, at) => ({ name: `${(SIZES[at] ?? 0) / 1000}k`, samples })),
];
const median = (samples: readonly Sample[], value: (sample: Sample) => number) =>
	percentile(samples.map(value), 0.5);
const reference = subjects[0]?.samples ?? [];
const figures = rows.map(({ name, samples }) => {
	const of = (value: (sample: Sample) => number) => ({
		ms: round(median(samples, value), 3),
		to_1k: round(median(samples, value) / median(reference, value)),
		to_first: round(median(samples, value) / median(firsts, value)),
	});
	const phase = (value: (chat: ChatDone) => number) =>
		round(
			median(samples, ({ chat }) => value(chat)),
			3,
		);
	return {
		history: name,
		prompt_tokens: median(samples, (sample) => sample.promptTokens),
		own: of((sample) => sample.ownMs),
		cpu: of((sample) => sample.cpuMs),
		floor_own: of((sample) => sample.floorOwnMs),
		floor_cpu: of((sample) => sample.floorCpuMs),
		own_over_floor: of((sample) => sample.ownMs - sample.floorOwnMs),
		cpu_over_floor: of((sample) => sample.cpuMs - sample.floorCpuMs),
		end_to_end: of((sample) => sample.endToEndMs),
		direct: of((sample) => sample.directMs),
		over_direct: of((sample) => sample.endToEndMs - sample.directMs),
		phases: {
			tokenize_in_ms: phase((chat) => chat.tokenize_in_ms),
			proxy_elapsed_ms: phase((chat) => chat.proxy_elapsed_ms),
			tokenize_out_ms: phase((chat) => chat.tokenize_out_ms),
			commit_ms: phase((chat) => chat.commit_ms),
		},
	};
});
printGrowth(growth);
process.stderr.write(`\nturns of the table below: ${loopText(loop)}\n`);
printResult(
	"turn",
	[
		[
			"history",
			"prompt tokens",
			"own ms",
			"to 1k",
			"floor",
			"over it",
			"to 1k",
			"CPU ms",
			"to 1k",
			"floor",
			"over it",
			"to 1k",
			"end to end ms",
			"direct ms",
			"in",
			"proxy",
			"out",
			"commit",
		],
		...figures.map((row) => [
			row.history,
			row.prompt_tokens,
			row.own.ms,
			row.own.to_1k,
			row.floor_own.ms,
			row.own_over_floor.ms,
			row.own_over_floor.to_1k,
			row.cpu.ms,
			row.cpu.to_1k,
			row.floor_cpu.ms,
			row.cpu_over_floor.ms,
			row.cpu_over_floor.to_1k,
			row.end_to_end.ms,
			row.direct.ms,
			...Object.values(row.phases),
		]),
	],
	{ store, turns, figures, loop, growth },
);
