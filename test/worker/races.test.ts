// Everything that can happen to a session while one of its chats is at any await point: both sides' answers, the
// records, and what the engine saw. Every order is forced by a handshake.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Attempt, type RaceRig, startRaceRig } from "../support/race-rig.js";
import { until } from "../support/wait.js";
import type { Reply } from "../support/worker-rig.js";
import { chatsSeen } from "../support/worker-rig.js";

let rig: RaceRig;
beforeAll(async () => {
	rig = await startRaceRig();
});
afterAll(() => rig.close());
beforeEach(async () => {
	await rig.control.reset();
	rig.events.length = 0;
});

const user = (content: string) => ({ role: "user", content });
const say = (...messages: object[]) => ({ model: "m", messages, max_tokens: 8 });
const reply = (answer: Reply | null) => answer?.json.choices[0]?.message as { role: string; content: string };
const told = (answer: Reply | null) => [answer?.status, answer?.json.error?.code ?? null];
const seen = async () => (await chatsSeen(rig.control)).length;
const read = async (id: string) => rig.request("GET", `/sessions/${id}`);
const questions = async (id: string) =>
	(await read(id)).json.records.map(
		(record) => (record.request.messages.at(-1) as { content: string }).content,
	);

interface HeldChat {
	id: string;
	history: object[];
	chat: Attempt;
	/** Lets it go on. */
	open: () => Promise<void> | void;
}

/** A session with one turn, and its second chat ("two") held somewhere. */
type Reach = (first: object[], id: string) => Promise<Pick<HeldChat, "chat" | "open">>;

interface AwaitPoint {
	name: string;
	reach: Reach;
	/** Requests of the second chat that the engine gets, and cancelled ones, when it is stopped here. */
	engineSaw: 0 | 1;
	cancelled: 0 | 1;
	/** Whether closing the session has to wait for the chat to pass: its commit is being written. */
	inCommit: boolean;
}

const atGate =
	(where: "before" | "inside"): Reach =>
	async (first, id) => {
		await rig.control.script({ gate: `${id} engine`, gateAt: where });
		const chat = rig.begin(id, say(...first, user("two")));
		await rig.control.arrivedAtGate(`${id} engine`);
		return { chat, open: async () => void (await rig.control.release(`${id} engine`)) };
	};

const atPoint =
	(name: (id: string) => string): Reach =>
	async (first, id) => {
		const point = rig.points.arm(name(id));
		const chat = rig.begin(id, say(...first, user(`two ${id}`)));
		await point.arrived();
		return { chat, open: point.open };
	};

const POINTS: AwaitPoint[] = [
	{
		name: "while it reads its session's state",
		reach: async (first, id) => {
			// Only a session that is not in memory reads.
			await rig.restart();
			return atPoint((own) => `${own} before part reply`)(first, id);
		},
		engineSaw: 0,
		cancelled: 0,
		inCommit: true,
	},
	{
		name: "while it renders",
		reach: atPoint((id) => `render two ${id}`),
		engineSaw: 0,
		cancelled: 0,
		inCommit: false,
	},
	{ name: "while the engine works", reach: atGate("before"), engineSaw: 1, cancelled: 1, inCommit: false },
	{ name: "while the reply arrives", reach: atGate("inside"), engineSaw: 1, cancelled: 1, inCommit: false },
	{
		name: "between the reply and the commit",
		reach: atPoint((id) => `${id} before commit`),
		engineSaw: 1,
		cancelled: 0,
		inCommit: true,
	},
	{
		name: "between the commit and the answer",
		reach: atPoint((id) => `${id} after commit`),
		engineSaw: 1,
		cancelled: 0,
		inCommit: true,
	},
];

async function hold(point: AwaitPoint): Promise<HeldChat> {
	const id = await rig.create();
	const first = await rig.chat(id, say(user("one")));
	expect(first.status).toBe(200);
	await rig.control.reset();
	rig.events.length = 0;
	const history = [user("one"), reply(first)];
	return { id, history, ...(await point.reach(history, id)) };
}

/** Gone for everybody, now and after a restart. */
async function expectGone(id: string, code: string): Promise<void> {
	for (const phase of ["now", "after a restart"]) {
		if (phase !== "now") await rig.restart();
		const before = await seen();
		const answers = [
			await read(id),
			await rig.chat(id, say(user("x"))),
			await rig.request("DELETE", `/sessions/${id}`),
		];
		expect(answers.map(told)).toEqual([
			[404, code],
			[404, code],
			[404, code],
		]);
		const { message, details } = answers[0]?.json.error ?? {};
		expect(message).toBe(`session not found: session_id=${id} (${code.slice("session_".length)})`);
		expect(details).toEqual({ reason: code.slice("session_".length), at: expect.any(Number) });
		expect(await seen()).toBe(before);
	}
}

describe.each(POINTS)("a chat $name", (point) => {
	it("gets 410 from a DELETE, which gets 204; what waits behind it gets 404, and nothing comes back", async () => {
		const { id, history, chat, open } = await hold(point);
		const queued = rig.begin(id, say(...history, user("queued")));
		await rig.inFlight(id, 2);
		const startedMs = performance.now();
		const deleting = rig.request("DELETE", `/sessions/${id}`);
		expect(told(await queued.done)).toEqual([404, "session_deleted"]);
		expect(told(await rig.request("DELETE", `/sessions/${id}`))).toEqual([404, "session_deleted"]);
		expect(told(await rig.chat(id, say(user("late"))))).toEqual([404, "session_deleted"]);
		if (point.inCommit) await open();
		expect((await deleting).status).toBe(204);
		expect(performance.now() - startedMs).toBeLessThan(3_000);
		expect(told(await chat.done)).toEqual([410, "session_closed"]);
		if (!point.inCommit) await open();
		await rig.control.waitForCounter("cancelled", { atLeast: point.cancelled });
		expect(await seen()).toBe(point.engineSaw);
		expect((await rig.ended(id, 3)).toSorted()).toEqual([
			[404, "session_deleted"],
			[404, "session_deleted"],
			[410, "session_closed"],
		]);
		await expectGone(id, "session_deleted");
	});

	it("gets 410 from the deadline, what waits gets 404, and nothing comes back", async () => {
		const { id, history, chat, open } = await hold(point);
		const queued = rig.begin(id, say(...history, user("queued")));
		await rig.inFlight(id, 2);
		await rig.expire(id);
		expect(told(await queued.done)).toEqual([404, "session_expired"]);
		await open();
		expect(told(await chat.done)).toEqual([410, "session_expired"]);
		await until("the reaper's record", 10_000, () =>
			rig.events.find(({ event, fields }) => event === "session_reaped" && fields.session_id === id),
		);
		await rig.control.waitForCounter("cancelled", { atLeast: point.cancelled });
		expect(await seen()).toBe(point.engineSaw);
		await expectGone(id, "session_expired");
	});

	it("is cancelled together with what waits, or kept and answered once its commit has begun; the session goes on", async () => {
		const { id, history, chat, open } = await hold(point);
		const committing = point.inCommit && point.engineSaw === 1;
		const queued = rig.begin(id, say(...history, user("queued")));
		await rig.inFlight(id, 2);
		const cancelling = await rig.request("POST", `/sessions/${id}/cancel`);
		expect([cancelling.status, cancelling.json]).toEqual([200, { cancelled: committing ? 1 : 2 }]);
		expect(told(await queued.done)).toEqual([409, "chat_cancelled"]);
		if (point.inCommit) await open();
		expect(told(await chat.done)).toEqual(committing ? [200, null] : [409, "chat_cancelled"]);
		expect((await chat.done)?.headers["x-should-retry"]).toBe(committing ? undefined : "false");
		if (!point.inCommit) await open();
		await rig.control.waitForCounter("cancelled", { atLeast: point.cancelled });
		expect(await questions(id)).toHaveLength(committing ? 2 : 1);
		expect((await rig.request("POST", `/sessions/${id}/cancel`)).json).toEqual({ cancelled: 0 });
		expect((await rig.chat(id, say(...history, user("again")))).status).toBe(200);
		expect(await questions(id)).toEqual(["one", "again"]);
		expect(await seen()).toBe(point.engineSaw + 1);
		expect(
			rig.events.filter(({ event }) => event === "chats_cancelled").map(({ fields }) => fields.cancelled),
		).toEqual([committing ? 1 : 2, 0]);
	});

	it("frees the session when its client leaves; a turn stands only if its commit had begun", async () => {
		const { id, history, chat, open } = await hold(point);
		const committing = point.inCommit && point.engineSaw === 1;
		chat.leave();
		expect(await chat.done).toBeNull();
		await rig.noticed();
		if (point.cancelled === 1) await rig.control.waitForCounter("cancelled", { atLeast: 1 });
		if (point.inCommit) await open();
		expect(await rig.ended(id, 1)).toEqual([[499, "client_gone"]]);
		const lines = await questions(id);
		expect(lines).toHaveLength(committing ? 2 : 1);
		// The retry does not wait for a ghost: the held work is still held.
		const again = await rig.chat(id, say(...history, user("again")));
		expect(again.status).toBe(200);
		expect(await questions(id)).toEqual(["one", "again"]);
		if (!point.inCommit) await open();
		expect(await questions(id)).toEqual(["one", "again"]);
		expect(await seen()).toBe(point.engineSaw + 1);
	});

	it("makes a second chat wait its turn; the second finds the first one's turn", async () => {
		const { id, history, chat, open } = await hold(point);
		const second = rig.begin(id, say(...history, user("instead")));
		await rig.inFlight(id, 2);
		expect(await seen()).toBe(point.engineSaw);
		await open();
		expect((await chat.done)?.status).toBe(200);
		expect((await second.done)?.status).toBe(200);
		expect(await questions(id)).toEqual(["one", "instead"]);
		expect(rig.events.filter(({ event }) => event === "rollback")).toHaveLength(1);
		expect((await rig.control.counters()).maxInFlight).toBe(1);
	});

	it("answers a repeat with the same Idempotency-Key once it is committed, and generates once", async () => {
		const id = await rig.create();
		const first = await rig.chat(id, say(user("one")));
		await rig.control.reset();
		const history = [user("one"), reply(first)];
		const body = say(...history, user(`two ${id}`));
		const headers = { "idempotency-key": `key-${id}` };
		const begin = rig.begin;
		// The same reach, with a key.
		rig.begin = (own, _body, _headers) => begin(own, body, headers);
		let held: Awaited<ReturnType<Reach>>;
		try {
			held = await point.reach(history, id);
		} finally {
			rig.begin = begin;
		}
		const repeat = rig.begin(id, body, headers);
		await rig.inFlight(id, 2);
		await held.open();
		const [made, replayed] = [await held.chat.done, await repeat.done];
		expect([made?.status, replayed?.status, replayed?.headers["idempotent-replayed"]]).toEqual([
			200,
			200,
			"true",
		]);
		expect(replayed?.text).toBe(made?.text);
		expect(await seen()).toBe(1);
		await rig.restart();
		const later = await rig.chat(id, body, { headers });
		expect([later.text, later.headers["idempotent-replayed"]]).toEqual([made?.text, "true"]);
		expect(await seen()).toBe(1);
	});
});

describe("a chat waiting for the lock", () => {
	it("leaves the queue with its client, and those behind it move up", async () => {
		const { id, history, chat, open } = await hold(POINTS[2] as AwaitPoint);
		const ghost = rig.begin(id, say(...history, user("ghost")));
		await rig.inFlight(id, 2);
		const behind = rig.begin(id, say(...history, user("behind")));
		await rig.inFlight(id, 3);
		ghost.leave();
		await rig.inFlight(id, 2);
		await open();
		expect([(await chat.done)?.status, (await behind.done)?.status]).toEqual([200, 200]);
		expect(await questions(id)).toEqual(["one", "behind"]);
		expect(await seen()).toBe(2);
	});

	it("is served in order of arrival", async () => {
		const { id, history, chat, open } = await hold(POINTS[2] as AwaitPoint);
		const waiting: Attempt[] = [];
		for (let at = 0; at < 5; at++) {
			waiting.push(rig.begin(id, say(...history, user(`q${at}`))));
			await rig.inFlight(id, at + 2);
		}
		await open();
		await chat.done;
		for (const { done } of waiting) expect((await done)?.status).toBe(200);
		const order = (await chatsSeen(rig.control)).map(
			({ body }) =>
				(JSON.parse(body.toString()) as { messages: Array<{ content: string }> }).messages.at(-1)?.content,
		);
		expect(order.slice(1)).toEqual(["q0", "q1", "q2", "q3", "q4"]);
		expect(await questions(id)).toEqual(["one", "q4"]);
	});

	it("goes on when the one in front of it fails, gets aborted, or is refused by the engine", async () => {
		for (const answer of [
			{ status: 500, body: "{}" },
			{ fault: "reset-inside" as const },
			{ finishReason: "abort" },
		]) {
			const id = await rig.create();
			const first = await rig.chat(id, say(user("one")));
			await rig.control.reset();
			const history = [user("one"), reply(first)];
			await rig.control.script({ gate: `${id} engine`, ...answer });
			const failing = rig.begin(id, say(...history, user("two")));
			await rig.control.arrivedAtGate(`${id} engine`);
			const next = rig.begin(id, say(...history, user("three")));
			await rig.inFlight(id, 2);
			await rig.control.release(`${id} engine`);
			await failing.done;
			expect((await next.done)?.status).toBe(200);
			expect(await questions(id)).toEqual(["one", "three"]);
			expect(rig.events.filter(({ event }) => event === "rollback")).toEqual([]);
		}
	});
});

it("nothing to cancel: an unknown id is 404, and so is one that is gone", async () => {
	expect(told(await rig.request("POST", "/sessions/never-seen/cancel"))).toEqual([404, "session_not_found"]);
	const id = await rig.create();
	await rig.request("DELETE", `/sessions/${id}`);
	expect(told(await rig.request("POST", `/sessions/${id}/cancel`))).toEqual([404, "session_deleted"]);
});

describe("a provisional record", () => {
	it("cuts a read that is under way when it is superseded: what is left of it must not pass for whole", async () => {
		const id = await rig.create();
		const first = await rig.chat(id, say(user("one")));
		const next = say(user("one"), reply(first), user("two"));
		await rig.control.script({ finishReason: "abort" });
		expect((await rig.chat(id, next)).headers["x-sglang-aborted"]).toBe("1");
		// Held at its second record: the first one's parts are read.
		const firstRead = rig.points.arm(`${id} before part prompt`);
		const reading = read(id);
		reading.catch(() => undefined);
		await firstRead.arrived();
		const secondRead = rig.points.arm(`${id} before part prompt`);
		firstRead.open();
		await secondRead.arrived();
		expect((await rig.chat(id, next)).status).toBe(200);
		secondRead.open();
		await expect(reading).rejects.toThrow(/closed|terminated|aborted/);
		expect((await read(id)).json.records.map((record) => record.provisional ?? false)).toEqual([
			false,
			false,
		]);
	});

	it("is what an Idempotency-Key does not replay: the repeat generates, and then it is replayed", async () => {
		const id = await rig.create();
		const headers = { "idempotency-key": "again" };
		await rig.control.script({ finishReason: "abort" });
		const aborted = await rig.chat(id, say(user("one")), { headers });
		const made = await rig.chat(id, say(user("one")), { headers });
		expect([aborted.headers["x-sglang-aborted"], made.headers["x-sglang-aborted"]]).toEqual(["1", undefined]);
		expect(made.headers["idempotent-replayed"]).toBeUndefined();
		const replayed = await rig.chat(id, say(user("one")), { headers });
		expect([replayed.text, replayed.headers["idempotent-replayed"]]).toEqual([made.text, "true"]);
		expect(await seen()).toBe(2);
		expect((await read(id)).json.records.map((record) => record.provisional ?? false)).toEqual([false]);
	});

	it("stays through failures and a restart, and goes with the session", async () => {
		const id = await rig.create();
		await rig.control.script({ finishReason: "abort" }, { status: 500, body: "{}" });
		await rig.chat(id, say(user("one")));
		const before = (await read(id)).text;
		expect((await rig.chat(id, say(user("one")))).status).toBe(500);
		expect((await read(id)).text).toBe(before);
		await rig.restart();
		expect((await read(id)).text).toBe(before);
		expect((await read(id)).json.records.map((record) => record.provisional)).toEqual([true]);
		expect((await rig.request("DELETE", `/sessions/${id}`)).status).toBe(204);
	});
});

describe("creating, reading and deleting at once", () => {
	it("makes one session of many first chats of one id", async () => {
		const id = "brought-by-many";
		const put = rig.points.arm(`${id} put`);
		const chats = Array.from({ length: 4 }, (_, i) => rig.begin(id, say(user(`opening ${i}`))));
		await put.arrived();
		put.open();
		for (const { done } of chats) expect((await done)?.status).toBe(200);
		expect(rig.events.filter(({ event }) => event === "session_created")).toHaveLength(1);
		expect((await read(id)).json.records).toHaveLength(1);
	});

	it.each([1, 2])(
		"never brings a session back when its creation and DELETE overtake lookup %i of a chat",
		async (nth) => {
			const id = `overtaken-${nth}`;
			let lookup = rig.points.arm(`${id} after tombstone lookup`);
			const late = rig.begin(id, say(user("late")));
			await lookup.arrived();
			if (nth === 2) {
				// Once more when its body has been checked, right before it would create the session.
				const first = lookup;
				lookup = rig.points.arm(`${id} after tombstone lookup`);
				first.open();
				await lookup.arrived();
			}
			expect((await rig.chat(id, say(user("one")))).status).toBe(200);
			expect((await rig.request("DELETE", `/sessions/${id}`)).status).toBe(204);
			lookup.open();
			expect(told(await late.done)).toEqual([404, "session_deleted"]);
			await expectGone(id, "session_deleted");
		},
	);

	it("lets exactly one of two DELETEs win that wait for the same creation", async () => {
		const id = "deleted-at-birth";
		const put = rig.points.arm(`${id} put`);
		const chat = rig.begin(id, say(user("one")));
		await put.arrived();
		const deletes = [1, 2].map(() => rig.request("DELETE", `/sessions/${id}`));
		// Both are in line when a request sent after them has been answered.
		await rig.request("GET", "/sessions");
		put.open();
		const statuses = (await Promise.all(deletes)).map(({ status }) => status);
		expect(statuses.toSorted()).toEqual([204, 404]);
		expect([404, 410]).toContain((await chat.done)?.status);
		await expectGone(id, "session_deleted");
	});

	it("cuts a read short when the session is deleted under it, rather than sending half of it as whole", async () => {
		const id = await rig.create();
		await rig.chat(id, say(user("one")));
		const part = rig.points.arm(`${id} before part reply`);
		const reading = read(id).then(
			() => "a whole reply",
			() => "cut",
		);
		await part.arrived();
		expect((await rig.request("DELETE", `/sessions/${id}`)).status).toBe(204);
		part.open();
		expect(await reading).toBe("cut");
		expect(rig.events.filter(({ event }) => event === "request_error")).toEqual([]);
	});

	it("answers 410 when DELETE comes while a committed reply is read again for its key", async () => {
		const id = await rig.create();
		const headers = { "idempotency-key": "k" };
		await rig.chat(id, say(user("one")), { headers });
		const part = rig.points.arm(`${id} before part reply`);
		const repeat = rig.begin(id, say(user("one")), headers);
		await part.arrived();
		const deleting = rig.request("DELETE", `/sessions/${id}`);
		await until("the session to close", 10_000, async () => (await read(id)).status === 404);
		part.open();
		expect(told(await repeat.done)).toEqual([410, "session_closed"]);
		expect((await deleting).status).toBe(204);
	});

	it("repeats a DELETE whose removal failed, and serves nobody in between", async () => {
		const id = await rig.create();
		await rig.chat(id, say(user("one")));
		rig.held().failNextBury = new Error("disk is gone");
		expect((await rig.request("DELETE", `/sessions/${id}`)).status).toBe(500);
		expect(told(await rig.chat(id, say(user("x"))))).toEqual([404, "session_deleted"]);
		expect((await rig.request("DELETE", `/sessions/${id}`)).status).toBe(204);
		await expectGone(id, "session_deleted");
	});
});

describe("with --on-disconnect commit", () => {
	it("a turn whose client left is committed all the same, and a keyed retry gets it", async () => {
		const keeping = await startRaceRig({ store: "memory", onDisconnect: "commit" });
		try {
			const id = await keeping.create();
			const headers = { "idempotency-key": "k" };
			await keeping.control.script({ gate: "held" });
			const chat = keeping.begin(id, say(user("one")), headers);
			await keeping.control.arrivedAtGate("held");
			chat.leave();
			expect(await chat.done).toBeNull();
			await keeping.noticed();
			await keeping.control.release("held");
			expect(await keeping.ended(id, 1)).toEqual([[499, "client_gone"]]);
			expect((await keeping.control.counters()).cancelled).toBe(0);
			const again = await keeping.chat(id, say(user("one")), { headers });
			expect([again.status, again.headers["idempotent-replayed"]]).toEqual([200, "true"]);
			expect(await chatsSeen(keeping.control)).toHaveLength(1);
			// DELETE cancels it like any other.
			await keeping.control.script({ gate: "second" });
			const second = keeping.begin(id, say(user("one"), reply(again), user("two")));
			await keeping.control.arrivedAtGate("second");
			expect((await keeping.request("DELETE", `/sessions/${id}`)).status).toBe(204);
			expect(told(await second.done)).toEqual([410, "session_closed"]);
			await keeping.control.waitForCounter("cancelled", { atLeast: 1 });
		} finally {
			await keeping.close();
		}
	});
});
