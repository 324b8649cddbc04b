// The simulated engine's wire form against replies recorded from SGLang 0.5.23, and what older releases do otherwise.
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { SimControl } from "../../src/sim/control/control-client.js";
import { ENGINE_VERSIONS } from "../../src/sim/engine/engine-release.js";
import { loadVocabulary, type Vocabulary } from "../../src/sim/engine/vocabulary.js";
import { type SimEngine, startSimEngine } from "../../src/sim/server.js";
import { ASKED, CHAT, chat, choiceOf, idsOf, postJson, TOY_CHECKPOINT } from "./client.js";

const TOOL = {
	type: "function",
	function: {
		name: "look",
		parameters: { type: "object", properties: { city: { enum: ["Oslo"] } }, required: ["city"] },
	},
};

let engine: SimEngine;
let vocabulary: Vocabulary;
const others: SimEngine[] = [];

beforeAll(async () => {
	vocabulary = await loadVocabulary(TOY_CHECKPOINT, "");
	engine = await startSimEngine({ checkpointDir: TOY_CHECKPOINT });
});
afterAll(() => engine.close());
afterEach(async () => {
	for (const other of others.splice(0)) await other.close();
});

async function start(options: Partial<Parameters<typeof startSimEngine>[0]>): Promise<SimEngine> {
	const other = await startSimEngine({ checkpointDir: TOY_CHECKPOINT, ...options });
	others.push(other);
	return other;
}

type Json = Record<string, unknown>;

async function rawChat(at: SimEngine, body: Json): Promise<Json> {
	return (await (await postJson(at.url + CHAT, body)).json()) as Json;
}

function firstChoice(reply: Json): Json & { message: Json; meta_info: Json } {
	return (reply.choices as Array<Json & { message: Json; meta_info: Json }>)[0] as never;
}

describe("a chat reply", () => {
	it("has the recorded keys in the recorded order", async () => {
		const reply = await rawChat(engine, { ...ASKED, input_ids: [5, 6], max_tokens: 4, ignore_eos: true });
		expect(Object.keys(reply)).toEqual(["id", "object", "created", "model", "choices", "usage", "metadata"]);
		const choice = firstChoice(reply);
		expect(Object.keys(choice)).toEqual([
			"index",
			"message",
			"logprobs",
			"finish_reason",
			"matched_stop",
			"prompt_token_ids",
			"meta_info",
		]);
		expect(Object.keys(choice.message)).toEqual(["role", "content", "reasoning_content"]);
		expect(Object.keys(choice.meta_info)).toEqual([
			"id",
			"finish_reason",
			"prompt_tokens",
			"weight_version",
			"num_retractions",
			"input_token_logprobs",
			"output_token_logprobs",
			"output_token_logprobs_length",
			"reasoning_tokens",
			"completion_tokens",
			"cached_tokens",
			"weight_versions",
			"cached_tokens_details",
			"dp_rank",
			"e2e_latency",
			"response_sent_to_client_ts",
		]);
		expect(choice.meta_info.finish_reason).toEqual({ type: "length", length: 4 });
		expect(reply.usage).toEqual({
			prompt_tokens: 2,
			total_tokens: 6,
			completion_tokens: 4,
			prompt_tokens_details: null,
			reasoning_tokens: 0,
			completion_tokens_details: null,
		});
		expect(reply.metadata).toEqual({
			weight_version: "default",
			weight_versions: [{ version: "default", start: 0, end: 4 }],
		});
		for (const [, id, text] of choice.meta_info.output_token_logprobs as Array<[number, number, string]>) {
			expect(text).toBe(vocabulary.bytesOf(id).toString("utf8"));
		}
	});

	it("forgets what a turn ended with when it calls a tool, and spells arguments as Python does", async () => {
		const reply = await rawChat(engine, { ...ASKED, input_ids: [5], tools: [TOOL] });
		const choice = firstChoice(reply);
		expect(choice).toMatchObject({ finish_reason: "tool_calls", matched_stop: null });
		expect(choice.meta_info.finish_reason).toEqual({ type: "tool_calls", matched: null });
		expect(choice.message.tool_calls).toEqual([
			{
				id: expect.stringMatching(/^call_[0-9a-f]{24}$/),
				index: 0,
				type: "function",
				function: { name: "look", arguments: '{"city": "Oslo"}' },
			},
		]);
	});

	it("loses a call to an unknown tool, and keeps the ones beside it", async () => {
		const control = new SimControl(engine.controlUrl);
		const call = (name: string, args: string) =>
			`<tool_call>\n{"name": "${name}", "arguments": ${args}}\n</tool_call>`;
		const text = `Well.\n${call("nope", "{}")}\n${call("look", '{"a":1.50,"b":"\\u00e9"}')} and more`;
		await control.script({ text }, { text: call("nope", "{}") });
		const { message } = firstChoice(await rawChat(engine, { ...ASKED, input_ids: [5], tools: [TOOL] }));
		expect(message.content).toBe("Well.");
		expect(message.tool_calls).toMatchObject([
			{ index: 0, function: { name: "look", arguments: '{"a": 1.5, "b": "é"}' } },
		]);
		const none = firstChoice(await rawChat(engine, { ...ASKED, input_ids: [5], tools: [TOOL] }));
		expect(none.message).not.toHaveProperty("tool_calls");
		expect(none.finish_reason).toBe("stop");
	});

	it("says no prompt_tokens and no cached_tokens of a run that was aborted in the queue", async () => {
		const busy = await start({ maxRunning: 1, latencyMs: 600_000 });
		const control = new SimControl(busy.controlUrl);
		const first = rawChat(busy, { ...ASKED, input_ids: [1], rid: "runs" });
		await control.waitForCounter("running", { atLeast: 1 });
		const second = rawChat(busy, { ...ASKED, input_ids: [1], rid: "waits" });
		await control.waitForCounter("queued", { atLeast: 1 });
		await postJson(`${busy.url}/abort_request`, { rid: "waits" });
		const queued = firstChoice(await second);
		expect(queued.finish_reason).toBe("abort");
		expect(Object.keys(queued.meta_info)).toEqual([
			"id",
			"finish_reason",
			"weight_version",
			"input_token_logprobs",
			"output_token_logprobs",
			"output_token_logprobs_length",
			"completion_tokens",
			"weight_versions",
			"e2e_latency",
			"response_sent_to_client_ts",
		]);
		expect(queued.meta_info.finish_reason).toEqual({ type: "abort", message: "Abort in waiting queue" });
		await postJson(`${busy.url}/abort_request`, { abort_all: true });
		const ran = firstChoice(await first);
		expect(ran.meta_info).toMatchObject({
			prompt_tokens: 1,
			finish_reason: { type: "abort", message: "Aborted", status_code: null, err_type: null },
		});
	});

	it("takes the request's rid as its id, and counts the reasoning", async () => {
		const thinking = await start({ reasoning: true });
		const reply = await rawChat(thinking, { ...ASKED, input_ids: [3], rid: "mine-1" });
		const { meta_info, message } = firstChoice(reply);
		expect(reply.id).toBe("mine-1");
		expect(meta_info.id).toBe("mine-1");
		const ids = (meta_info.output_token_logprobs as number[][]).map((entry) => entry[1] as number);
		const thought = vocabulary.decode(ids.slice(0, meta_info.reasoning_tokens as number));
		expect(thought).toBe(`<think>${message.reasoning_content}</think>`);
		expect(reply.usage).toMatchObject({
			completion_tokens_details: { reasoning_tokens: meta_info.reasoning_tokens },
		});
	});

	it("takes everything for reasoning when it is cut off before its end", async () => {
		const thinking = await start({ reasoning: true });
		const reply = await chat(thinking, { input_ids: [3], max_tokens: 4 });
		const { message, meta_info } = choiceOf(reply);
		expect(message.content).toBe("");
		expect(`<think>${message.reasoning_content}`).toBe(vocabulary.decode(idsOf(reply)));
		expect((meta_info as unknown as Json).reasoning_tokens).toBe(4);
	});
});

describe("errors", () => {
	it.each([
		[{ messages: [{ role: "nobody", content: "x" }] }, "Bad Request"],
		[{ messages: [{ role: "user", content: [{ type: "input_text", text: "x" }] }] }, "Bad Request"],
		[{ messages: [{ role: "user", content: "x" }], tool_choice: "required" }, "BadRequestError"],
		[
			{
				messages: [
					{ role: "user", content: "x" },
					{ role: "assistant", content: "", tool_calls: [{ function: { name: "f", arguments: "[1]" } }] },
				],
			},
			"BadRequest",
		],
	])("are flat, SGLang's own: %j", async (body, type) => {
		const response = await postJson(engine.url + CHAT, body);
		expect(response.status).toBe(400);
		expect(await response.json()).toEqual({
			object: "error",
			message: expect.any(String),
			type,
			param: null,
			code: 400,
		});
	});

	it("refuse a rid that is running", async () => {
		const slow = await start({ latencyMs: 60_000 });
		const gone = new AbortController();
		const first = postJson(slow.url + CHAT, { input_ids: [1], rid: "twice" }, {}, gone.signal).catch(
			() => {},
		);
		while (slow.counters().started === 0) await new Promise((resolve) => setImmediate(resolve));
		const second = await postJson(slow.url + CHAT, { input_ids: [1], rid: "twice" });
		expect(await second.json()).toMatchObject({ message: "Duplicate request ID detected: twice", code: 400 });
		gone.abort();
		await first;
	});
});

describe("older releases", () => {
	it.each(ENGINE_VERSIONS)("%s says its version and writes its own reply form", async (engineVersion) => {
		const old = await start({ engineVersion });
		for (const path of ["/server_info", "/get_server_info"]) {
			expect(await (await fetch(old.url + path)).json()).toMatchObject({ version: engineVersion });
		}
		const reply = await rawChat(old, { ...ASKED, input_ids: [5, 6] });
		const before22 = engineVersion === "0.5.13" || engineVersion === "0.5.16";
		const { message, meta_info } = firstChoice(reply);
		if (before22) expect(message.tool_calls).toBeNull();
		else expect(message).not.toHaveProperty("tool_calls");
		expect("weight_versions" in meta_info).toBe(!before22);
		expect("weight_versions" in (reply.metadata as Json)).toBe(!before22);
		expect("completion_tokens_details" in (reply.usage as Json)).toBe(engineVersion === "0.5.23");
		const other = { ...TOOL, function: { ...TOOL.function, name: "other" } };
		const choice = { type: "function", function: { name: "look" } };
		const called = await chat(old, { input_ids: [5], tools: [other, TOOL], tool_choice: choice });
		expect(choiceOf(called).message.tool_calls?.[0]?.index).toBe(before22 ? 1 : 0);
	});

	it("refuses a release that it does not know", async () => {
		await expect(start({ engineVersion: "0.4.9" })).rejects.toThrow(
			/engineVersion is 0.4.9; it must be one of/,
		);
	});
});

describe("scoring", () => {
	it("gives a prompt's ids the logprobs that they had when they were sampled", async () => {
		const reply = await rawChat(engine, { ...ASKED, input_ids: [4, 5, 6] });
		const sampled = firstChoice(reply).meta_info.output_token_logprobs as Array<[number, number, string]>;
		const ids = [4, 5, 6, ...sampled.map((entry) => entry[1])];
		const scored = (await (
			await postJson(`${engine.url}/generate`, {
				input_ids: ids,
				sampling_params: { max_new_tokens: 1, temperature: 0 },
				return_logprob: true,
				logprob_start_len: 0,
			})
		).json()) as { meta_info: { input_token_logprobs: Array<[number | null, number, null]> } };
		const given = scored.meta_info.input_token_logprobs;
		expect(given.map((entry) => entry[1])).toEqual(ids);
		expect(given[0]).toEqual([null, 4, null]);
		expect(given.slice(3).map((entry) => entry[0])).toEqual(sampled.map((entry) => entry[0]));
	});
});

describe("a client that leaves", () => {
	it("is noticed late when configured so, and its run ends at once by its rid", async () => {
		const slow = await start({ lostClientMs: 600_000, latencyMs: 600_000 });
		const control = new SimControl(slow.controlUrl);
		const gone = new AbortController();
		const lost = postJson(slow.url + CHAT, { input_ids: [1], rid: "left" }, {}, gone.signal).catch(
			() => null,
		);
		await control.waitForCounter("started", { atLeast: 1 });
		gone.abort();
		await lost;
		await control.waitForCounter("cancelled", { atLeast: 1 });
		expect((await control.counters()).running).toBe(1);
		await postJson(`${slow.url}/abort_request`, { rid: "lef" });
		expect((await control.counters()).running).toBe(1);
		expect((await postJson(`${slow.url}/abort_request`, { rid: "left" })).status).toBe(200);
		expect((await control.waitForCounter("running", { atMost: 0 })).aborted).toBe(1);
	});
});

describe("service routes", () => {
	it("know one model by its name and no other", async () => {
		const found = await fetch(`${engine.url}/v1/models/rollpin-sim`);
		expect(await found.json()).toMatchObject({ id: "rollpin-sim", object: "model", parent: null });
		const missing = await fetch(`${engine.url}/v1/models/gpt-x`);
		expect(missing.status).toBe(404);
		expect(await missing.json()).toMatchObject({ error: { code: "model_not_found" } });
	});

	it("have no /version", async () => {
		expect((await fetch(`${engine.url}/version`)).status).toBe(404);
	});
});
