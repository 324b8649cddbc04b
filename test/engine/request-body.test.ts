// Owns the proof that a request keeps the client's bytes, carries our fields, and can be put together again.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { EngineRequest } from "../../src/engine/engine.js";
import { spliceRequest, upstreamFields } from "../../src/engine/sglang/request-body.js";
import { scanObject } from "../../src/json/scan.js";
import { JsonNumber } from "../../src/json/value.js";

function splice(
	body: string,
	options: Partial<Parameters<typeof upstreamFields>[0]> = {},
	inputIds = "1,2",
): EngineRequest & { text: string; value: Record<string, unknown> } {
	const bytes = Buffer.from(body);
	const fields = upstreamFields({
		inputIds: [Buffer.from(inputIds)],
		kwargs: new Map(),
		overridesJson: null,
		r3: "off",
		routedExpertsStartLen: null,
		samplingReplay: false,
		servedModel: null,
		attemptId: "r",
		...options,
	});
	const spliced = spliceRequest(bytes, scanObject(bytes, { maxDepth: 64 }), fields);
	const text = Buffer.concat(spliced.chunks).toString();
	expect(Buffer.byteLength(text)).toBe(spliced.byteLength);
	return { ...spliced, text, value: JSON.parse(text) as Record<string, unknown> };
}

const RID = ',"rid":"r"';
const FORCED = `"logprobs":true,"return_meta_info":true,"no_stop_trim":false,"return_prompt_token_ids":true${RID}`;

describe("upstreamFields and spliceRequest", () => {
	it("keeps number spelling, key order, unknown fields and the spacing inside of what stays", () => {
		const { text } = splice(
			'{ "z": 1.0, "messages" : [ {"role":"user"} ],"10":1e-07,"a":-0.0 , "big":12345678901234567890 }',
		);
		expect(text).toBe(
			'{"z": 1.0,"messages" : [ {"role":"user"} ],"10":1e-07,"a":-0.0,"big":12345678901234567890,' +
				`${FORCED},"input_ids":[1,2]}`,
		);
	});

	it("takes out stream and stream_options, and the client's chat_template_kwargs when there are none in effect", () => {
		const { text } = splice(
			'{"stream":true,"messages":[],"stream_options":{"a":1},"chat_template_kwargs":{},"n":1}',
		);
		expect(text).toBe(`{"messages":[],"n":1,${FORCED},"input_ids":[1,2]}`);
	});

	it("overrides every duplicate and every spelling of what it sets", () => {
		const { text } = splice(
			'{"logprobs":false,"messages":[1],"input_ids":[9],"logpr\\u006fbs":0,"return_meta_info":false,"input_ids":[8]}',
		);
		expect(text).toBe(`{"messages":[1],${FORCED},"input_ids":[1,2]}`);
	});

	it("keeps the last of duplicate fields only", () => {
		const { text } = splice('{"n":1,"messages":[1],"n":2,"messages":[2],"n":3}');
		expect(text).toBe(`{"messages":[2],"n":3,${FORCED},"input_ids":[1,2]}`);
	});

	it("sends the effective kwargs and the session's overrides, which win over the client", () => {
		const { value } = splice('{"messages":[],"temperature":1,"chat_template_kwargs":{"a":1}}', {
			kwargs: new Map([["b", new JsonNumber("2.0")]]),
			overridesJson: '{"temperature":0.5,"top_p":0.90}',
		});
		expect(value).toEqual({
			messages: [],
			temperature: 0.5,
			top_p: 0.9,
			chat_template_kwargs: { b: 2 },
			logprobs: true,
			return_meta_info: true,
			no_stop_trim: false,
			return_prompt_token_ids: true,
			rid: "r",
			input_ids: [1, 2],
		});
	});

	it("sends a rid of ours in the client's place, and keeps it out of the record", () => {
		const { value, text, record } = splice('{"rid":"theirs","messages":[],"r\\u0069d":["a"],"n":1}', {
			attemptId: "ours",
		});
		expect(value).toMatchObject({ rid: "ours", n: 1 });
		expect(text.split("rid")).toHaveLength(2);
		expect(Buffer.concat(record.bytes).toString()).not.toMatch(/rid|ours|theirs/);
	});

	it("names the served model in the client's place, and a session's own before both", () => {
		const body = '{"model":"default","messages":[]}';
		const servedModel = "Qwen/Qwen3-8B";
		expect(splice(body).value).toMatchObject({ model: "default" });
		expect(splice(body, { servedModel }).value).toMatchObject({ model: servedModel });
		expect(splice('{"messages":[]}', { servedModel }).value).toMatchObject({ model: servedModel });
		const { value, text, record } = splice(body, { servedModel, overridesJson: '{"model":"mine"}' });
		expect(value).toMatchObject({ model: "mine" });
		expect(text.split('"model"')).toHaveLength(2);
		expect(Buffer.concat(record.bytes).toString()).toContain('"model":"mine"');
	});

	it("asks for the sampling support, and fills in what decides it where nobody said it", () => {
		const full = { temperature: 1, top_p: 1, top_k: 1024, repetition_penalty: 1, return_sampling_mask: true };
		const ask = (body: string, overridesJson: string | null = null) =>
			splice(body, { samplingReplay: true, overridesJson }).value;
		expect(splice('{"messages":[]}').value).not.toHaveProperty("return_sampling_mask");
		expect(ask('{"messages":[]}')).toMatchObject(full);
		expect(ask('{"return_sampling_mask":false,"top_p":null,"messages":[]}')).toMatchObject(full);
		expect(ask('{"messages":[],"top_p":0.9,"temperature":0}')).toMatchObject({
			...full,
			top_p: 0.9,
			temperature: 0,
		});
		expect(ask('{"messages":[],"top_k":7}', '{"top_k":5}')).toMatchObject({ ...full, top_k: 5 });
	});

	it("writes what it fills in once, and into the record", () => {
		const { text, record } = splice('{"top_k":null,"messages":[],"top_k":null}', { samplingReplay: true });
		expect(text.split('"top_k"')).toHaveLength(2);
		expect(Buffer.concat(record.bytes).toString()).toContain('"top_k":1024');
	});

	it("asks for routed experts as the r3 mode says", () => {
		const body = '{"messages":[],"return_routed_experts":false,"routed_experts_start_len":7}';
		expect(splice(body).value).toMatchObject({ return_routed_experts: false, routed_experts_start_len: 7 });
		const full = splice(body, { r3: "full" }).value;
		expect(full).toMatchObject({ return_routed_experts: true });
		expect(full).not.toHaveProperty("routed_experts_start_len");
		expect(splice(body, { r3: "incremental", routedExpertsStartLen: 5 }).value).toMatchObject({
			return_routed_experts: true,
			routed_experts_start_len: 5,
		});
	});

	it("leaves a remainder and two holes that give the sent bytes back", () => {
		const value = fc.dictionary(fc.string(), fc.jsonValue());
		fc.assert(
			fc.property(
				value,
				fc.array(fc.jsonValue()),
				value,
				fc.array(fc.nat()),
				(before, messages, after, list) => {
					const body = JSON.stringify({ ...before, messages, ...after });
					const bytes = Buffer.from(body);
					const ids = list.join(",");
					const { record, text, value: sent } = splice(body, {}, ids);
					const remainder = Buffer.concat(record.bytes);
					const { holes } = record;
					const { contentStart, contentEnd } = scanObject(bytes, { maxDepth: 64 }).messages ?? {
						contentStart: 0,
						contentEnd: 0,
					};
					expect(holes.messages).toBeLessThan(holes.inputIds);
					expect(
						remainder.toString("utf8", 0, holes.messages) +
							bytes.toString("utf8", contentStart, contentEnd) +
							remainder.toString("utf8", holes.messages, holes.inputIds) +
							ids +
							remainder.toString("utf8", holes.inputIds),
					).toBe(text.replace(RID, ""));
					expect(sent["input_ids"]).toEqual(list);
					expect(sent["messages"]).toEqual(JSON.parse(JSON.stringify(messages)));
				},
			),
		);
	});

	it("does not copy the messages", () => {
		const body = Buffer.from(`{"messages":["${"x".repeat(10_000)}"]}`);
		const { chunks } = spliceRequest(body, scanObject(body, { maxDepth: 64 }), {
			remove: new Set(),
			set: [],
			fill: [],
			unrecorded: new Set(),
			inputIds: [],
		});
		expect(chunks.some((chunk) => chunk.buffer === body.buffer && chunk.length > 9_000)).toBe(true);
	});
});
