// Chats at a given rate, whatever comes back, on sessions of a fixed size. Records every answer, repeats nothing by itself.
import { Agent, type Dispatcher, request } from "undici";
import type { SessionId } from "../../src/base/ids.js";
import { PartitionMap } from "../../src/base/partitions.js";
import { until, within } from "../support/wait.js";

/** Then the conversation begins anew in a new session, so that a turn costs the same all the time. */
const TURNS_PER_SESSION = 6;
const TIMEOUT_MS = 60_000;

export interface Outcome {
	status: number;
	code: string | null;
	retryAfter: boolean;
	elapsedMs: number;
}

type Message = { role: string; content: string };

/** One conversation after another; one chat at a time. */
export class Conversations {
	readonly #url: string;
	readonly #dispatcher: Dispatcher;
	readonly #ids: Iterator<string>;
	#id: string;
	#messages: Message[] = [];
	#turns = 0;
	busy = false;

	constructor(url: string, dispatcher: Dispatcher, ids: Iterator<string>) {
		this.#url = url;
		this.#dispatcher = dispatcher;
		this.#ids = ids;
		this.#id = ids.next().value as string;
	}

	/** The next turn; one that was refused is said again the next time. */
	async turn(): Promise<Outcome> {
		this.busy = true;
		try {
			const user = { role: "user", content: `Turn ${this.#turns} of ${this.#id}: what comes next?` };
			const messages = [...this.#messages, user];
			const startedMs = performance.now();
			const reply = await this.#post(`${this.#url}/sessions/${this.#id}/v1/chat/completions`, messages);
			const elapsedMs = performance.now() - startedMs;
			const retryAfter = reply.headers["retry-after"] !== undefined;
			if (reply.status !== 200) return { status: reply.status, code: reply.code, retryAfter, elapsedMs };
			this.#messages = [...messages, reply.message as Message];
			if (++this.#turns === TURNS_PER_SESSION) await this.#end();
			return { status: 200, code: null, retryAfter, elapsedMs };
		} finally {
			this.busy = false;
		}
	}

	/** Reads back what was acknowledged. @returns turns that are missing or that nobody was told of */
	async wrongTurns(): Promise<number> {
		const { records } = JSON.parse(await this.#insist("GET", 200)) as { records: unknown[] };
		return Math.abs(records.length - this.#turns);
	}

	async #end(): Promise<void> {
		const wrong = await this.wrongTurns();
		if (wrong !== 0) throw new Error(`session ${this.#id} has ${wrong} turns too few or too many`);
		await this.#insist("DELETE", 204);
		this.#id = this.#ids.next().value as string;
		this.#messages = [];
		this.#turns = 0;
	}

	/** A read or a removal is refused under overload too; this one is said until it is not. */
	async #insist(method: "GET" | "DELETE", wanted: number): Promise<string> {
		const path = `${this.#url}/sessions/${this.#id}`;
		return until(`${method} ${path}`, TIMEOUT_MS, async () => {
			const { statusCode, body } = await request(path, { method, dispatcher: this.#dispatcher });
			const text = await body.text();
			if (statusCode === wanted) return { text };
			if (statusCode !== 429 && statusCode !== 503)
				throw new Error(`${method} ${path}: ${statusCode} ${text}`);
			return null;
		}).then(({ text }) => text);
	}

	async #post(url: string, messages: Message[]) {
		const sent = request(url, {
			method: "POST",
			headers: { "content-type": "application/json" },
			body: JSON.stringify({ model: "m", max_tokens: 32, messages }),
			dispatcher: this.#dispatcher,
		});
		const { statusCode: status, headers, body } = await within("the end of a chat", TIMEOUT_MS, sent);
		const json = (await body.json()) as {
			choices?: Array<{ message: Message }>;
			error?: { code: string };
		};
		return { status, headers, message: json.choices?.[0]?.message, code: json.error?.code ?? null };
	}
}

/** Conversations that are spread evenly over the workers, on connections that are kept. */
export function createConversations(url: string, count: number, backends: number): Conversations[] {
	const dispatcher = new Agent({ connections: count, pipelining: 1 });
	return Array.from(
		{ length: count },
		(_, index) => new Conversations(url, dispatcher, idsOf(index, index % backends, backends)),
	);
}

function* idsOf(agent: number, worker: number, backends: number): Generator<string> {
	const partitions = new PartitionMap(backends);
	for (let number = 0; ; number++) {
		const id = `overload-${agent}-${number}`;
		if (partitions.workerOf(id as SessionId) === worker) yield id;
	}
}

/** Each says its next turn as soon as the last is answered; their first ones are spread over `spreadMs`. */
export async function closedLoad(
	all: readonly Conversations[],
	durationMs: number,
	spreadMs: number,
): Promise<Outcome[]> {
	const outcomes: Outcome[] = [];
	const endMs = performance.now() + durationMs;
	await Promise.all(
		all.map(async (conversations, index) => {
			await new Promise((resolve) => setTimeout(resolve, (index * spreadMs) / all.length));
			while (performance.now() < endMs) {
				const outcome = await conversations.turn();
				outcomes.push(outcome);
				// At its bound the place of the turn before may not be free yet.
				if (outcome.status !== 200) await new Promise((resolve) => setTimeout(resolve, 20));
			}
		}),
	);
	return outcomes;
}

/**
 * `ratePerS` turns, evenly spread, each by a conversation that is idle.
 * @throws Error when none is: then the load would no longer be the one that was asked for
 */
export async function openLoad(
	all: readonly Conversations[],
	ratePerS: number,
	durationMs: number,
): Promise<Outcome[]> {
	const outcomes: Outcome[] = [];
	const running = new Set<Promise<void>>();
	const errors: unknown[] = [];
	const startedMs = performance.now();
	let sent = 0;
	let next = 0;
	while (performance.now() - startedMs < durationMs) {
		const due = Math.floor(((performance.now() - startedMs) * ratePerS) / 1000);
		for (; sent < due; sent++) {
			let tried = 0;
			while (all[next]?.busy && tried++ < all.length) next = (next + 1) % all.length;
			const conversations = all[next];
			next = (next + 1) % all.length;
			if (conversations === undefined || conversations.busy) throw new Error("no conversation is idle");
			const turn = conversations
				.turn()
				.then((outcome) => void outcomes.push(outcome))
				.catch((error: unknown) => void errors.push(error))
				.finally(() => running.delete(turn));
			running.add(turn);
		}
		if (errors.length > 0) throw errors[0];
		await new Promise((resolve) => setTimeout(resolve, 2));
	}
	await Promise.all(running);
	if (errors.length > 0) throw errors[0];
	return outcomes;
}
