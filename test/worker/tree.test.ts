// Tree mode: every request finds its place in the forest of turns, and nothing that was generated is ever lost.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type RaceRig, startRaceRig } from "../support/race-rig.js";
import { until } from "../support/wait.js";
import type { Reply } from "../support/worker-rig.js";
import { chatsSeen } from "../support/worker-rig.js";

const MAX_NODES = 6;
let rig: RaceRig;
beforeAll(async () => {
	const { limits } = (await import("../support/cluster-config.js")).clusterConfig();
	rig = await startRaceRig({ mode: "tree", limits: { ...limits, maxTreeNodes: MAX_NODES } });
});
afterAll(() => rig.close());
beforeEach(async () => {
	await rig.control.reset();
	rig.events.length = 0;
});

const user = (content: string) => ({ role: "user", content });
const say = (...messages: object[]) => ({ model: "m", messages, max_tokens: 4096 });
const reply = (answer: Reply | null) => answer?.json.choices[0]?.message as { role: string; content: string };
const told = (answer: Reply | null) => [answer?.status, answer?.json.error?.code ?? null];
const seen = async () => (await chatsSeen(rig.control)).length;
const read = async (id: string) => (await rig.request("GET", `/sessions/${id}`)).json;
const text = async (id: string) => (await rig.request("GET", `/sessions/${id}`)).text;
const shape = async (id: string) => {
	const { tree } = (await read(id)).metadata;
	return {
		parents: tree?.nodes.map((node) => node.parent),
		leaves: tree?.leaves.map((leaf) => leaf.path_node_ids),
	};
};
const questions = async (id: string) =>
	(await read(id)).records.map((record) => (record.request.messages.at(-1) as { content: string }).content);

/** A session with the line one - two. */
async function grown() {
	const id = await rig.create();
	const one = await rig.chat(id, say(user("one")));
	const two = await rig.chat(id, say(user("one"), reply(one), user("two")));
	expect([one.status, two.status]).toEqual([200, 200]);
	await rig.control.reset();
	return { id, one, two, afterOne: [user("one"), reply(one)] };
}

describe("a forest of turns", () => {
	it("grows children, siblings and roots, and shows the path of the newest", async () => {
		const { id, two, afterOne } = await grown();
		expect(await shape(id)).toEqual({ parents: [null, 0], leaves: [[0, 1]] });
		const sibling = await rig.chat(id, say(...afterOne, user("other two")));
		expect(await questions(id)).toEqual(["one", "other two"]);
		await rig.chat(id, say(...afterOne, user("two"), reply(two), user("three")));
		expect(await questions(id)).toEqual(["one", "two", "three"]);
		await rig.chat(id, say(user("another opening")));
		expect(await questions(id)).toEqual(["another opening"]);
		await rig.chat(id, say(...afterOne, user("other two"), reply(sibling), user("x")));
		expect(await questions(id)).toEqual(["one", "other two", "x"]);
		expect(await shape(id)).toEqual({
			parents: [null, 0, 0, 1, null, 2],
			leaves: [[0, 1, 3], [4], [0, 2, 5]],
		});
		const { metadata } = await read(id);
		const node = metadata.tree?.nodes[5];
		expect(node).toMatchObject({
			id: 5,
			seq: 5,
			parent: 2,
			truncated: false,
			committed_at: expect.any(Number),
		});
		expect(node?.num_tokens).toBe(metadata.accumulated_token_ids.length);
		expect((node?.completion_span as number[] | undefined)?.[1]).toBe(node?.num_tokens);
		const before = await text(id);
		await rig.restart();
		expect(await text(id)).toBe(before);
	});

	it("sends along every branch exactly the tokens that were stored on it", async () => {
		const { id, two, afterOne } = await grown();
		await rig.chat(id, say(...afterOne, user("other two")));
		await rig.restart();
		await rig.chat(id, say(...afterOne, user("two"), reply(two), user("three")));
		const { records, metadata } = await read(id);
		let stored: number[] = [];
		for (const record of records) {
			expect(record.request.input_ids.slice(0, stored.length)).toEqual(stored);
			const sampled =
				record.response.choices[0]?.meta_info.output_token_logprobs.map((entry) => entry[1]) ?? [];
			stored = [...record.request.input_ids, ...sampled];
		}
		expect(metadata.accumulated_token_ids).toEqual(stored);
	});

	it("makes a resend of a first turn a second root, and of a later turn a sibling", async () => {
		const { id, afterOne } = await grown();
		await rig.chat(id, say(...afterOne, user("two")));
		await rig.chat(id, say(user("one")));
		expect(await shape(id)).toEqual({ parents: [null, 0, 0, null], leaves: [[0, 1], [0, 2], [3]] });
	});

	it("makes concurrent turns of one parent siblings, whatever the order of their replies", async () => {
		const { id, afterOne } = await grown();
		const names = ["a", "b", "c"];
		await rig.control.script(...names.map((gate) => ({ gate, match: { body: `branch ${gate}` } })));
		const chats = names.map((name) => rig.begin(id, say(...afterOne, user(`branch ${name}`))));
		for (const name of names) await rig.control.arrivedAtGate(name);
		expect((await rig.control.counters()).inFlight).toBe(3);
		for (const at of [2, 0, 1]) {
			await rig.control.release(names[at] as string);
			expect((await chats[at]?.done)?.status).toBe(200);
			expect(await questions(id)).toEqual(["one", `branch ${names[at]}`]);
		}
		expect(await shape(id)).toEqual({
			parents: [null, 0, 0, 0, 0],
			leaves: [
				[0, 1],
				[0, 2],
				[0, 3],
				[0, 4],
			],
		});
	});

	it("does not extend a turn that was cut off, and goes on everywhere else", async () => {
		const { id, afterOne } = await grown();
		await rig.control.script({ finishReason: "length" });
		const cut = await rig.chat(id, say(...afterOne, user("long")));
		const before = await text(id);
		const refused = await rig.chat(id, say(...afterOne, user("long"), reply(cut), user("more")));
		expect(told(refused)).toEqual([409, "truncated_turn"]);
		expect(refused.json.error?.message).toMatch(/^truncated generation cannot be extended/);
		expect(await text(id)).toBe(before);
		expect((await rig.chat(id, say(...afterOne, user("long")))).status).toBe(200);
		expect((await read(id)).metadata.tree?.nodes.map((node) => node.truncated)).toEqual([
			false,
			false,
			true,
			false,
		]);
	});

	it("refuses to grow past the node limit, concurrent turns included, before the engine is asked", async () => {
		const { id, afterOne } = await grown();
		for (let at = 2; at < MAX_NODES - 1; at++) await rig.chat(id, say(...afterOne, user(`sibling ${at}`)));
		await rig.control.reset();
		await rig.control.script({ gate: "last" });
		const last = rig.begin(id, say(...afterOne, user("last")));
		await rig.control.arrivedAtGate("last");
		const over = await rig.chat(id, say(...afterOne, user("over")));
		expect(told(over)).toEqual([413, "session_too_large"]);
		await rig.control.release("last");
		expect((await last.done)?.status).toBe(200);
		const before = await text(id);
		expect(told(await rig.chat(id, say(user("root"))))).toEqual([413, "session_too_large"]);
		expect(await text(id)).toBe(before);
		expect(await seen()).toBe(1);
	});

	it("gives a place back when the turn that held it fails", async () => {
		const { id, afterOne } = await grown();
		for (let at = 2; at < MAX_NODES - 1; at++) await rig.chat(id, say(...afterOne, user(`sibling ${at}`)));
		await rig.control.script({ status: 500, body: "{}" });
		expect((await rig.chat(id, say(...afterOne, user("last")))).status).toBe(500);
		expect((await rig.chat(id, say(...afterOne, user("last")))).status).toBe(200);
	});

	it.each([
		["the engine refuses", { status: 500, body: "{}" }, 500],
		["the engine resets", { fault: "reset-inside" as const }, 502],
		["the reply is unusable", { metaInfo: { completion_tokens: 1 } }, 502],
	])("leaves tree and view as they are when %s", async (_what, answer, status) => {
		const { id, afterOne } = await grown();
		const before = await text(id);
		await rig.control.script(answer);
		expect((await rig.chat(id, say(...afterOne, user("elsewhere")))).status).toBe(status);
		expect(told(await rig.chat(id, say(...afterOne, { role: "function", content: "x" })))).toEqual([
			400,
			"role_not_appendable",
		]);
		expect(await text(id)).toBe(before);
	});

	it("shows an aborted generation as the last record only, and the next commit drops it", async () => {
		const { id, afterOne } = await grown();
		await rig.control.script({ finishReason: "abort" });
		const aborted = await rig.chat(id, say(...afterOne, user("stopped")));
		expect(aborted.headers["x-sglang-aborted"]).toBe("1");
		expect((await read(id)).records.map((record) => record.provisional ?? false)).toEqual([false, true]);
		expect(await shape(id)).toEqual({ parents: [null, 0], leaves: [[0, 1]] });
		expect((await rig.chat(id, say(...afterOne, user("stopped")))).status).toBe(200);
		expect(await shape(id)).toEqual({
			parents: [null, 0, 0],
			leaves: [
				[0, 1],
				[0, 2],
			],
		});
		expect((await read(id)).records.map((record) => record.provisional ?? false)).toEqual([false, false]);
	});
});

describe("a tree session with several chats at the engine", () => {
	it("cancels all of them on DELETE, and keeps none", async () => {
		const { id, afterOne } = await grown();
		await rig.control.script({ gate: "hold", times: 3 });
		const chats = ["a", "b", "c"].map((name) => rig.begin(id, say(...afterOne, user(name))));
		await rig.control.arrivedAtGate("hold", 3);
		expect((await rig.request("DELETE", `/sessions/${id}`)).status).toBe(204);
		for (const { done } of chats) expect(told(await done)).toEqual([410, "session_closed"]);
		await rig.control.waitForCounter("cancelled", { atLeast: 3 });
		expect(rig.events.find(({ event }) => event === "session_deleted")?.fields).toMatchObject({
			cancelled: 3,
		});
		await rig.restart();
		expect(told(await rig.request("GET", `/sessions/${id}`))).toEqual([404, "session_deleted"]);
	});

	it("expires with all of them", async () => {
		const { id, afterOne } = await grown();
		await rig.control.script({ gate: "hold", times: 2 });
		const chats = ["a", "b"].map((name) => rig.begin(id, say(...afterOne, user(name))));
		await rig.control.arrivedAtGate("hold", 2);
		await rig.expire(id);
		for (const { done } of chats) expect(told(await done)).toEqual([410, "session_expired"]);
		expect(told(await rig.request("GET", `/sessions/${id}`))).toEqual([404, "session_expired"]);
	});

	it("loses only the turn whose client left", async () => {
		const { id, afterOne } = await grown();
		await rig.control.script({ gate: "a" }, { gate: "b" });
		const leaving = rig.begin(id, say(...afterOne, user("leaving")));
		await rig.control.arrivedAtGate("a");
		const staying = rig.begin(id, say(...afterOne, user("staying")));
		await rig.control.arrivedAtGate("b");
		leaving.leave();
		await rig.control.waitForCounter("cancelled", { atLeast: 1 });
		await rig.control.release("b");
		expect((await staying.done)?.status).toBe(200);
		expect(await questions(id)).toEqual(["one", "staying"]);
		expect(await shape(id)).toEqual({
			parents: [null, 0, 0],
			leaves: [
				[0, 1],
				[0, 2],
			],
		});
	});

	it("generates once for one Idempotency-Key: the repeat waits, with a place in no lock, and is replayed", async () => {
		const { id, afterOne } = await grown();
		const headers = { "idempotency-key": "k" };
		const body = say(...afterOne, user("keyed"));
		await rig.control.script({ gate: "keyed", match: { body: "keyed" } });
		const made = rig.begin(id, body, headers);
		await rig.control.arrivedAtGate("keyed");
		const repeat = rig.begin(id, body, headers);
		const other = rig.begin(id, say(...afterOne, user("mismatch")), headers);
		await rig.inFlight(id, 3);
		expect((await rig.chat(id, say(...afterOne, user("without a key")))).status).toBe(200);
		await rig.control.release("keyed");
		const [first, again] = [await made.done, await repeat.done];
		expect([first?.status, again?.headers["idempotent-replayed"]]).toEqual([200, "true"]);
		expect(again?.text).toBe(first?.text);
		expect(told(await other.done)).toEqual([422, "idempotency_mismatch"]);
		// Not the newest turn any more, and after a restart: still the same answer.
		await rig.chat(id, say(...afterOne, user("newer")));
		await rig.restart();
		expect((await rig.chat(id, body, { headers })).text).toBe(first?.text);
		expect(await seen()).toBe(3);
	});

	it("lets the repeat generate when the first with its key failed or was aborted", async () => {
		for (const answer of [{ status: 500, body: "{}" }, { finishReason: "abort" }]) {
			const { id, afterOne } = await grown();
			const headers = { "idempotency-key": "k" };
			const body = say(...afterOne, user("keyed"));
			await rig.control.script({ gate: "keyed", ...answer });
			const failing = rig.begin(id, body, headers);
			await rig.control.arrivedAtGate("keyed");
			const repeat = rig.begin(id, body, headers);
			await rig.inFlight(id, 2);
			await rig.control.release("keyed");
			await failing.done;
			const made = await repeat.done;
			expect([made?.status, made?.headers["idempotent-replayed"]]).toEqual([200, undefined]);
			expect(await seen()).toBe(2);
		}
	});

	it("dismisses the waiting repeat with 404 when DELETE comes", async () => {
		const { id, afterOne } = await grown();
		const headers = { "idempotency-key": "k" };
		const body = say(...afterOne, user("keyed"));
		await rig.control.script({ gate: "keyed" });
		const first = rig.begin(id, body, headers);
		await rig.control.arrivedAtGate("keyed");
		const repeat = rig.begin(id, body, headers);
		await rig.inFlight(id, 2);
		expect((await rig.request("DELETE", `/sessions/${id}`)).status).toBe(204);
		expect([told(await first.done), told(await repeat.done)]).toEqual([
			[410, "session_closed"],
			[404, "session_deleted"],
		]);
		expect(await seen()).toBe(1);
	});

	it("writes nothing of a turn whose commit waits for another one when DELETE comes", async () => {
		const { id, afterOne } = await grown();
		const point = rig.points.arm(`${id} before commit`);
		const writing = rig.begin(id, say(...afterOne, user("writing")));
		await point.arrived();
		await rig.control.script({ gate: "second" });
		const second = rig.begin(id, say(...afterOne, user("second")));
		await rig.control.arrivedAtGate("second");
		await rig.control.release("second");
		await rig.control.waitForCounter("answered", { atLeast: 2 });
		await rig.noticed();
		const deleting = rig.request("DELETE", `/sessions/${id}`);
		await until(
			"the session to close",
			10_000,
			async () => told(await rig.request("GET", `/sessions/${id}`))[0] === 404,
		);
		point.open();
		expect([told(await writing.done), told(await second.done)]).toEqual([
			[410, "session_closed"],
			[410, "session_closed"],
		]);
		expect((await deleting).status).toBe(204);
		expect(told(await rig.request("GET", `/sessions/${id}`))).toEqual([404, "session_deleted"]);
	});
});
