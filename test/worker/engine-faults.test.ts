// Every way in which an engine fails: 502 or 504 with its code, nothing committed, one generation, and the retry works.
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { ScriptedAnswer } from "../../src/sim/engine/script.js";
import { chatsSeen, startRig, type WorkerRig } from "../support/worker-rig.js";

let rig: WorkerRig;
beforeAll(async () => {
	rig = await startRig({ upstreamTimeoutMs: 600 });
});
afterAll(() => rig.close());
beforeEach(() => rig.control.reset());

const CHAT = { model: "m", max_tokens: 8 };
const opening = { role: "user", content: "one" };

async function begun(): Promise<{ id: string; messages: unknown[] }> {
	const id = await rig.create();
	const first = await rig.chat(id, { ...CHAT, messages: [opening] });
	expect(first.status).toBe(200);
	await rig.control.reset();
	return { id, messages: [opening, first.json.choices[0]?.message, { role: "user", content: "two" }] };
}

const recordsOf = async (id: string): Promise<unknown> =>
	(await rig.request("GET", `/sessions/${id}`)).json.records;

test.each<[string, ScriptedAnswer, number, string]>([
	["resets before a byte", { fault: "reset-before" }, 502, "upstream_unreachable"],
	["resets inside the body", { fault: "reset-inside" }, 502, "upstream_unreachable"],
	["sends fewer bytes than it said", { fault: "truncate-length" }, 502, "upstream_"],
	["closes a body without a length too early", { fault: "truncate-close" }, 502, "upstream_invalid"],
	["ends its chunks too early", { fault: "truncate-chunked" }, 502, "upstream_"],
	["sends what is no HTTP", { fault: "garbage" }, 502, "upstream_invalid"],
	["says nothing", { fault: "silence" }, 504, "upstream_timeout"],
	["sends what is no JSON", { status: 200, body: "<html>" }, 502, "upstream_invalid"],
	["sends an empty body", { status: 200, body: "" }, 502, "upstream_invalid"],
	["sends no choice", { status: 200, body: '{"id":"x","choices":[]}' }, 502, "upstream_invalid"],
])("an engine that %s", async (_what, answer, status, code) => {
	const { id, messages } = await begun();
	const before = await recordsOf(id);
	await rig.control.script(answer);
	const failed = await rig.chat(id, { ...CHAT, messages });
	expect(failed.status).toBe(status);
	expect(failed.json.error?.code).toMatch(new RegExp(`^${code}`));
	expect((await chatsSeen(rig.control)).length).toBe(1);
	expect(await recordsOf(id)).toEqual(before);
	expect((await rig.chat(id, { ...CHAT, messages })).status).toBe(200);
	expect((await chatsSeen(rig.control)).length).toBe(2);
	expect(await recordsOf(id)).toHaveLength(2);
});

test("an engine that refuses connections is 502, and the chat works once it is back", async () => {
	const { id, messages } = await begun();
	await rig.control.listen(false);
	await rig.control.closeConnections("all");
	const failed = await rig.chat(id, { ...CHAT, messages });
	expect([failed.status, failed.json.error?.code]).toEqual([502, "upstream_unreachable"]);
	await rig.control.listen(true);
	expect((await rig.chat(id, { ...CHAT, messages })).status).toBe(200);
	expect((await rig.control.counters()).started).toBe(1);
});

test("an engine that closes idle connections as they are reused never generates twice for one chat", async () => {
	const { id } = await begun();
	const started = (await rig.control.counters()).started;
	let answered = 0;
	let failed = 0;
	for (let round = 0; round < 60; round += 1) {
		const closing = rig.control.closeConnections("idle");
		const [reply] = await Promise.all([rig.chat(id, { ...CHAT, messages: [opening] }), closing]);
		if (reply.status === 200) answered += 1;
		else {
			expect(reply.json.error?.code).toMatch(/^upstream_(unreachable|breaker_open)$/);
			failed += 1;
		}
	}
	expect(answered + failed).toBe(60);
	expect(answered).toBeGreaterThan(0);
	const generated = (await rig.control.counters()).started - started;
	// One for each answer; a chat that failed had at most one.
	expect(generated).toBeGreaterThanOrEqual(answered);
	expect(generated).toBeLessThanOrEqual(answered + failed);
	expect((await chatsSeen(rig.control)).length).toBeLessThanOrEqual(60);
});
