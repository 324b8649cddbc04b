// Random orders of everything that can happen to one session, step by step, against a tiny model of what must remain.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { linearPolicy } from "../../src/session/place/linear.js";
import { treePolicy } from "../../src/session/place/tree.js";
import { type Chat, type Engine, Interleaving, type Message, SESSION } from "../support/interleaving.js";

const user = (content: string): Message => ({ role: "user", content });
const said = (content: string): Message => ({ role: "assistant", content });

/** What a client does next. It knows only the answers that it got. */
type Kind = "extend" | "retry" | "restart" | "two back" | "repeat";
type Command =
	| { do: "chat"; kind: Kind; engine: Engine; keyed: boolean }
	| { do: "leave"; which: number }
	| { do: "take"; which: number }
	| { do: "calm" }
	| { do: "cancel" }
	| { do: "delete" }
	| { do: "expire" };

const engine = fc.constantFrom<Engine>("stop", "stop", "stop", "abort", "refuse", "fail");
const kind = fc.constantFrom<Kind>("extend", "extend", "extend", "retry", "restart", "two back", "repeat");
const which = fc.nat(7);
const take = fc.record({ do: fc.constant("take" as const), which });
const chat = fc.record({ do: fc.constant("chat" as const), kind, engine, keyed: fc.boolean() });
const living = fc.oneof(
	{ weight: 10, arbitrary: take },
	{ weight: 4, arbitrary: chat },
	{ weight: 1, arbitrary: fc.record({ do: fc.constant("leave" as const), which }) },
	{ weight: 2, arbitrary: fc.record({ do: fc.constant("calm" as const) }) },
	{ weight: 1, arbitrary: fc.record({ do: fc.constant("cancel" as const) }) },
);
const closing = fc.constantFrom<Command>({ do: "delete" }, { do: "expire" });
const commands: fc.Arbitrary<Command[]> = fc
	.tuple(
		fc.array<Command>(living, { minLength: 5, maxLength: 60 }),
		fc.array<Command>(fc.oneof({ weight: 1, arbitrary: closing }, { weight: 6, arbitrary: living }), {
			maxLength: 12,
		}),
	)
	.map(([first, then]) => [...first, ...then]);
/** 0: a session's memory is dropped as soon as nothing runs in it, and read back. */
const hotBytes = fc.constantFrom(0, 1_000_000);

interface ModelTurn {
	appended: Message[];
	answer: string;
	key: string | null;
}

/** Linear mode in a few lines: what each chat does to the records, one after the other. */
class LinearModel {
	turns: ModelTurn[] = [];
	provisional: string | null = null;

	/** Turns that stay when this request is the next one, or null when it goes back too far or carries another answer. */
	place(messages: Message[]): ModelTurn[] | null {
		const stored = this.turns.flatMap((turn) => [...turn.appended, said(turn.answer)]);
		let matched = 0;
		while (matched < stored.length && same(stored[matched], messages[matched])) matched++;
		if (this.turns.length === 0 || matched === stored.length) return this.turns;
		if (messages.slice(matched).some(({ role }) => role === "assistant")) return null;
		const kept = this.turns.filter((_turn, at) => lengthOf(this.turns.slice(0, at + 1)) <= matched);
		return this.turns.length - kept.length > 1 ? null : kept;
	}

	apply(done: Chat): void {
		const { ending } = done;
		const place = this.place(done.messages);
		const why = ending?.kind === "none" ? ending.why : "";
		if (done.key !== null) expect(this.turns.map((turn) => turn.key)).not.toContain(done.key);
		if (why.startsWith("400")) expect(place).toBeNull();
		if (ending?.kind !== "turn") return;
		if (place === null) throw new Error(`a turn was made of ${JSON.stringify(done.messages)}`);
		this.turns = place;
		this.provisional = null;
		if (ending.status === "provisional") this.provisional = ending.content;
		else {
			const appended = done.messages.slice(lengthOf(place));
			this.turns = [...place, { appended, answer: ending.content, key: done.key }];
		}
	}
}

const lengthOf = (turns: ModelTurn[]) => turns.reduce((sum, turn) => sum + turn.appended.length + 1, 0);
const same = (a: Message | undefined, b: Message | undefined) =>
	a?.role === b?.role && a?.content === b?.content;

/** Drives the room and returns it when nothing is under way any more. */
async function drive(room: Interleaving, script: Command[]): Promise<void> {
	for (const [at, command] of script.entries()) {
		if (command.do === "take") room.take(command.which);
		else if (command.do === "delete") room.delete();
		else if (command.do === "expire") room.expire();
		else if (command.do === "cancel") room.cancel();
		else if (command.do === "calm") await room.finish();
		else if (command.do === "leave") room.chats.at(-1 - (command.which % 3))?.leave();
		else request(room, command, at);
		await room.settle();
	}
	await room.finish();
	// What fell due meanwhile must not wait for a timer to be seen.
	room.sweep();
	await room.finish();
}

function request(room: Interleaving, command: Extract<Command, { do: "chat" }>, at: number): void {
	const question = user(`question ${at}`);
	const told = room.chats
		.filter(({ ending }) => ending?.kind === "turn" && ending.status === "committed")
		.at(-1);
	const conversation = told === undefined ? [] : [...told.messages, said(told.answer)];
	const key = command.keyed ? `key ${at}` : null;
	if (command.kind === "repeat") {
		const earlier = room.chats.filter((chat) => chat.key !== null).at(-1);
		if (earlier !== undefined) room.begin(earlier.messages, command.engine, earlier.key);
	} else if (command.kind === "restart") room.begin([question], command.engine, key);
	else if (command.kind === "extend") room.begin([...conversation, question], command.engine, key);
	else {
		const back = command.kind === "retry" ? 2 : 4;
		room.begin([...conversation.slice(0, -back), question], command.engine, key);
	}
}

/** True of every room, whatever the mode. */
function expectHonestEndings(room: Interleaving): void {
	for (const { ending, engine: asked } of room.chats) {
		if (ending === null) throw new Error("a chat without an end");
		if (ending.kind === "turn") expect(ending.status).toBe(asked === "abort" ? "provisional" : "committed");
		if (ending.kind !== "none") continue;
		expect(ending.why).toMatch(
			room.closed === null
				? /^(400 (history_mismatch|rollback_limit)|502 upstream_invalid|refused|client left|409 chat_cancelled)$/
				: /^(400 (history_mismatch|rollback_limit)|502 upstream_invalid|refused|client left|409 chat_cancelled|4(04|10) session_(deleted|expired|closed))$/,
		);
	}
	// Whoever was said to be cancelled was: what its chat made is no turn, as the checks of the records show.
	const told = room.chats.filter(
		({ ending }) => ending?.kind === "none" && ending.why === "409 chat_cancelled",
	);
	expect(told).toHaveLength(room.cancelled);
	// Or no idle limit would ever run out, and no idle session's memory would be given back.
	for (const session of room.registry.values()) expect(session.inflight).toBe(0);
	// A session that closes takes no more turns, however long they waited for their write.
	expect(room.turnWrites.late).toBe(0);
	// A key stands for one answer among those that were given and stand.
	for (const { ending, key } of room.chats) {
		if (ending?.kind !== "repeat") continue;
		const made = room.chats.filter((chat) => chat.key === key && chat.ending?.kind !== "repeat");
		expect(made.map((chat) => chat.answer)).toContain(ending.content);
	}
}

async function expectGone(room: Interleaving): Promise<void> {
	expect(await room.read()).toBeNull();
	const stored = room.store.session(SESSION);
	expect(await stored).toBeUndefined();
	room.begin([user("late")], "stop", null);
	await room.finish();
	expect(room.chats.at(-1)?.ending).toEqual({ kind: "none", why: `404 session_${room.closed}` });
}

describe("any order of chats, retries, repeats, disconnects, DELETE and deadline", () => {
	it("leaves exactly the records of the turns that were answered, one after the other (linear)", async () => {
		const seen = { turns: 0, repeats: 0, provisional: 0, gone: 0, left: 0, cancelled: 0, refused: 0 };
		await fc.assert(
			fc.asyncProperty(commands, hotBytes, async (script, budget) => {
				const room = new Interleaving(linearPolicy, budget);
				await drive(room, script);
				expectHonestEndings(room);
				expect(room.maxAtEngine).toBeLessThanOrEqual(1);
				const model = new LinearModel();
				for (const done of room.positioned) model.apply(done);
				if (room.closed !== null) {
					seen.gone++;
					await expectGone(room);
				} else if (room.chats.length > 0 && room.positioned.length > 0) {
					const read = await room.read();
					const answers = model.turns.map((turn) => turn.answer);
					const provisional = model.provisional === null ? [] : [model.provisional];
					expect(read?.answers).toEqual([...answers, ...provisional]);
					expect(read?.questions.slice(0, answers.length)).toEqual(
						model.turns.map((turn) => turn.appended.at(-1)?.content),
					);
					expect(read?.provisional).toEqual([...answers.map(() => false), ...provisional.map(() => true)]);
					expect(read?.continuous).toBe(true);
				}
				for (const { ending } of room.chats) {
					if (ending?.kind === "turn") seen[ending.status === "provisional" ? "provisional" : "turns"]++;
					else if (ending?.kind === "repeat") seen.repeats++;
					else if (ending?.why === "client left") seen.left++;
					else if (ending?.why === "409 chat_cancelled") seen.cancelled++;
					else if (ending?.why.startsWith("400")) seen.refused++;
				}
			}),
			{ numRuns: 1500 },
		);
		// The orders that matter were among them.
		for (const count of Object.values(seen)) expect(count).toBeGreaterThan(0);
	}, 60_000);

	it("loses no committed turn and invents none (tree)", async () => {
		let together = 0;
		await fc.assert(
			fc.asyncProperty(commands, hotBytes, async (script, budget) => {
				const room = new Interleaving(treePolicy, budget);
				await drive(room, script);
				expectHonestEndings(room);
				together = Math.max(together, room.maxAtEngine);
				if (room.closed !== null) {
					await expectGone(room);
					return;
				}
				const committed = room.chats.filter(
					({ ending }) => ending?.kind === "turn" && ending.status === "committed",
				);
				if (room.positioned.length === 0) return;
				const stored = await room.storedAnswers();
				expect(stored.map(({ answer }) => answer).toSorted()).toEqual(
					committed.map(({ answer }) => answer).toSorted(),
				);
				const keys = stored.flatMap(({ key }) => (key === null ? [] : [key]));
				expect(new Set(keys).size).toBe(keys.length);
				const read = await room.read();
				expect(read?.continuous).toBe(true);
				for (const [at, answer] of (read?.answers ?? []).entries()) {
					const made = room.chats.find((done) => done.answer === answer);
					expect(made?.ending).toMatchObject({ kind: "turn", content: answer });
					expect(made?.messages.at(-1)?.content).toBe(read?.questions[at]);
				}
			}),
			{ numRuns: 800 },
		);
		expect(together).toBeGreaterThan(1);
	}, 60_000);
});

it("writes no turn that waited for another one's write while its session was deleted (tree)", async () => {
	const room = new Interleaving(treePolicy, 1_000_000);
	for (const text of ["one", "two"]) room.begin([user(text)], "stop", null);
	for (let left = 1_000; room.turnWrites.begun !== 1 || room.atEngine !== 0; left--) {
		if (left === 0) throw new Error("the second chat never waited for the first one's write");
		await room.settle();
		if (room.turnWrites.begun !== 1 || room.atEngine !== 0) room.take(0);
	}
	room.delete();
	await room.finish();
	expect(room.maxAtEngine).toBe(2);
	expect(room.turnWrites).toEqual({ begun: 1, late: 0 });
	const closed = { kind: "none", why: "410 session_closed" };
	expect(room.chats.map(({ ending }) => ending)).toEqual([closed, closed]);
});

it("makes no session for a first chat whose client left before there was one", async () => {
	const room = new Interleaving(linearPolicy, 1_000_000);
	room.begin([user("one")], "stop", null);
	await room.settle();
	room.chats[0]?.leave();
	await room.finish();
	expect(room.chats[0]?.ending).toEqual({ kind: "none", why: "client left" });
	expect(await room.store.session(SESSION)).toBeUndefined();
});

it("tells a chat that was cancelled so, also when it would have been refused by then", async () => {
	const room = new Interleaving(linearPolicy, 0);
	room.begin([user("one")], "stop", null);
	await room.finish();
	room.begin([user("one"), said("answer 0"), user("two")], "stop", null);
	await room.finish();
	room.begin([user("else")], "stop", null);
	await room.settle();
	// It is read; its session's state is not.
	room.take(0);
	await room.settle();
	room.cancel();
	expect(room.cancelled).toBe(1);
	await room.finish();
	expect(room.chats[2]?.ending).toEqual({ kind: "none", why: "409 chat_cancelled" });
	room.begin([user("else")], "stop", null);
	await room.finish();
	expect(room.chats[3]?.ending).toEqual({ kind: "none", why: "400 rollback_limit" });
});
