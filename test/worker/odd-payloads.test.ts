// Replay payloads of any JSON type: in the record as the engine spelled them, and in no client's reply.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type CompiledFixture, compileFixture } from "../support/compiled-fixture.js";
import { startRig, type WorkerRig } from "../support/worker-rig.js";

let thread: CompiledFixture;
let rig: WorkerRig;
beforeAll(async () => {
	thread = compileFixture("samples-thread");
	rig = await startRig({}, undefined, undefined, undefined, thread.path);
});
afterAll(async () => {
	await rig.close();
	await thread.remove();
});

const CHAT = { model: "m", max_tokens: 4, messages: [{ role: "user", content: "hello" }] };
const FIELDS = [
	"routed_experts",
	"indexer_topk",
	"output_token_sampling_mask",
	"output_token_sampling_logprobs",
	"output_token_sampling_mask_length",
];

describe.each<[string, Record<string, unknown>]>([
	["lists", { routed_experts: [[0, 1]], output_token_sampling_mask: [[5, 6], [7]] }],
	["an object", { indexer_topk: { layers: { "0": [1] } }, routed_experts: "QUJD" }],
	["null", { routed_experts: null, indexer_topk: null }],
	["numbers and literals", { routed_experts: 7, indexer_topk: true, output_token_sampling_mask_length: 2 }],
	["empty ones", { routed_experts: [], indexer_topk: {}, output_token_sampling_mask: "" }],
	[
		"all at once",
		{
			output_token_sampling_mask: [[1, 2], [3]],
			routed_experts: [[[0]]],
			output_token_sampling_logprobs: [-0.5, -1.25],
			indexer_topk: "QUJD",
			output_token_sampling_mask_length: 2,
		},
	],
])("payloads that are %s", (_name, metaInfo) => {
	it("are in the record, and gone from the reply, its repetition and what is read without payloads", async () => {
		const id = await rig.create();
		const headers = { "idempotency-key": "k" };
		await rig.control.script({ metaInfo });
		const made = await rig.chat(id, CHAT, { headers });
		const repeated = await rig.chat(id, CHAT, { headers });
		expect(made.status).toBe(200);
		for (const reply of [made, repeated]) {
			const meta = reply.json.choices[0]?.meta_info ?? {};
			for (const field of FIELDS) expect(meta).not.toHaveProperty(field);
			expect(meta).toMatchObject({ completion_tokens: 4 });
		}
		expect(repeated.headers["idempotent-replayed"]).toBe("true");
		const record = (await rig.request("GET", `/sessions/${id}`)).json.records[0];
		expect(record?.response.choices[0]?.meta_info).toMatchObject(metaInfo);
		const without = await rig.request("GET", `/sessions/${id}?payloads=none`);
		expect(without.json.records).toHaveLength(1);
	});

	it("let the session go on", async () => {
		const id = await rig.create();
		await rig.control.script({ metaInfo });
		const first = (await rig.chat(id, CHAT)).json.choices[0]?.message;
		await rig.control.script({ metaInfo });
		const messages = [...CHAT.messages, first, { role: "user", content: "more" }];
		expect((await rig.chat(id, { ...CHAT, messages })).status).toBe(200);
		const { records } = (await rig.request("GET", `/sessions/${id}`)).json;
		for (const record of records) expect(record.response.choices[0]?.meta_info).toMatchObject(metaInfo);
	});
});

it.each([
	[{ a: [1] }, ""],
	[{ a: [1] }, "QUJD"],
	[["x", "y"], ""],
])("a payload of %j is no beginning of the string %j that comes next", async (before, after) => {
	const id = await rig.create();
	await rig.control.script({ metaInfo: { routed_experts: before } });
	const first = (await rig.chat(id, CHAT)).json.choices[0]?.message;
	await rig.control.script({ metaInfo: { routed_experts: after, indexer_topk: "QUJD" } });
	const messages = [...CHAT.messages, first, { role: "user", content: "more" }];
	expect((await rig.chat(id, { ...CHAT, messages })).status).toBe(200);
	const { records } = (await rig.request("GET", `/sessions/${id}`)).json;
	expect(records.map(({ response }) => response.choices[0]?.meta_info)).toMatchObject([
		{ routed_experts: before },
		{ routed_experts: after, indexer_topk: "QUJD" },
	]);
});

it("samples of a session whose routing payload is a list are refused by name", async () => {
	const id = await rig.create();
	await rig.control.script({ metaInfo: { routed_experts: [[0, 1]] } });
	await rig.chat(id, CHAT);
	const reply = await rig.request("POST", `/sessions/${id}/samples`, {});
	expect([reply.status, reply.text]).toEqual([
		422,
		expect.stringContaining("meta_info.routed_experts is not a base64 string"),
	]);
});

it("null in a payload's place is no obstacle to samples; a sampling mask without what was sampled is, where the wire has masks", async () => {
	const id = await rig.create();
	await rig.control.script({
		metaInfo: { routed_experts: null, output_token_sampling_mask: [[1], [2], [3], [4]] },
	});
	await rig.chat(id, CHAT);
	const samples = (samples_wire: string) => rig.request("POST", `/sessions/${id}/samples`, { samples_wire });
	expect((await samples("2026-08")).status).toBe(200);
	const refused = await samples("2026-09");
	expect([refused.status, refused.text]).toEqual([422, expect.stringContaining("lacks the id")]);
});
