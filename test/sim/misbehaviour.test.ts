// Each misbehaviour, switched on by the control plane or a flag, and what a client sees of it.
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { SimControl } from "../../src/sim/control/control-client.js";
import { MISBEHAVIOURS, misbehavioursOf } from "../../src/sim/engine/misbehaviour.js";
import { type SimEngine, startSimEngine } from "../../src/sim/server.js";
import { ASKED, CHAT, postJson, TOY_CHECKPOINT } from "./client.js";

const IDS = [5, 6, 7, 8, 9];
const BODY = {
	...ASKED,
	model: "m",
	messages: [{ role: "user", content: "hi" }],
	input_ids: IDS,
	rid: "mine",
};

let engine: SimEngine;
let control: SimControl;
/** Misbehaviours that a test below has shown. */
const shown = new Set<string>();

beforeAll(async () => {
	engine = await startSimEngine({ checkpointDir: TOY_CHECKPOINT });
	control = new SimControl(engine.controlUrl);
});
afterAll(() => engine.close());
afterEach(() => control.reset());

async function misbehave(...names: string[]): Promise<void> {
	for (const name of names) shown.add(name);
	await control.misbehave(...names);
}

async function ask(body: unknown = BODY, at = engine) {
	const response = await postJson(at.url + CHAT, body);
	const text = await response.text();
	const json = JSON.parse(text);
	return {
		status: response.status,
		text,
		json,
		choice: json.choices?.[0],
		meta: json.choices?.[0]?.meta_info,
	};
}

describe("what a request loses on its way", () => {
	it("drops-input-ids: the engine renders by itself and says so by count and ids", async () => {
		await misbehave("drops-input-ids");
		const { choice, meta } = await ask();
		const own = await (await postJson(`${engine.url}/tokenize`, { messages: BODY.messages })).json();
		expect(choice.prompt_token_ids).toEqual((own as { tokens: number[] }).tokens);
		expect(meta.prompt_tokens).not.toBe(IDS.length);
	});

	it("drops-unknown-fields: no ids, no meta_info, no rid, as sglang-router 0.3 does", async () => {
		await misbehave("drops-unknown-fields");
		const { status, json, choice, meta } = await ask();
		expect(status).toBe(200);
		expect(meta).toBeUndefined();
		expect(choice.prompt_token_ids).toBeUndefined();
		expect(choice.logprobs.content.length).toBeGreaterThan(0);
		expect(json.id).not.toBe("mine");
	});

	it("drops-rid: the reply has an id of the engine's own", async () => {
		await misbehave("drops-rid");
		const { json, meta } = await ask();
		expect(json.id).not.toBe("mine");
		expect(meta.prompt_tokens).toBe(IDS.length);
	});

	it("rewrites-request-json: numbers of a rendered tool are spelled anew and keys sorted", async () => {
		const tools =
			'[{"type":"function","function":{"name":"f","description":"d","parameters":{"n":1.0,"a":2}}}]';
		const body = `{"messages":[{"role":"user","content":"hi"}],"return_prompt_token_ids":true,"tools":${tools}}`;
		const send = async () => {
			const response = await fetch(engine.url + CHAT, { method: "POST", body });
			const reply = (await response.json()) as { choices: Array<{ prompt_token_ids: number[] }> };
			const tokens = reply.choices[0]?.prompt_token_ids;
			const back = await postJson(`${engine.url}/detokenize`, { tokens, skip_special_tokens: false });
			return ((await back.json()) as { text: string }).text;
		};
		expect(await send()).toContain('"parameters": {"n": 1.0, "a": 2}');
		await misbehave("rewrites-request-json");
		expect(await send()).toContain('"parameters": {"a": 2, "n": 1}');
	});

	it("refuses-default-model: 404 for default and for none, 200 for a name", async () => {
		await misbehave("refuses-default-model");
		const refused = await ask({ ...BODY, model: "default" });
		expect(refused).toMatchObject({ status: 404, json: { error: { code: "model_not_found" } } });
		expect((await ask({ ...BODY, model: undefined })).status).toBe(404);
		expect((await ask()).status).toBe(200);
	});

	it("hides-engine-routes: tokenize, server_info and abort_request are unknown, the old alias and a chat are not", async () => {
		await misbehave("hides-engine-routes");
		for (const path of ["/tokenize", "/detokenize", "/abort_request"]) {
			expect((await postJson(engine.url + path, { prompt: "x" })).status).toBe(404);
		}
		const info = await fetch(`${engine.url}/server_info`);
		expect(info.status).toBe(404);
		expect(await info.json()).toMatchObject({ error: { code: "unknown_url" } });
		expect(await (await fetch(`${engine.url}/get_server_info`)).json()).toMatchObject({ version: "0.5.23" });
		expect((await ask()).status).toBe(200);
	});

	it("hides-engine-version: /get_server_info speaks of the gateway", async () => {
		await misbehave("hides-engine-version");
		const info = await (await fetch(`${engine.url}/get_server_info`)).json();
		expect(info).not.toHaveProperty("version");
		expect(info).toMatchObject({ workers_count: 2 });
	});
});

describe("what an engine behind a gateway does", () => {
	it("splits-sessions: the next turn meets an engine that has not seen the one before", async () => {
		const fresh = [91, 92, 93, 94];
		await misbehave("splits-sessions");
		expect((await ask({ ...BODY, input_ids: fresh })).meta.cached_tokens).toBe(0);
		expect((await ask({ ...BODY, input_ids: fresh })).meta.cached_tokens).toBe(0);
		expect((await ask({ ...BODY, input_ids: fresh })).meta.cached_tokens).toBe(3);
	});

	it("generates-twice: one reply, two generations", async () => {
		await misbehave("generates-twice");
		expect((await ask()).status).toBe(200);
		expect(await control.counters()).toMatchObject({ arrivals: 1, started: 2, generated: 2 });
	});

	it("buffers: a generation goes on to its end though its client left", async () => {
		await misbehave("buffers");
		await control.script({ gate: "held" });
		const gone = new AbortController();
		const lost = postJson(engine.url + CHAT, BODY, {}, gone.signal).catch(() => null);
		await control.arrivedAtGate("held");
		gone.abort();
		await lost;
		await control.waitForCounter("cancelled", { atLeast: 1 });
		await control.release("held");
		expect((await control.waitForCounter("generated", { atLeast: 1 })).generated).toBe(1);
	});
});

describe("what a reply loses on its way", () => {
	it("strips-prompt-token-ids: the ids are absent, the count is right", async () => {
		await misbehave("strips-prompt-token-ids");
		const { choice, meta } = await ask();
		expect(choice).not.toHaveProperty("prompt_token_ids");
		expect(meta.prompt_tokens).toBe(IDS.length);
	});

	it("strips-prompt-tokens: the count is absent, the ids are right", async () => {
		await misbehave("strips-prompt-tokens");
		const { choice, meta } = await ask();
		expect(meta).not.toHaveProperty("prompt_tokens");
		expect(choice.prompt_token_ids).toEqual(IDS);
	});

	it("wrong-prompt-tokens: three too few, as SGLang counts for Kimi K3", async () => {
		await misbehave("wrong-prompt-tokens");
		const { json, meta } = await ask();
		expect(meta.prompt_tokens).toBe(IDS.length - 3);
		expect(json.usage.prompt_tokens).toBe(IDS.length - 3);
	});

	it("strips-meta-info: the choice has none", async () => {
		await misbehave("strips-meta-info");
		expect((await ask()).choice).not.toHaveProperty("meta_info");
	});

	it("null-tool-calls and null-content: null where SGLang has no key, and where it has a text", async () => {
		await misbehave("null-tool-calls", "null-content");
		expect((await ask()).choice.message).toMatchObject({ tool_calls: null, content: null });
	});

	it("rewrites-reply-id: the reply's id changes, meta_info keeps the rid", async () => {
		await misbehave("rewrites-reply-id");
		const { json, meta } = await ask();
		expect(json.id).toMatch(/^chatcmpl-/);
		expect(meta.id).toBe("mine");
	});

	it("rewrites-reply-json: keys in alphabetical order, numbers spelled anew", async () => {
		const newline = (await (await postJson(`${engine.url}/tokenize`, { prompt: "a\n" })).json()) as {
			tokens: number[];
		};
		const body = { ...BODY, input_ids: newline.tokens };
		expect((await ask(body)).text).toContain("[[-0.0,");
		await misbehave("rewrites-reply-json");
		const { text, json } = await ask(body);
		expect(text).not.toContain("-0.0,");
		expect(Object.keys(json)).toEqual(Object.keys(json).sort());
	});
});

describe("choosing them", () => {
	it("is tested for every one", () => {
		expect([...shown].sort()).toEqual([...MISBEHAVIOURS].sort());
	});

	it("takes a program's name for all of its ways, by flag too, and a reset brings the flag's back", async () => {
		expect([...misbehavioursOf(["smg", "buffers"])]).toEqual(
			expect.arrayContaining(["refuses-default-model", "buffers"]),
		);
		const router = await startSimEngine({ checkpointDir: TOY_CHECKPOINT, misbehave: "sglang-router" });
		try {
			const own = new SimControl(router.controlUrl);
			expect((await ask(BODY, router)).meta).toBeUndefined();
			await own.misbehave();
			expect((await ask(BODY, router)).meta.prompt_tokens).toBe(IDS.length);
			await own.reset();
			expect((await ask(BODY, router)).meta).toBeUndefined();
		} finally {
			await router.close();
		}
	});

	it("names the choices when a name is unknown", async () => {
		await expect(control.misbehave("drops-inputs")).rejects.toThrow(/has drops-inputs; .*drops-input-ids/);
		await expect(startSimEngine({ checkpointDir: TOY_CHECKPOINT, misbehave: "x" })).rejects.toThrow(
			/misbehave has x; it must be made of sglang-router, smg/,
		);
	});
});
