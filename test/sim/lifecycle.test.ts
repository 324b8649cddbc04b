// Time, queueing, cancellation, aborts, pauses and the small service routes of the simulated engine.
import { afterEach, describe, expect, it } from "vitest";
import { SimControl } from "../../src/sim/control/control-client.js";
import { type SimEngine, type SimEngineOptions, startSimEngine } from "../../src/sim/server.js";
import { ASKED, CHAT, type ChatReply, chat, choiceOf, idsOf, postJson, TOY_CHECKPOINT } from "./client.js";

const running: SimEngine[] = [];

async function start(
	options: Partial<SimEngineOptions> = {},
): Promise<{ engine: SimEngine; control: SimControl }> {
	const engine = await startSimEngine({ checkpointDir: TOY_CHECKPOINT, ...options });
	running.push(engine);
	return { engine, control: new SimControl(engine.controlUrl) };
}

afterEach(async () => {
	await Promise.all(running.splice(0).map((engine) => engine.close()));
});

describe("time", () => {
	it("takes as long as the prefill and decode rates say, and reports it", async () => {
		const { engine } = await start({ prefillTokensPerSecond: 1000, decodeTokensPerSecond: 100 });
		const body = {
			input_ids: Array.from({ length: 100 }, (_, at) => at + 1),
			max_tokens: 10,
			ignore_eos: true,
		};
		const began = performance.now();
		const reply = await chat(engine, body);
		expect(performance.now() - began).toBeGreaterThan(195);
		expect(choiceOf(reply).meta_info.e2e_latency).toBeGreaterThan(0.195);
		// The second time the prompt is cached: only the decoding is left.
		const again = await chat(engine, body);
		expect(choiceOf(again).meta_info.cached_tokens).toBe(99);
		expect(choiceOf(again).meta_info.e2e_latency).toBeLessThan(choiceOf(reply).meta_info.e2e_latency);
	});

	it("runs at most maxRunning at once and queues the rest in order", async () => {
		const { engine, control } = await start({ maxRunning: 1 });
		await control.script({ gate: "first" });
		const finished: number[] = [];
		const first = chat(engine, { input_ids: [1] }).then(() => finished.push(1));
		await control.arrivedAtGate("first");
		const second = chat(engine, { input_ids: [2] }).then(() => finished.push(2));
		await control.waitForCounter("queued", { atLeast: 1 });
		const third = chat(engine, { input_ids: [3] }).then(() => finished.push(3));
		await control.waitForCounter("queued", { atLeast: 2 });
		expect((await control.counters()).running).toBe(1);
		await control.release("first");
		await Promise.all([first, second, third]);
		expect(finished).toEqual([1, 2, 3]);
		expect(await control.counters()).toMatchObject({ running: 0, queued: 0, maxInFlight: 3, generated: 3 });
	});

	it("refuses with 503 when its queue is full", async () => {
		const { engine, control } = await start({ maxRunning: 1, maxQueued: 1 });
		await control.script({ gate: "g" });
		const first = chat(engine, { input_ids: [1] });
		await control.arrivedAtGate("g");
		const second = chat(engine, { input_ids: [2] });
		await control.waitForCounter("queued", { atLeast: 1 });
		expect((await postJson(engine.url + CHAT, { input_ids: [3] })).status).toBe(503);
		await control.release("g");
		await Promise.all([first, second]);
	});
});

describe("a client that leaves", () => {
	it("cancels its generation, gives its slot back and is counted", async () => {
		const { engine, control } = await start({ maxRunning: 1, decodeTokensPerSecond: 1 });
		const leaving = new AbortController();
		const lost = postJson(engine.url + CHAT, { input_ids: [1] }, {}, leaving.signal);
		await control.waitForCounter("running", { atLeast: 1 });
		leaving.abort();
		await expect(lost).rejects.toThrow();
		await control.waitForCounter("cancelled", { atLeast: 1 });
		await control.waitForCounter("running", { atMost: 0 });
		expect(engine.counters()).toMatchObject({
			inFlight: 0,
			cancelled: 1,
			started: 1,
			generated: 0,
			answered: 0,
		});
	});

	it("is noticed in the middle of a large reply too, which is not sent to its end", async () => {
		const { engine, control } = await start({ r3BytesPerToken: 4096 });
		const input_ids = Array.from({ length: 20_000 }, (_, at) => (at % 200) + 1);
		const leaving = new AbortController();
		const body = { ...ASKED, input_ids, return_routed_experts: true };
		const response = await postJson(engine.url + CHAT, body, {}, leaving.signal);
		expect(Number(response.headers.get("content-length"))).toBeGreaterThan(100 * 2 ** 20);
		const reader = (response.body as ReadableStream<Uint8Array>).getReader();
		await reader.read();
		leaving.abort();
		await control.waitForCounter("cancelled", { atLeast: 1 });
		expect(engine.counters()).toMatchObject({ generated: 1, answered: 0, inFlight: 0 });
	});

	it("leaves the queue without ever being started", async () => {
		const { engine, control } = await start({ maxRunning: 1 });
		await control.script({ gate: "g" });
		const first = chat(engine, { input_ids: [1] });
		await control.arrivedAtGate("g");
		const leaving = new AbortController();
		const lost = postJson(engine.url + CHAT, { input_ids: [2] }, {}, leaving.signal);
		await control.waitForCounter("queued", { atLeast: 1 });
		leaving.abort();
		await expect(lost).rejects.toThrow();
		await control.waitForCounter("queued", { atMost: 0 });
		await control.release("g");
		await first;
		expect(engine.counters()).toMatchObject({ started: 1, cancelled: 1, running: 0 });
	});
});

describe("/abort_request", () => {
	it("ends the generation of a rid with what it has, as abort, and no other", async () => {
		const { engine, control } = await start();
		await control.script({ gate: "g", tokensAtGate: 5 }, { gate: "g" });
		const one = chat(engine, { input_ids: [1, 2], rid: "one", max_tokens: 20, ignore_eos: true });
		const two = chat(engine, { input_ids: [1, 2], rid: "two", max_tokens: 20, ignore_eos: true });
		await control.arrivedAtGate("g", 2);
		await postJson(`${engine.url}/abort_request`, { rid: "one" });
		const aborted = await one;
		await control.release("g");
		const whole = await two;
		expect(choiceOf(aborted).finish_reason).toBe("abort");
		const partial = idsOf(aborted);
		expect([5, 10]).toContain(partial.length);
		expect(partial).toEqual(idsOf(whole).slice(0, partial.length));
		expect(choiceOf(whole).finish_reason).toBe("length");
		expect(engine.counters()).toMatchObject({ aborted: 1, generated: 2, cancelled: 0 });
	});

	it("ends everything with abort_all, queued requests with nothing", async () => {
		const { engine, control } = await start({ maxRunning: 1, decodeTokensPerSecond: 1 });
		const first = chat(engine, { input_ids: [1] });
		await control.waitForCounter("running", { atLeast: 1 });
		const second = chat(engine, { input_ids: [2] });
		await control.waitForCounter("queued", { atLeast: 1 });
		await postJson(`${engine.url}/abort_request`, { abort_all: true });
		const replies = await Promise.all([first, second]);
		expect(replies.map((reply) => choiceOf(reply).finish_reason)).toEqual(["abort", "abort"]);
		expect(idsOf(replies[1] as ChatReply)).toEqual([]);
		expect(choiceOf(replies[1] as ChatReply).message.content).toBe("");
	});
});

describe("pausing", () => {
	it("holds generations until they may continue", async () => {
		const { engine, control } = await start();
		await postJson(`${engine.url}/pause_generation`, { mode: "in_place" });
		let done = false;
		const held = chat(engine, { input_ids: [1] }).then(() => {
			done = true;
		});
		await control.waitForCounter("running", { atLeast: 1 });
		expect((await fetch(`${engine.url}/health`)).status).toBe(200);
		expect(done).toBe(false);
		await postJson(`${engine.url}/continue_generation`, {});
		await held;
	});

	it("aborts what runs in mode abort", async () => {
		const { engine, control } = await start();
		await control.script({ gate: "g" });
		const held = chat(engine, { input_ids: [1] });
		await control.arrivedAtGate("g");
		await postJson(`${engine.url}/pause_generation`, {});
		expect(choiceOf(await held).finish_reason).toBe("abort");
	});
});

describe("service routes", () => {
	it("tell the model, its health and its weights' version, which can be changed", async () => {
		const { engine } = await start({ modelName: "toy", weightVersion: "7" });
		const get = async (path: string): Promise<Record<string, unknown>> =>
			(await (await fetch(engine.url + path)).json()) as Record<string, unknown>;
		expect(await get("/v1/models")).toMatchObject({ object: "list", data: [{ id: "toy" }] });
		expect(await get("/get_model_info")).toMatchObject({ model_path: "toy", weight_version: "7" });
		await postJson(`${engine.url}/update_weight_version`, { new_version: "8" });
		expect(choiceOf(await chat(engine, { input_ids: [1] })).meta_info.weight_version).toBe("8");
		const metrics = await (await fetch(`${engine.url}/metrics`)).text();
		expect(metrics).toMatch(/^rollpin_sim_generated_total 1$/m);
	});

	it("tokenize and detokenize are inverse", async () => {
		const { engine } = await start();
		const text = "A small café.\n\nTwo lines";
		const tokens = (await (await postJson(`${engine.url}/tokenize`, { prompt: text })).json()) as {
			tokens: number[];
			count: number;
		};
		expect(tokens.count).toBe(tokens.tokens.length);
		const back = await (await postJson(`${engine.url}/detokenize`, { tokens: tokens.tokens })).json();
		expect(back).toEqual({ text });
	});

	it("serves /generate, /v1/completions and /v1/embeddings", async () => {
		const { engine } = await start();
		const native = (await (
			await postJson(`${engine.url}/generate`, {
				text: "Once",
				sampling_params: { max_new_tokens: 4, ignore_eos: true },
				return_logprob: true,
			})
		).json()) as { output_ids: number[]; meta_info: { output_token_logprobs: number[][] } };
		expect(native.output_ids).toHaveLength(4);
		expect(native.meta_info.output_token_logprobs.map((entry) => entry[1])).toEqual(native.output_ids);
		const older = await (
			await postJson(`${engine.url}/v1/completions`, { prompt: "Once", max_tokens: 4 })
		).json();
		expect(older).toMatchObject({ object: "text_completion", usage: { completion_tokens: 4 } });
		const vectors = (await (
			await postJson(`${engine.url}/v1/embeddings`, { input: ["a", "b", "a"] })
		).json()) as { data: Array<{ embedding: number[] }> };
		expect(vectors.data[0]?.embedding).toEqual(vectors.data[2]?.embedding);
		expect(vectors.data[0]?.embedding).not.toEqual(vectors.data[1]?.embedding);
	});

	it("answers an unknown route with 404 as the real server does", async () => {
		const { engine } = await start();
		const response = await fetch(`${engine.url}/nowhere`);
		expect(response.status).toBe(404);
		expect(await response.json()).toEqual({ detail: "Not Found" });
		expect((await postJson(engine.url + CHAT, { ...ASKED, input_ids: [1] })).status).toBe(200);
	});
});

describe("starting", () => {
	it("names the option, the rule and the remedy when a value is bad", async () => {
		await expect(start({ jitter: 2 })).rejects.toThrow(/jitter is 2; it must be a number from 0 to 1/);
		await expect(start({ replyTokensMin: 90 })).rejects.toThrow(/replyTokensMin \(90\) is over/);
		await expect(start({ r3BytesPerToken: 6 })).rejects.toThrow(/multiple of 4/);
		await expect(start({ checkpointDir: "/nonexistent" })).rejects.toThrow(/checkpoint directory/);
		await expect(start({ endOfTurnToken: "<|nope|>" })).rejects.toThrow(/no end-of-turn token/);
	});

	it("refuses a port in use in one line", async () => {
		const { engine } = await start();
		await expect(start({ port: Number(new URL(engine.url).port) })).rejects.toThrow(
			/EADDRINUSE.*another port/,
		);
	});
});
