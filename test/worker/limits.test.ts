// Every bound on what a client may ask for: its status, its code, and that a refusal changes nothing.
import { afterEach, describe, expect, it } from "vitest";
import type { Limits } from "../../src/config/cluster-config.js";
import { clusterConfig } from "../support/cluster-config.js";
import { type RaceRig, startRaceRig } from "../support/race-rig.js";
import { until } from "../support/wait.js";
import type { Reply } from "../support/worker-rig.js";
import { chatsSeen } from "../support/worker-rig.js";

let rig: RaceRig;
const open = async (limits: Partial<Limits>) => {
	rig = await startRaceRig({ store: "memory", limits: { ...clusterConfig().limits, ...limits } });
};
afterEach(() => rig.close());

const user = (content: string) => ({ role: "user", content });
const say = (...messages: object[]) => ({ model: "m", messages, max_tokens: 8 });
const told = (answer: Reply | null) => [answer?.status, answer?.json.error?.code ?? null];
const reply = (answer: Reply) => answer.json.choices[0]?.message as object;
const text = async (id: string) => (await rig.request("GET", `/sessions/${id}`)).text;
const seen = async () => (await chatsSeen(rig.control)).length;

describe("a limit", () => {
	it("on bytes in flight counts replies too: while one stands over it, no other chat's body is let in", async () => {
		await open({ maxInflightBytesPerWorker: 100_000 });
		const filler = { filler: "x".repeat(400_000) };
		await rig.control.script({ gate: "half", gateAt: "inside", metaInfo: filler });
		const large = rig.begin(await rig.create(), say(user("large")));
		await rig.control.arrivedAtGate("half");
		const other = await rig.create();
		await until(
			"a refusal for bytes",
			10_000,
			async () => (await rig.chat(other, say(user("x")))).status === 429,
		);
		await rig.control.release("half");
		expect((await large.done)?.status).toBe(200);
		expect((await rig.chat(other, say(user("x")))).status).toBe(200);
	});

	it("on chats waiting in one session answers 429 with Retry-After, and only there", async () => {
		await open({ maxQueuePerSession: 2 });
		const id = await rig.create();
		await rig.control.script({ gate: "held" });
		const chats = [rig.begin(id, say(user("running")))];
		await rig.control.arrivedAtGate("held");
		for (let at = 0; at < 2; at++) {
			chats.push(rig.begin(id, say(user(`waiting ${at}`))));
			await rig.inFlight(id, at + 2);
		}
		const over = await rig.chat(id, say(user("over")));
		expect([...told(over), over.headers["retry-after"]]).toEqual([429, "too_many_requests", "1"]);
		expect(over.json.error?.type).toBe("rate_limit_error");
		expect((await rig.chat(await rig.create(), say(user("elsewhere")))).status).toBe(200);
		await rig.control.release("held");
		for (const { done } of chats) expect((await done)?.status).toBe(200);
		expect(await seen()).toBe(4);
	});

	it("on chats in flight of a worker answers 429 with Retry-After until one has ended", async () => {
		await open({ maxInflightPerWorker: 2 });
		const ids = [await rig.create(), await rig.create(), await rig.create()] as const;
		await rig.control.script({ gate: "held", times: 2 });
		const chats = [rig.begin(ids[0], say(user("a"))), rig.begin(ids[1], say(user("b")))];
		await rig.control.arrivedAtGate("held", 2);
		const over = await rig.chat(ids[2], say(user("c")));
		expect([...told(over), over.headers["retry-after"]]).toEqual([429, "too_many_requests", "1"]);
		// Reads and deletes are not chats.
		expect((await rig.request("GET", `/sessions/${ids[2]}`)).status).toBe(200);
		await rig.control.release("held");
		for (const { done } of chats) expect((await done)?.status).toBe(200);
		expect((await rig.chat(ids[2], say(user("c")))).status).toBe(200);
	});

	it("on bytes in flight of a worker answers 429, but lets any one body in", async () => {
		await open({ maxInflightBytesPerWorker: 3_000 });
		const ids = [await rig.create(), await rig.create()] as const;
		await rig.control.script({ gate: "held" });
		const large = rig.begin(ids[0], say(user("x".repeat(5_000))));
		await rig.control.arrivedAtGate("held");
		const over = await rig.chat(ids[1], say(user("small")));
		expect([...told(over), over.headers["retry-after"]]).toEqual([429, "too_many_requests", "1"]);
		await rig.control.release("held");
		expect((await large.done)?.status).toBe(200);
		expect((await rig.chat(ids[1], say(user("small")))).status).toBe(200);
	});

	it("on sessions of a worker answers 429 to create and to a first chat, until one is gone", async () => {
		await open({ maxSessionsPerWorker: 2 });
		const id = await rig.create();
		expect((await rig.chat("own", say(user("x")))).status).toBe(200);
		const refused = await rig.request("POST", "/sessions", undefined, {
			headers: { "x-rollpin-session-id": "third" },
		});
		expect([...told(refused), refused.headers["retry-after"]]).toEqual([429, "too_many_requests", "10"]);
		expect(told(await rig.chat("third", say(user("x"))))).toEqual([429, "too_many_requests"]);
		expect(await seen()).toBe(1);
		expect((await rig.request("DELETE", `/sessions/${id}`)).status).toBe(204);
		expect((await rig.chat("third", say(user("x")))).status).toBe(200);
	});

	it("on a body answers 413, declared or counted, and names itself", async () => {
		await open({ maxBodyBytes: 1_000 });
		const id = await rig.create();
		const before = await text(id);
		const over = await rig.chat(id, say(user("x".repeat(1_000))));
		expect(told(over)).toEqual([413, "body_too_large"]);
		expect(over.json.error?.message).toContain("--max-body-mib");
		expect(over.headers.connection).toBe("keep-alive");
		expect(await text(id)).toBe(before);
		expect(await seen()).toBe(0);
		expect((await rig.chat(id, say(user("x")))).status).toBe(200);
	});

	it("on messages of a request answers 413 naming messages", async () => {
		await open({ maxMessages: 3 });
		const id = await rig.create();
		const over = await rig.chat(id, say(user("1"), user("2"), user("3"), user("4")));
		expect([...told(over), over.json.error?.param]).toEqual([413, "body_too_large", "messages"]);
		expect(await seen()).toBe(0);
		expect((await rig.chat(id, say(user("1"), user("2"), user("3")))).status).toBe(200);
	});

	it("on nesting answers 400, also behind a history that is not looked at again", async () => {
		await open({ maxJsonDepth: 8 });
		const id = await rig.create();
		// A message stands at depth 3, its part's field at 6.
		const nested = (levels: number) => `${`{"a":`.repeat(levels)}1${"}".repeat(levels)}`;
		const body = (history: string, levels: number) =>
			`{"messages":[${history}{"role":"user","content":"x","extra":${nested(levels)}}]}`;
		expect(told(await rig.chat(id, body("", 6) as unknown as object))).toEqual([400, "invalid_json"]);
		expect(await seen()).toBe(0);
		const first = await rig.chat(id, body("", 5) as unknown as object);
		expect(first.status).toBe(200);
		const history = `{"role":"user","content":"x","extra":${nested(5)}},${JSON.stringify(reply(first))},`;
		expect(told(await rig.chat(id, body(history, 6) as unknown as object))).toEqual([400, "invalid_json"]);
		expect((await rig.chat(id, body(history, 5) as unknown as object)).status).toBe(200);
	});

	it("on turns of a session answers 413 and keeps the session, whose last turn may still be retried", async () => {
		await open({ maxTurnsPerSession: 2 });
		const id = await rig.create();
		const one = await rig.chat(id, say(user("one")));
		const history = [user("one"), reply(one)];
		const two = await rig.chat(id, say(...history, user("two")));
		const before = await text(id);
		const over = await rig.chat(id, say(...history, user("two"), reply(two), user("three")));
		expect(told(over)).toEqual([413, "session_too_large"]);
		expect(await text(id)).toBe(before);
		expect(await seen()).toBe(2);
		expect((await rig.chat(id, say(...history, user("retried")))).status).toBe(200);
	});

	it("on tokens of a session answers 413 before the engine is asked", async () => {
		await open({ maxTokensPerSession: 60 });
		const id = await rig.create();
		const one = await rig.chat(id, say(user("one")));
		expect(one.status).toBe(200);
		const before = await text(id);
		const over = await rig.chat(id, say(user("one"), reply(one), user("word ".repeat(100))));
		expect(told(over)).toEqual([413, "session_too_large"]);
		expect(over.json.error?.message).toContain("--max-session-tokens");
		expect(await text(id)).toBe(before);
		expect(await seen()).toBe(1);
	});

	it("on bytes of all messages, of a field that is read and of a field's name answers before anything is parsed", async () => {
		await open({ maxTokensPerSession: 60, maxBodyBytes: 64 * 1024 * 1024 });
		const id = await rig.create();
		const mib = (count: number, text: string) => text.repeat((count * 1024 * 1024) / text.length);
		const post = async (body: string) => {
			const answer = await rig.chat(id, body as unknown as object);
			return [...told(answer), answer.json.error?.param ?? null];
		};
		const messages = '"messages":[{"role":"user","content":"x"}';
		expect(await post(`{${messages}${mib(17, " ")},{"role":"user","content":"y"}]}`)).toEqual([
			413,
			"session_too_large",
			"messages",
		]);
		expect(await post(`{${messages}],"tools":"${mib(5, "t")}"}`)).toEqual([413, "body_too_large", "tools"]);
		expect(await post(`{${messages}],"${"k".repeat(5_000)}":1}`)).toEqual([400, "invalid_json", null]);
		// What only the engine reads may be as large as a body.
		expect(await post(`{${messages}],"other":"${mib(5, "o")}"}`)).toEqual([200, null, null]);
		expect(await seen()).toBe(1);
	});
});
