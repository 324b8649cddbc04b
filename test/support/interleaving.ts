// A session room whose every wait is a step that the test takes: real registry, chats and store; a byte-wise tokenizer
// and an engine made of steps stand at the seams. Nothing happens by itself, so any order can be forced, and repeated.
import type { Clock } from "../../src/base/clock.js";
import { RollpinError } from "../../src/base/errors.js";
import type { SessionId } from "../../src/base/ids.js";
import type { JsonObject } from "../../src/json/value.js";
import { planRead, recordChunks } from "../../src/reads/records.js";
import { SessionRegistry } from "../../src/session/life/registry.js";
import type { PositionPolicy } from "../../src/session/place/attach.js";
import { messageMatcher } from "../../src/session/place/matchers.js";
import type { Generate, GeneratedReply } from "../../src/session/turn/generation.js";
import { type TakeTurnDeps, takeTurn } from "../../src/session/turn/take-turn.js";
import { emptyReport } from "../../src/session/turn/turn-report.js";
import { createMemoryStore } from "../../src/store/memory/memory-store.js";
import type { Store, TurnHeader } from "../../src/store/store.js";
import { chatBodyLimits, parseChatBody } from "../../src/wire/chat-body.js";
import { byteTito, SteppedStore } from "./stepped.js";

export interface Message {
	role: "user" | "assistant";
	content: string;
}

export type Engine = "stop" | "abort" | "refuse" | "fail";

/** How a chat ended: the answer's content, or why there is none. */
export type Ending =
	| { kind: "turn"; content: string; status: TurnHeader["status"] }
	| { kind: "repeat"; content: string }
	| { kind: "none"; why: string };

export interface Chat {
	messages: Message[];
	key: string | null;
	engine: Engine;
	leave: () => void;
	/** Set at its end. */
	ending: Ending | null;
	/** What the engine was asked to say, if it was asked. */
	answer: string;
}

export interface SessionRead {
	questions: string[];
	answers: string[];
	provisional: boolean[];
	/** Whether every prompt begins with all tokens before it. */
	continuous: boolean;
}

const TTL_S = 1000;
const MAX_TOKENS = 1_000_000;
const CLIENT_LEFT = new Error("client left");
export const SESSION = "s" as SessionId;

export class Interleaving {
	readonly chats: Chat[] = [];
	/** Chats in the order in which they were positioned: under the lock, that is the order of their turns. */
	readonly positioned: Chat[] = [];
	/** Most requests that were at the engine together. */
	maxAtEngine = 0;
	/** Requests that are at the engine now. */
	atEngine = 0;
	/** Writes of turns that have begun, and those among them whose session was closing by then. */
	turnWrites = { begun: 0, late: 0 };
	/** Chats that were said to be cancelled. */
	cancelled = 0;
	/** Deletes and sweeps that have ended. */
	closed: "deleted" | "expired" | null = null;
	#nowMs = 0;
	readonly #steps: Array<() => void> = [];
	readonly #open = new Set<Promise<unknown>>();
	readonly store: Store;
	readonly registry: SessionRegistry;
	readonly #policy: PositionPolicy;

	constructor(policy: PositionPolicy, hotBytesBudget: number) {
		this.#policy = policy;
		this.store = new SteppedStore(
			createMemoryStore({ tombstones: 10 }),
			() => this.step(),
			(id) => this.#countTurnWrite(id),
		);
		const clock = this.#clock();
		this.registry = new SessionRegistry(
			this.store,
			{
				sessionTtlS: TTL_S,
				maxSessionTtlS: TTL_S,
				idleTtlS: 0,
				maxSessions: 10,
				maxQueuePerSession: 100,
				hotBytesBudget,
			},
			{
				created: () => {},
				deleted: () => {
					this.closed ??= "deleted";
				},
				reaped: () => {
					this.closed ??= "expired";
				},
				swept: () => {},
				failed: (_id, error) => {
					throw error;
				},
				resourceFailed: ({ error }) => {
					throw error;
				},
			},
			clock,
		);
	}

	/** A wait that ends when the test takes the step. */
	step(): Promise<void> {
		return new Promise((resolve) => this.#steps.push(resolve));
	}

	/** Takes one of the steps that are waited for; false when there is none. */
	take(which: number): boolean {
		if (this.#steps.length === 0) return false;
		this.#steps.splice(which % this.#steps.length, 1)[0]?.();
		return true;
	}

	/** Lets everything run that waits for no step. */
	async settle(): Promise<void> {
		await new Promise((resolve) => setImmediate(resolve));
	}

	/** Takes steps until nothing is under way. */
	async finish(): Promise<void> {
		for (let left = 10_000; left > 0; left--) {
			await this.settle();
			if (!this.take(0) && this.#open.size === 0) return;
		}
		throw new Error("it never ends");
	}

	begin(messages: Message[], engine: Engine, key: string | null): void {
		const client = new AbortController();
		const chat: Chat = {
			messages,
			key,
			engine,
			leave: () => client.abort(CLIENT_LEFT),
			ending: null,
			answer: `answer ${this.chats.length}`,
		};
		this.chats.push(chat);
		this.#track(
			this.#run(chat, client.signal).then(
				(ending) => {
					chat.ending = ending;
				},
				(error: unknown) => {
					chat.ending = { kind: "none", why: reasonOf(error) };
				},
			),
		);
	}

	delete(): void {
		this.#track(
			this.registry.delete(SESSION).catch((error: unknown) => {
				if (!(error instanceof RollpinError && error.status === 404)) throw error;
			}),
		);
	}

	/** Ends what runs or waits, as far as that can still be ended. */
	cancel(): void {
		for (const session of this.registry.values()) this.cancelled += session.cancelChats();
	}

	expire(): void {
		this.#nowMs += (TTL_S + 1) * 1000;
		this.sweep();
	}

	sweep(): void {
		this.#track(this.registry.sweep());
	}

	/** Every committed turn that is stored, on the active path or not. */
	async storedAnswers(): Promise<Array<{ answer: string; key: string | null }>> {
		const reading = (async () => {
			const headers = await this.store.headers(SESSION);
			const committed = headers.filter(({ status }) => status === "committed");
			return Promise.all(
				committed.map(async ({ id, idempotency }) => ({
					answer: contentOf(await this.store.part(SESSION, id, "reply")),
					key: idempotency?.key ?? null,
				})),
			);
		})();
		this.#track(reading);
		await this.finish();
		return reading;
	}

	/** The session as GET shows it; null when it is gone. */
	async read(): Promise<SessionRead | null> {
		const reading = (async () => {
			const session = await this.registry.get(SESSION);
			const pieces: Buffer[] = [];
			for await (const piece of recordChunks(this.store, await planRead(session), { payloads: "all" })) {
				pieces.push(piece);
			}
			return JSON.parse(`[${Buffer.concat(pieces).toString()}]`) as RecordJson[];
		})().catch((error: unknown) => {
			if (error instanceof RollpinError && error.status === 404) return null;
			throw error;
		});
		this.#track(reading);
		await this.finish();
		const records = await reading;
		return records && describeRecords(records);
	}

	#countTurnWrite(id: SessionId): void {
		this.turnWrites.begun++;
		for (const session of this.registry.values()) {
			if (session.meta.id === id && session.closing !== null) this.turnWrites.late++;
		}
	}

	#track(work: Promise<unknown>): void {
		const tracked = work.finally(() => this.#open.delete(tracked));
		this.#open.add(tracked);
	}

	async #run(chat: Chat, client: AbortSignal): Promise<Ending> {
		const body = Buffer.from(JSON.stringify({ messages: chat.messages }));
		const { outcome } = await takeTurn(
			{
				id: SESSION,
				arrivedAt: this.#nowMs / 1000,
				idempotency: chat.key === null ? null : { key: chat.key, body },
				client,
				cancelWhenGone: true,
				// A step of its own: what the route waits for here is whether the engine can be used.
				read: async (earlier) => {
					const parsed = parseChatBody(
						body,
						earlier,
						chatBodyLimits({ maxMessages: 1000, maxJsonDepth: 64, maxTokensPerSession: 1000 }),
					);
					await this.step();
					return parsed;
				},
				generateFor: () => this.#engine(chat),
			},
			this.#deps(chat),
			emptyReport(),
		);
		if (outcome.kind === "turn") return { kind: "turn", content: chat.answer, status: outcome.header.status };
		if (outcome.kind === "repeat") return { kind: "repeat", content: contentOf(outcome.reply) };
		return { kind: "none", why: "refused" };
	}

	#deps(chat: Chat): TakeTurnDeps {
		const tito = byteTito(() => this.step());
		const policy: PositionPolicy = {
			exclusive: this.#policy.exclusive,
			attach: (...args) => {
				this.positioned.push(chat);
				return this.#policy.attach(...args);
			},
		};
		return {
			registry: this.registry,
			placing: () => ({ policy, matcher: messageMatcher("echo", tito) }),
			store: this.store,
			clock: this.#clock(),
			maxTokens: MAX_TOKENS,
			keepPayloads: "all",
			tito,
			onAlteredAnswer: "refuse",
			maxTurns: 1000,
			maxTreeNodes: 1000,
		};
	}

	/** As a real engine client: it ends at once when it is cancelled. */
	#engine(chat: Chat): Generate<GeneratedReply, string> {
		return async (_prompt, signal) => {
			this.maxAtEngine = Math.max(this.maxAtEngine, ++this.atEngine);
			try {
				await new Promise<void>((resolve, reject) => {
					signal.addEventListener("abort", () => reject(signal.reason));
					void this.step().then(resolve);
				});
			} finally {
				this.atEngine--;
			}
			if (chat.engine === "fail") throw new RollpinError("upstream_invalid", "unusable");
			if (chat.engine === "refuse") return { kind: "refused", refusal: "no" };
			const sent = '{"messages":[],"input_ids":[]}';
			return {
				kind: "generated",
				generation: generationOf(chat.answer, chat.engine),
				sent: {
					bytes: [Buffer.from(sent)],
					holes: { messages: 13, inputIds: sent.length - 2 },
					routedExpertsStartLen: null,
				},
				readMs: 0,
			};
		};
	}

	#clock(): Clock {
		return { nowS: () => this.#nowMs / 1000, monotonicMs: () => this.#nowMs };
	}
}

interface RecordJson {
	request: { messages: Message[]; input_ids: number[] };
	response: { choices: Array<{ message: Message }> };
	provisional?: boolean;
}

function describeRecords(records: RecordJson[]): SessionRead {
	let tokens: number[] = [];
	let continuous = true;
	const answers = records.map((record) => record.response.choices[0]?.message.content ?? "");
	for (const [at, { request }] of records.entries()) {
		if (!tokens.every((token, i) => request.input_ids[i] === token)) continuous = false;
		tokens = [...request.input_ids, ...Buffer.from(answers[at] ?? "")];
	}
	return {
		questions: records.map((record) => record.request.messages.at(-1)?.content ?? ""),
		answers,
		provisional: records.map((record) => record.provisional ?? false),
		continuous,
	};
}

function reasonOf(error: unknown): string {
	if (error === CLIENT_LEFT) return "client left";
	if (error instanceof RollpinError) return `${error.status} ${error.code}`;
	throw error;
}

function generationOf(content: string, finishReason: string): GeneratedReply {
	const message = JSON.stringify({ role: "assistant", content });
	const reply = Buffer.from(`{"id":"r","choices":[{"index":0,"message":${message}}]}`);
	const start = reply.indexOf(message);
	return {
		reply,
		excerpts: [],
		messageRange: { start, end: start + Buffer.byteLength(message) },
		message: new Map([
			["role", "assistant"],
			["content", content],
		]) as JsonObject,
		finishReason,
		completionIds: Int32Array.from(Buffer.from(content)),
		logprobs: new Float64Array(Buffer.byteLength(content)),
		responseId: "r",
	};
}

function contentOf(reply: Buffer): string {
	return (JSON.parse(reply.toString()) as RecordJson["response"]).choices[0]?.message.content ?? "";
}
