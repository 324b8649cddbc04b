// `npm run bench:r3`: turns with replay payloads through one worker, and the same turns at the engine itself.
import { Conversation, Post, words } from "./chat-client.js";
import type { EngineAlone } from "./engine-alone.js";
import { numberFlag, printResult, round } from "./output.js";
import { startRole } from "./processes.js";
import type { WorkerAlone, WorkerUsage } from "./worker-alone.js";

interface Run {
	elapsedS: number;
	turns: number;
	/** Bytes that the client got. */
	replyBytes: number;
	maxMs: number;
}

const sessions = numberFlag("sessions", 4);
const turns = numberFlag("turns", 8);
const wordsIn = numberFlag("words-in", 500);
const tokensOut = numberFlag("tokens-out", 1_000);
const bytesPerToken = numberFlag("bytes-per-token", 1_000);
const store = process.argv.includes("--memory") ? "memory" : "lmdb";

const engine = await startRole<EngineAlone>("engine-alone", [String(bytesPerToken), String(tokensOut)]);
const worker = await startRole<WorkerAlone>("worker-alone", [engine.ready.url, store, "full"]);
await usage();
const direct = await run(
	() => new Post(engine.ready.url, null),
	async () => "/v1/chat/completions",
	',"logprobs":true,"return_meta_info":true,"return_prompt_token_ids":true,"return_routed_experts":true',
);
const through = await run(
	() => new Post("http://worker", worker.ready.socketPath),
	async (post, session) => {
		const id = `00${session.toString(16).padStart(30, "0")}`;
		await post.send("/sessions", Buffer.from("{}"), { "x-rollpin-session-id": id });
		return `/sessions/${id}/v1/chat/completions`;
	},
	"",
);
const { loopLagP99Ms, peakRssBytes } = await usage();
await worker.stop();
await engine.stop();

const figures = ({ turns: done, elapsedS, replyBytes, maxMs }: Run) => ({
	turns_per_s: round(done / elapsedS, 1),
	elapsed_s: round(elapsedS),
	reply_mb: round(replyBytes / 1e6, 1),
	slowest_turn_ms: round(maxMs, 0),
});
const result = {
	shape: {
		sessions,
		turns,
		words_in: wordsIn,
		tokens_out: tokensOut,
		r3_bytes_per_token: bytesPerToken,
		store,
	},
	direct: figures(direct),
	worker: {
		...figures(through),
		loop_lag_p99_ms: loopLagP99Ms,
		peak_rss_mib: round(peakRssBytes / 1024 ** 2, 0),
	},
	worker_to_direct: round(direct.elapsedS / through.elapsedS, 3),
};
printResult(
	"r3",
	[
		["", "turns/s", "of direct", "MB to client", "slowest turn ms", "loop lag p99 ms", "peak RSS MiB"],
		[
			"engine direct",
			result.direct.turns_per_s,
			1,
			result.direct.reply_mb,
			result.direct.slowest_turn_ms,
			"-",
			"-",
		],
		[
			"one worker",
			result.worker.turns_per_s,
			result.worker_to_direct,
			result.worker.reply_mb,
			result.worker.slowest_turn_ms,
			loopLagP99Ms,
			result.worker.peak_rss_mib,
		],
	],
	result,
);

async function usage(): Promise<WorkerUsage> {
	for (;;) {
		const next = worker.next<Partial<WorkerUsage>>();
		worker.send("take");
		const { loopLagP99Ms, peakRssBytes } = await next;
		// A chat's own report may come in between.
		if (loopLagP99Ms !== undefined && peakRssBytes !== undefined) return { loopLagP99Ms, peakRssBytes };
	}
}

/** All sessions at once, each its turns in order. */
async function run(
	connect: () => Post,
	open: (post: Post, session: number) => Promise<string>,
	extra: string,
): Promise<Run> {
	const startedMs = performance.now();
	let replyBytes = 0;
	let maxMs = 0;
	await Promise.all(
		Array.from({ length: sessions }, async (_, session) => {
			const post = connect();
			const path = await open(post, session);
			const conversation = new Conversation();
			for (let turn = 0; turn < turns; turn++) {
				conversation.user(words(wordsIn, session * turns + turn));
				const answer = await post.send(
					path,
					conversation.body(`,"model":"sim","max_tokens":${tokensOut}${extra}`),
				);
				conversation.assistant(answer.bytes);
				replyBytes += answer.bytes.length;
				maxMs = Math.max(maxMs, answer.elapsedMs);
			}
			await post.close();
		}),
	);
	return { elapsedS: (performance.now() - startedMs) / 1000, turns: sessions * turns, replyBytes, maxMs };
}
