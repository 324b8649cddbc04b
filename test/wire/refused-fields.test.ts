// Fields of a chat that are refused, with the values of each that ask for nothing, and that a refusal changes nothing.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { chatsSeen, startRig, type WorkerRig } from "../support/worker-rig.js";

let rig: WorkerRig;
let replaying: WorkerRig;
beforeAll(async () => {
	rig = await startRig();
	replaying = await startRig({ samplingReplay: true, r3: "full" });
});
afterAll(async () => {
	await rig.close();
	await replaying.close();
});
beforeEach(() => rig.control.reset());

const chat = (which: WorkerRig, id: string, more: object) =>
	which.chat(id, { model: "m", max_tokens: 2, messages: [{ role: "user", content: "x" }], ...more });

const REFUSED: Array<[string, unknown]> = [
	["input_ids", [1, 2]],
	["input_ids", []],
	["input_ids", Array.from({ length: 1000 }, (_, id) => id)],
	["input_ids", "1"],
	["best_of", 2],
	["best_of", "1"],
	["echo", true],
	["session_params", { id: "x" }],
	["bootstrap_host", "10.0.0.1"],
	["bootstrap_port", 1],
	["bootstrap_room", 0],
	["task", "query"],
	["functions", [{ name: "f" }]],
	["modalities", ["text", "audio"]],
	["routed_experts_start_len", 3],
	["n", 2],
];
const SAMPLING: Array<[string, unknown]> = [
	["frequency_penalty", 0.5],
	["presence_penalty", -1],
	["repetition_penalty", 1.05],
	["logit_bias", { "5": -100 }],
];
const NEUTRAL: Array<[string, unknown]> = [
	["input_ids", null],
	["best_of", 1],
	["echo", false],
	["session_params", null],
	["functions", []],
	["modalities", ["text"]],
	["routed_experts_start_len", 0],
	["n", 1],
	["logprobs", false],
	["return_meta_info", false],
	["frequency_penalty", 0],
	["presence_penalty", 0.0],
	["repetition_penalty", 1.0],
	["logit_bias", {}],
];

describe("a chat", () => {
	it.each(REFUSED)("with %s %j is a 400 that names it, and nothing else happens", async (field, value) => {
		const { status, json } = await chat(rig, "refused", { [field]: value });
		expect([status, json.error?.code, json.error?.param]).toEqual([400, "invalid_request", field]);
		expect(json.error?.message.startsWith(`${field} `)).toBe(true);
		expect(await chatsSeen(rig.control)).toEqual([]);
		expect((await rig.request("GET", "/sessions")).json.sessions).toEqual([]);
	});

	it("with the last of a field's spellings that counts is refused too", async () => {
		const body = '{"messages":[{"role":"user","content":"x"}],"input_ids":null,"input\\u005fids":[1]}';
		const reply = await rig.request("POST", "/sessions/refused/v1/chat/completions", body);
		expect([reply.status, reply.json.error?.param]).toEqual([400, "input_ids"]);
	});

	it.each(NEUTRAL)("with %s %j goes on, with a sampling mask and without", async (field, value) => {
		const id = `neutral-${field}`;
		expect((await chat(rig, id, { [field]: value })).status).toBe(200);
		expect((await chat(replaying, id, { [field]: value })).status).toBe(200);
		await rig.request("DELETE", `/sessions/${id}`);
	});

	it.each(SAMPLING)("with %s %j is refused with --sampling-replay only", async (field, value) => {
		const refused = await chat(replaying, `penalty-${field}`, { [field]: value });
		expect([refused.status, refused.json.error?.param]).toEqual([400, field]);
		expect((await chat(rig, `penalty-${field}`, { [field]: value })).status).toBe(200);
	});

	it("may say a start of rows of its own where ours replaces it", async () => {
		expect((await chat(replaying, "rows", { routed_experts_start_len: 3 })).status).toBe(200);
	});
});

it("a session cannot pin what its chats may not say", async () => {
	const body = { request_overrides: { repetition_penalty: 1.1 } };
	const reply = await replaying.request("POST", "/sessions", body, {
		headers: { "x-rollpin-session-id": "f".repeat(32) },
	});
	expect([reply.status, reply.json.error?.param]).toEqual([400, "request_overrides.repetition_penalty"]);
	expect((await rig.create(body)).length).toBe(32);
});

it("--sampling-replay asks with every chat, and the record says what was sampled with", async () => {
	await chat(replaying, "asked", { temperature: 0.7 });
	const { records } = (await replaying.request("GET", "/sessions/asked")).json;
	expect(records[0]?.request).toMatchObject({
		return_sampling_mask: true,
		temperature: 0.7,
		top_p: 1,
		top_k: 1024,
		repetition_penalty: 1,
	});
});
