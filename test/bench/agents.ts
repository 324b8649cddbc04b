// The agents of a benchmark: sessions that chat at once, each its turns in order, and the figures of such a run.
import { PARTITION_COUNT } from "../../src/base/partitions.js";
import { percentile } from "../../src/demo/report.js";
import { Conversation, type Post, words } from "./chat-client.js";
import type { LoopFigures } from "./loop-watch.js";
import { round } from "./output.js";
import type { Role } from "./processes.js";
import type { WorkerUsage } from "./worker-alone.js";

export interface Shape {
	sessions: number;
	turns: number;
	/** Of each user message. */
	wordsIn: number;
	tokensOut: number;
	/** Sessions at once, each from its first turn to its last; all unless told. */
	atOnce?: number;
	/** Whether a session is deleted behind its last turn. */
	deleted?: boolean;
	/** Content of a user message instead of words; `index` counts them from 0 over all sessions. */
	text?: (index: number) => string;
}

export interface AgentsRun {
	elapsedS: number;
	turns: number;
	/** Bytes that the client got. */
	replyBytes: number;
	turnMs: number[];
	/** Of all sessions; none of a target without sessions. */
	ids: string[];
}

/** What a subject is reached by; `direct` has no sessions and needs every request's fields spelled out in `extra`. */
export interface Target {
	kind: "direct" | "sessions";
	connect: () => Post;
	/** Members of a request behind those that all have: JSON text, a leading comma. */
	extra?: string;
}

/** Every session on every turn, `atOnce` of them at a time over as many connections. */
export async function runAgents(target: Target, shape: Shape): Promise<AgentsRun> {
	const startedMs = performance.now();
	let replyBytes = 0;
	const turnMs: number[] = [];
	const ids: string[] = [];
	const { extra = "" } = target;
	const session = async (post: Post, index: number) => {
		const id = target.kind === "direct" ? null : await open(post);
		if (id !== null) ids.push(id);
		const path = `${id === null ? "" : `/sessions/${id}`}/v1/chat/completions`;
		const conversation = new Conversation();
		for (let turn = 0; turn < shape.turns; turn++) {
			const at = index * shape.turns + turn;
			conversation.user(shape.text?.(at) ?? words(shape.wordsIn, at));
			const body = conversation.body(`,"model":"sim","max_tokens":${shape.tokensOut}${extra}`);
			const answer = await post.send(path, body);
			conversation.assistant(answer.bytes);
			replyBytes += answer.bytes.length;
			turnMs.push(answer.elapsedMs);
		}
		if (id !== null && shape.deleted) await post.remove(`/sessions/${id}`);
	};
	let next = 0;
	await Promise.all(
		Array.from({ length: Math.min(shape.sessions, shape.atOnce ?? shape.sessions) }, async () => {
			const post = target.connect();
			while (next < shape.sessions) await session(post, next++);
			await post.close();
		}),
	);
	const elapsedS = (performance.now() - startedMs) / 1000;
	return { elapsedS, turns: shape.sessions * shape.turns, replyBytes, turnMs, ids };
}

let minted = 0;

export async function open(post: Post): Promise<string> {
	// Over all partitions in turn, as minted ids are.
	const partition = (minted % PARTITION_COUNT).toString(16).padStart(2, "0");
	const id = `${partition}${(minted++).toString(16).padStart(30, "0")}`;
	const { bytes } = await post.send("/sessions", Buffer.from("{}"), { "x-rollpin-session-id": id });
	// Another server may choose its own.
	return (JSON.parse(bytes.toString()) as { session_id: string }).session_id;
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

/** Loop lag since the last call and peak RSS of a role that answers; `gc`: behind a full collection. */
export async function usageOf(
	role: Role<unknown>,
	message: "take" | "gc" = "take",
): Promise<LoopFigures & { peak_rss_mib: number }> {
	let next = role.next<Partial<WorkerUsage>>();
	// Asked once: taking the lag resets it.
	role.send(message);
	for (;;) {
		const { loop, peakRssBytes } = await next;
		// A chat's own report may come in between.
		if (loop === undefined || peakRssBytes === undefined) {
			next = role.next();
			continue;
		}
		return { ...loop, peak_rss_mib: round(peakRssBytes / 1024 ** 2, 0) };
	}
}
