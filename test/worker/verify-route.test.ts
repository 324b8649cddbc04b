// POST /sessions/{id}/verify: the engine's own rendering and its scores of a session's tokens; nothing is changed by it.
import { afterEach, beforeEach, expect, test } from "vitest";
import { startSimEngine } from "../../src/sim/server.js";
import { startRig, TOY_CHECKPOINT, type WorkerRig } from "../support/worker-rig.js";

interface Verdict {
	engine_check: {
		result: string;
		by: string;
		rows: Array<{ conversation: string; template: string; finding: object | null }>;
	};
	rescore: { ids?: number[]; logprobs?: Array<number | null>; error?: string };
}

const HELLO = { model: "m", messages: [{ role: "user", content: "hello" }], max_tokens: 16 };

let rig: WorkerRig;
beforeEach(async () => {
	rig = await startRig();
	rig.tito.useToolSchema(3);
});
afterEach(() => rig.close());

async function verdict(id: string): Promise<Verdict> {
	const reply = await rig.request("POST", `/sessions/${id}/verify`, {});
	expect(reply.status).toBe(200);
	return JSON.parse(reply.text) as Verdict;
}

test("the engine renders the conversations as we do and scores the stored ids as it sampled them", async () => {
	const first = await rig.chat("a", HELLO);
	const answer = first.json.choices[0]?.message;
	await rig.chat("a", { ...HELLO, messages: [...HELLO.messages, answer, { role: "user", content: "more" }] });
	const before = (await rig.request("GET", "/sessions/a")).json;
	const { engine_check: check, rescore } = await verdict("a");
	expect(check.rows.filter(({ finding }) => finding !== null)).toEqual([]);
	expect(check).toMatchObject({ result: "ok", by: "tokenize" });
	expect(check.rows.map(({ template }) => template)).toEqual(Array.from({ length: 7 }, () => "same"));
	expect(rescore.ids).toEqual(before.metadata.accumulated_token_ids);
	for (const { request, response } of before.records) {
		const sampled = response.choices[0]?.meta_info.output_token_logprobs ?? [];
		expect(sampled.length).toBeGreaterThan(0);
		sampled.forEach(([logprob], at) => {
			expect(rescore.logprobs?.[request.input_ids.length + at]).toBeCloseTo(logprob, 5);
		});
	}
	const after = (await rig.request("GET", "/sessions/a")).json;
	expect(after.records).toEqual(before.records);
	expect(after.metadata).toEqual(before.metadata);
});

test("a session without turns has nothing to score, an unknown one is a 404", async () => {
	const id = await rig.create();
	expect((await verdict(id)).rescore).toEqual({ error: "the session has no turns" });
	const unknown = await rig.request("POST", "/sessions/never/verify", {});
	expect([unknown.status, unknown.json.error?.code]).toEqual([404, "session_not_found"]);
});

test("an engine that is not there is told, and costs nothing", async () => {
	await rig.close();
	const gone = await startSimEngine({ checkpointDir: TOY_CHECKPOINT });
	rig = await startRig({ upstream: gone.url });
	await rig.chat("a", HELLO);
	await gone.close();
	const { engine_check: check, rescore } = await verdict("a");
	expect(check).toMatchObject({ result: "skipped", by: "ECONNREFUSED", rows: [] });
	expect(rescore.error).toContain("ECONNREFUSED");
	expect((await rig.request("GET", "/sessions/a")).json.records).toHaveLength(1);
});
