// The agents of a benchmark: sessions that chat at once, each its turns in order, and the figures of such a run.
import { percentile } from "../../src/demo/report.js";
import { Conversation, type Post, words } from "./chat-client.js";
import { round } from "./output.js";
import type { Role } from "./processes.js";
import type { WorkerUsage } from "./worker-alone.js";

export interface Shape {
	sessions: number;
	turns: number;
	/** Of each user message. */
	wordsIn: number;
	tokensOut: number;
}

export interface AgentsRun {
	elapsedS: number;
	turns: number;
	/** Bytes that the client got. */
	replyBytes: number;
	turnMs: number[];
}

/** What a subject is reached by; `direct` has no sessions and needs every request's fields spelled out. */
export type Target =
	| { kind: "direct"; connect: () => Post; extra: string }
	| { kind: "sessions"; connect: () => Post };

/** All sessions at once. */
export async function runAgents(target: Target, shape: Shape): Promise<AgentsRun> {
	const startedMs = performance.now();
	let replyBytes = 0;
	const turnMs: number[] = [];
	const extra = target.kind === "direct" ? target.extra : "";
	await Promise.all(
		Array.from({ length: shape.sessions }, async (_, session) => {
			const post = target.connect();
			const path = target.kind === "direct" ? "/v1/chat/completions" : await open(post);
			const conversation = new Conversation();
			for (let turn = 0; turn < shape.turns; turn++) {
				conversation.user(words(shape.wordsIn, session * shape.turns + turn));
				const body = conversation.body(`,"model":"sim","max_tokens":${shape.tokensOut}${extra}`);
				const answer = await post.send(path, body);
				conversation.assistant(answer.bytes);
				replyBytes += answer.bytes.length;
				turnMs.push(answer.elapsedMs);
			}
			await post.close();
		}),
	);
	const elapsedS = (performance.now() - startedMs) / 1000;
	return { elapsedS, turns: shape.sessions * shape.turns, replyBytes, turnMs };
}

let minted = 0;

async function open(post: Post): Promise<string> {
	const id = `00${(minted++).toString(16).padStart(30, "0")}`;
	await post.send("/sessions", Buffer.from("{}"), { "x-rollpin-session-id": id });
	return `/sessions/${id}/v1/chat/completions`;
}

export function figuresOf({ turns, elapsedS, replyBytes, turnMs }: AgentsRun) {
	return {
		turns_per_s: round(turns / elapsedS, 1),
		elapsed_s: round(elapsedS),
		reply_mb: round(replyBytes / 1e6, 1),
		p50_ms: round(percentile(turnMs, 0.5), 1),
		p99_ms: round(percentile(turnMs, 0.99), 1),
	};
}

/** Loop lag since the last call and peak RSS of a role that answers `take`. */
export async function usageOf(
	role: Role<unknown>,
): Promise<{ loop_lag_p99_ms: number; peak_rss_mib: number }> {
	let next = role.next<Partial<WorkerUsage>>();
	// Asked once: taking the lag resets it.
	role.send("take");
	for (;;) {
		const { loopLagP99Ms, peakRssBytes } = await next;
		// A chat's own report may come in between.
		if (loopLagP99Ms === undefined || peakRssBytes === undefined) {
			next = role.next();
			continue;
		}
		return { loop_lag_p99_ms: loopLagP99Ms, peak_rss_mib: round(peakRssBytes / 1024 ** 2, 0) };
	}
}
