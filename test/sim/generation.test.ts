// What the simulated engine samples and how its reply reads.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadVocabulary, type Vocabulary } from "../../src/sim/engine/vocabulary.js";
import { type SimEngine, startSimEngine } from "../../src/sim/server.js";
import { ASKED, CHAT, chat, choiceOf, idsOf, postJson, TOY_CHECKPOINT } from "./client.js";

let engine: SimEngine;
let vocabulary: Vocabulary;

beforeAll(async () => {
	vocabulary = await loadVocabulary(TOY_CHECKPOINT, "");
	engine = await startSimEngine({ checkpointDir: TOY_CHECKPOINT });
});
afterAll(() => engine.close());

describe("sampling", () => {
	it("answers the same prompt ids with the same ids, also on another engine of the same seed", async () => {
		const other = await startSimEngine({ checkpointDir: TOY_CHECKPOINT });
		const body = { input_ids: [5, 6, 7], messages: [] };
		const first = idsOf(await chat(engine, body));
		expect(first.length).toBeGreaterThan(0);
		expect(idsOf(await chat(engine, body))).toEqual(first);
		expect(idsOf(await chat(other, body))).toEqual(first);
		await other.close();
	});

	it("answers another prompt, another engine seed or another request seed with other ids", async () => {
		const other = await startSimEngine({ checkpointDir: TOY_CHECKPOINT, seed: 2 });
		const ids = idsOf(await chat(engine, { input_ids: [5, 6, 7] }));
		expect(idsOf(await chat(engine, { input_ids: [5, 6, 8] }))).not.toEqual(ids);
		expect(idsOf(await chat(other, { input_ids: [5, 6, 7] }))).not.toEqual(ids);
		expect(idsOf(await chat(engine, { input_ids: [5, 6, 7], seed: 9 }))).not.toEqual(ids);
		await other.close();
	});

	it("ignores the request's seed at temperature 0", async () => {
		const greedy = idsOf(await chat(engine, { input_ids: [5, 6, 7], temperature: 0 }));
		expect(idsOf(await chat(engine, { input_ids: [5, 6, 7], temperature: 0, seed: 9 }))).toEqual(greedy);
	});

	it("samples ids whose text is the message content, ended by the end-of-turn id", async () => {
		for (let prompt = 1; prompt <= 50; prompt++) {
			const reply = await chat(engine, { input_ids: [prompt, 3] });
			const ids = idsOf(reply);
			expect(ids.at(-1)).toBe(vocabulary.endOfTurnId);
			const content = choiceOf(reply).message.content;
			expect(content).toBe(vocabulary.decode(ids.slice(0, -1)));
			expect(content).not.toContain("\ufffd");
			expect(choiceOf(reply).finish_reason).toBe("stop");
		}
	});

	it("stops after max_tokens whole characters' ids, without an end-of-turn id, as length", async () => {
		for (let limit = 1; limit <= 12; limit++) {
			const reply = await chat(engine, { input_ids: [1, 2], max_tokens: limit, ignore_eos: true });
			const ids = idsOf(reply);
			expect(ids).toHaveLength(limit);
			expect(ids).not.toContain(vocabulary.endOfTurnId);
			expect(choiceOf(reply).finish_reason).toBe("length");
			expect(choiceOf(reply).message.content).toBe(vocabulary.decode(ids));
			expect(choiceOf(reply).message.content).not.toContain("\ufffd");
		}
	});

	it("keeps a zero-length completion legal", async () => {
		const reply = await chat(engine, { input_ids: [1, 2], max_tokens: 0 });
		expect(idsOf(reply)).toEqual([]);
		expect(choiceOf(reply).message.content).toBe("");
	});

	it("trims a stop string from the content and keeps its ids", async () => {
		const whole = await chat(engine, { input_ids: [4, 4], max_tokens: 40, ignore_eos: true });
		const text = choiceOf(whole).message.content;
		const stop = text.slice(20, 24);
		const at = text.indexOf(stop);
		const reply = await chat(engine, { input_ids: [4, 4], max_tokens: 40, ignore_eos: true, stop: [stop] });
		expect(choiceOf(reply).message.content).toBe(text.slice(0, at));
		expect(vocabulary.decode(idsOf(reply))).toContain(text.slice(0, at + stop.length));
		expect(idsOf(reply)).toEqual(idsOf(whole).slice(0, idsOf(reply).length));
		expect(choiceOf(reply)).toMatchObject({ finish_reason: "stop", matched_stop: stop });
		const kept = await chat(engine, {
			input_ids: [4, 4],
			max_tokens: 40,
			ignore_eos: true,
			stop,
			no_stop_trim: true,
		});
		expect(choiceOf(kept).message.content).toBe(vocabulary.decode(idsOf(reply)));
	});

	it("stops at an id of stop_token_ids", async () => {
		const whole = idsOf(await chat(engine, { input_ids: [8], max_tokens: 30, ignore_eos: true }));
		const stop = whole[6] as number;
		const reply = await chat(engine, {
			input_ids: [8],
			max_tokens: 30,
			ignore_eos: true,
			stop_token_ids: [stop],
		});
		expect(idsOf(reply)).toEqual(whole.slice(0, whole.indexOf(stop) + 1));
		expect(choiceOf(reply).matched_stop).toBe(stop);
	});
});

describe("the reply", () => {
	it("spells the logprob after a line's end -0.0 and counts what it lists", async () => {
		const prompt = [...(await vocabulary.encode("a\n"))];
		const response = await postJson(engine.url + CHAT, { ...ASKED, input_ids: prompt });
		const text = await response.text();
		expect(text).toContain('"output_token_logprobs":[[-0.0,');
		const reply = JSON.parse(text);
		const meta = reply.choices[0].meta_info;
		expect(meta.completion_tokens).toBe(meta.output_token_logprobs.length);
		expect(meta.prompt_tokens).toBe(prompt.length);
		expect(reply.usage.total_tokens).toBe(prompt.length + meta.completion_tokens);
		expect(reply.choices[0].prompt_token_ids).toEqual(prompt);
		expect(meta.weight_version).toBe("default");
	});

	it("leaves out meta_info, logprobs and prompt ids that were not asked for", async () => {
		const response = await postJson(engine.url + CHAT, { input_ids: [1, 2, 3], some_unknown_field: [1.0] });
		const choice = ((await response.json()) as { choices: Array<Record<string, unknown>> }).choices[0];
		expect(choice).not.toHaveProperty("meta_info");
		expect(choice).not.toHaveProperty("prompt_token_ids");
		expect(choice?.logprobs).toBeNull();
	});

	it("counts the longest seen prefix as cached, short of the last prompt token", async () => {
		const own = await startSimEngine({ checkpointDir: TOY_CHECKPOINT });
		const cached = async (input_ids: number[]): Promise<number> =>
			choiceOf(await chat(own, { input_ids })).meta_info.cached_tokens;
		const first = await chat(own, { input_ids: [10, 11, 12, 13] });
		expect(choiceOf(first).meta_info.cached_tokens).toBe(0);
		expect(await cached([10, 11, 12, 13])).toBe(3);
		expect(await cached([10, 11, 99, 13])).toBe(2);
		expect(await cached([9, 11])).toBe(0);
		const next = [10, 11, 12, 13, ...idsOf(first), 40, 41];
		expect(await cached(next)).toBe(4 + idsOf(first).length - 1);
		await own.close();
	});

	it("renders messages itself when no input_ids are given", async () => {
		const messages = [{ role: "user", content: "Hello there" }];
		const reply = await chat(engine, { messages });
		const prompt = vocabulary.decode(choiceOf(reply).prompt_token_ids as number[]);
		expect(prompt).toContain("Hello there");
		expect(prompt).toContain("assistant");
		const direct = await chat(engine, { input_ids: choiceOf(reply).prompt_token_ids });
		expect(idsOf(direct)).toEqual(idsOf(reply));
	});

	it.each([
		[{ input_ids: [1], stream: true }, "stream"],
		[{ input_ids: [1], n: 2 }, "n: 1"],
		[{ input_ids: [] }, "empty"],
		[{ input_ids: [1, "2"] }, "input_ids"],
		[{ input_ids: [10_000_000] }, "vocabulary"],
		[{ input_ids: [1], max_tokens: -1 }, "max_tokens"],
		[{ input_ids: [1], stop: 5 }, "stop"],
		[{}, "messages"],
	])("refuses %j with a 400 that names the cause", async (body, cause) => {
		const response = await postJson(engine.url + CHAT, body);
		expect(response.status).toBe(400);
		expect(((await response.json()) as { message: string }).message).toContain(cause);
	});

	it("takes a nested or repeated input_ids for what JSON says it is", async () => {
		const nested = '{"metadata":{"input_ids":[7,7]},"input_ids":[ 1 ,2\n,3 ],"return_prompt_token_ids":true}';
		const repeated = '{"input_ids":[7,7],"input_ids":[1,2,3],"return_prompt_token_ids":true}';
		for (const body of [nested, repeated]) {
			const response = await fetch(engine.url + CHAT, { method: "POST", body });
			const reply = (await response.json()) as { choices: Array<{ prompt_token_ids: number[] }> };
			expect(reply.choices[0]?.prompt_token_ids).toEqual([1, 2, 3]);
		}
	});
});
