// One agent of the fault suite: plays sessions, repeats what failed under the same Idempotency-Key, remembers every ack.
import { createHash } from "node:crypto";
import { type Dispatcher, request } from "undici";
import type { SessionId } from "../../src/base/ids.js";
import { PartitionMap } from "../../src/base/partitions.js";
import { runTool, TOOLS, userMessage } from "../../src/demo/tools.js";
import type { FailedAttempt, SessionLedger } from "./ledger.js";
import type { Chance } from "./random.js";

const ATTEMPT_TIMEOUT_MS = 60_000;
const RETRY_MS = 100;

export interface AgentWorld {
	/** Front URL; it stays the same over restarts of the cluster. */
	url: string;
	backends: number;
	/** The only answers that a fault may cause, and that are sent again; everything else is a finding. */
	isTransient: (status: number, code: string) => boolean;
	/** Longer than any outage. */
	giveUpMs: number;
	failed: (attempt: FailedAttempt) => void;
	/** Something that must never happen. */
	finding: (text: string) => void;
	acked: (worker: number) => void;
}

const TRANSIENT: ReadonlySet<number> = new Set([429, 502, 503, 504]);

/** Longest outage of the fault suite: a primary down, a worker stopped until it is killed. */
export const PATIENCE: Pick<AgentWorld, "isTransient" | "giveUpMs"> = {
	isTransient: (status) => TRANSIENT.has(status),
	giveUpMs: 45_000,
};

interface ChatReply {
	id: string;
	choices: Array<{
		message: { role: "assistant"; content: string; tool_calls?: Array<{ id: string; function: ToolCall }> };
		finish_reason: string;
		prompt_token_ids: number[];
		meta_info: { output_token_logprobs: Array<[number, number, string | null]> };
	}>;
}

interface ToolCall {
	name: string;
	arguments: string;
}

/** A conversation in progress; `turn` appends one acknowledged turn. */
export class FaultSession {
	readonly ledger: SessionLedger;
	readonly #world: AgentWorld;
	readonly #number: number;
	readonly #messages: unknown[];
	#deleting = false;

	constructor(world: AgentWorld, id: string, number: number) {
		this.#world = world;
		this.#number = number;
		const worker = new PartitionMap(world.backends).workerOf(id as SessionId);
		this.ledger = { id, worker, acks: [], deleted: false };
		this.#messages = [
			{
				role: "system",
				content: "You are a careful engineer on a rollout cluster. Use tools when they help.",
			},
			{ role: "user", content: userMessage(number, 0) },
		];
	}

	/** Somebody deletes it, or has. */
	get deleting(): boolean {
		return this.#deleting;
	}

	/** @returns false when it was deleted meanwhile, or when it had to give up: `finding` was told */
	async turn(maxTokens: number): Promise<boolean> {
		const { id, acks } = this.ledger;
		const body = JSON.stringify({
			model: "rollout",
			messages: this.#messages,
			tools: TOOLS,
			max_tokens: maxTokens,
			seed: this.#number,
			return_prompt_token_ids: true,
		});
		const key = createHash("sha256").update(`${id} ${acks.length} ${body}`).digest("hex");
		const startedMs = performance.now();
		const done = await attempt(this.#world, this.ledger, {
			method: "POST",
			path: `/sessions/${id}/v1/chat/completions`,
			headers: { "content-type": "application/json", "idempotency-key": key },
			body,
		});
		if (done === null) return false;
		if (this.#deleting && (done.status === 404 || done.status === 410)) return false;
		if (done.status !== 200) {
			this.#world.finding(
				`${id}: turn ${acks.length} was answered ${done.status} ${done.text.slice(0, 300)}`,
			);
			return false;
		}
		const reply = JSON.parse(done.text) as ChatReply;
		const choice = reply.choices[0];
		if (choice === undefined) throw new Error("a reply without choices");
		acks.push({
			latencyMs: performance.now() - startedMs,
			attempts: done.attempts,
			responseId: reply.id,
			message: JSON.stringify(choice.message),
			promptIds: choice.prompt_token_ids,
			completionIds: choice.meta_info.output_token_logprobs.map((entry) => entry[1]),
			toolCalls: choice.message.tool_calls?.length ?? 0,
			finishReason: choice.finish_reason,
		});
		this.#world.acked(this.ledger.worker);
		this.#messages.push(choice.message);
		const calls = choice.message.tool_calls ?? [];
		for (const call of calls) {
			const content = runTool(call.function.name, call.function.arguments);
			this.#messages.push({ role: "tool", tool_call_id: call.id, content });
		}
		if (calls.length === 0) {
			this.#messages.push({ role: "user", content: userMessage(this.#number, acks.length) });
		}
		return true;
	}

	/** The records as the cluster tells them; null when it gave up. */
	async read(): Promise<{ status: number; json: unknown } | null> {
		const done = await attempt(this.#world, this.ledger, {
			method: "GET",
			path: `/sessions/${this.ledger.id}`,
		});
		return done === null ? null : { status: done.status, json: JSON.parse(done.text) as unknown };
	}

	/** A repeated DELETE may find it deleted already: its first answer was lost. */
	async delete(): Promise<boolean> {
		this.#deleting = true;
		const done = await attempt(this.#world, this.ledger, {
			method: "DELETE",
			path: `/sessions/${this.ledger.id}`,
		});
		if (done === null) return false;
		if (done.status !== 204 && !(done.status === 404 && done.attempts > 1)) {
			this.#world.finding(`${this.ledger.id}: DELETE was answered ${done.status} ${done.text}`);
			return false;
		}
		this.ledger.deleted = true;
		return true;
	}
}

/** A session with an id of the cluster's own. Null when it gave up; `finding` was told. */
export async function mintSession(world: AgentWorld): Promise<{ id: string; worker: number } | null> {
	const done = await attempt(world, { id: "", worker: null }, { method: "POST", path: "/sessions" });
	if (done === null) return null;
	if (done.status !== 200) {
		world.finding(`POST /sessions was answered ${done.status} ${done.text}`);
		return null;
	}
	const { session_id: id, worker } = JSON.parse(done.text) as { session_id: string; worker: number };
	return { id, worker };
}

/** Plays sessions one after the other until told to stop; the last turn is always brought to its acknowledgement. */
export async function runFaultAgent(
	world: AgentWorld,
	chance: Chance,
	agent: number,
	stopped: () => boolean,
): Promise<FaultSession[]> {
	const sessions: FaultSession[] = [];
	while (!stopped()) {
		const number = agent * 1_000 + sessions.length;
		const session = new FaultSession(world, `fault-${number}-${chance.integer(0, 2 ** 31)}`, number);
		sessions.push(session);
		const turns = chance.integer(4, 12);
		let good = true;
		for (let turn = 0; turn < turns && good && !(stopped() && turn > 0); turn += 1) {
			good = await session.turn(chance.integer(4, 48));
		}
		if (good && chance.next() < 0.3) await session.delete();
	}
	return sessions;
}

interface Answered {
	status: number;
	text: string;
	attempts: number;
}

interface Sent {
	method: Dispatcher.HttpMethod;
	path: string;
	headers?: Record<string, string>;
	body?: string;
}

/** Sends until it is answered by something other than a transient failure. */
async function attempt(
	world: AgentWorld,
	{ id, worker }: Pick<SessionLedger, "id"> & { worker: number | null },
	sent: Sent,
): Promise<Answered | null> {
	const { method, path, headers, body } = sent;
	const giveUpMs = performance.now() + world.giveUpMs;
	for (let attempts = 1; ; attempts += 1) {
		const startMs = performance.now();
		let status = 0;
		let code = "";
		try {
			const reply = await request(world.url + path, {
				method,
				headers: headers ?? {},
				body: body ?? null,
				signal: AbortSignal.timeout(ATTEMPT_TIMEOUT_MS),
			});
			const text = await reply.body.text();
			status = reply.statusCode;
			code = status < 400 ? "" : codeOf(text);
			if (!world.isTransient(status, code)) return { status, text, attempts };
		} catch (error) {
			code = error instanceof Error ? ((error as NodeJS.ErrnoException).code ?? error.name) : String(error);
			if (code === "TimeoutError") world.finding(`${id}: ${method} hung for ${ATTEMPT_TIMEOUT_MS} ms`);
		}
		const endMs = performance.now();
		world.failed({ sessionId: id, method, worker, startMs, endMs, status, code });
		if (endMs > giveUpMs) {
			world.finding(`${id}: ${method} ${path} failed for ${world.giveUpMs} ms, last ${status} ${code}`);
			return null;
		}
		await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
	}
}

/** Empty where it is no error of the cluster's own: the engine's, handed on. */
function codeOf(text: string): string {
	try {
		const { error } = JSON.parse(text) as { error?: { code?: unknown } };
		return typeof error?.code === "string" ? error.code : "";
	} catch {
		return "";
	}
}
