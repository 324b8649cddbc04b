// What the simulated engine renders by itself: SGLang's rules for messages and tools, through the checkpoint's template.
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { contentFormat } from "../../src/sim/engine/template-format.js";
import { loadVocabulary, type Vocabulary } from "../../src/sim/engine/vocabulary.js";
import { type SimEngine, startSimEngine } from "../../src/sim/server.js";
import { CHAT, chat, choiceOf, postJson, TOY_CHECKPOINT } from "./client.js";

const user = (content: unknown) => ({ role: "user", content });
const TOOL = { type: "function", function: { parameters: { n: 1.0 }, name: "look", x: 1 } };
const OTHER = { type: "function", function: { name: "other", description: "d", strict: true } };

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

async function tokenized(body: unknown, at = engine): Promise<number[]> {
	const response = await postJson(`${at.url}/tokenize`, body);
	expect(response.status).toBe(200);
	const { tokens, count } = (await response.json()) as { tokens: number[]; count: number };
	expect(count).toBe(tokens.length);
	return tokens;
}

async function shown(body: unknown, at = engine): Promise<string> {
	return vocabulary.decode(await tokenized(body, at));
}

describe("/tokenize", () => {
	it("gives a conversation the ids that its chat has", async () => {
		for (const body of [
			{ messages: [user("hi")] },
			{ messages: [{ role: "system", content: "s" }, user("hi")], tools: [TOOL, OTHER] },
			{ messages: [user("hi")], chat_template_kwargs: { enable_thinking: false } },
		]) {
			const reply = await chat(engine, body);
			expect(await tokenized({ model: "rollpin-sim", ...body })).toEqual(choiceOf(reply).prompt_token_ids);
		}
	});

	it("takes one text, several, or a conversation, and nothing beside", async () => {
		const one = await tokenized({ prompt: "hi there" });
		const two = await (await postJson(`${engine.url}/v1/tokenize`, { prompt: ["hi there", "x"] })).json();
		expect(two).toMatchObject({ tokens: [one, expect.anything()], count: [one.length, 1] });
		expect((await postJson(`${engine.url}/tokenize`, { prompt: "x", messages: [] })).status).toBe(400);
		expect((await postJson(`${engine.url}/tokenize`, {})).status).toBe(400);
	});
});

describe("tools in a prompt", () => {
	it("keep the client's key order and its numbers, and gain only what the schema adds", async () => {
		const body =
			'{"messages":[{"role":"user","content":"hi"}],"tools":[{"type":"function","function":' +
			'{"parameters":{"n":1.0,"e":1e-07},"name":"look","x":1}},{"function":{"strict":true,"name":"other","description":"d"}}]}';
		const response = await fetch(`${engine.url}/tokenize`, { method: "POST", body });
		const prompt = vocabulary.decode(((await response.json()) as { tokens: number[] }).tokens);
		expect(prompt).toContain(
			'{"type": "function", "function": {"parameters": {"n": 1.0, "e": 1e-07}, "name": "look", "description": null}, "defer_loading": null}',
		);
		expect(prompt).toContain(
			'{"type": "function", "function": {"strict": true, "name": "other", "description": "d", "parameters": null}, "defer_loading": null}',
		);
	});

	it.each(["0.5.13", "0.5.16", "0.5.22"])(
		"are filled in and in the schema's order in %s",
		async (release) => {
			const old = await startSimEngine({ checkpointDir: TOY_CHECKPOINT, engineVersion: release });
			others.push(old);
			const prompt = await shown(
				{ messages: [user("hi")], tools: [{ ...OTHER, defer_loading: true }, TOOL] },
				old,
			);
			expect(prompt).toContain(
				'{"type": "function", "function": {"description": "d", "name": "other", "parameters": null, "strict": true, "defer_loading": true}, "defer_loading": true}',
			);
			expect(prompt).toContain(
				'{"type": "function", "function": {"description": null, "name": "look", "parameters": {"n": 1}, "strict": false}, "defer_loading": null}',
			);
		},
	);

	it("are left out by tool_choice none, and all but one by a named choice", async () => {
		const body = { messages: [user("hi")], tools: [TOOL, OTHER] };
		const plain = await shown({ messages: [user("hi")] });
		expect(await shown({ ...body, tool_choice: "none" })).toBe(plain);
		const named = await shown({ ...body, tool_choice: { type: "function", function: { name: "other" } } });
		expect(named).toBe(await shown({ ...body, tools: [OTHER] }));
		const unknown = { ...body, tool_choice: { type: "function", function: { name: "nope" } } };
		expect((await postJson(engine.url + CHAT, unknown)).status).toBe(400);
	});
});

describe("messages in a prompt", () => {
	it("have lists of texts joined with a space", async () => {
		const parts = [
			{ type: "text", text: "one", cache_control: {} },
			{ type: "text", text: "two" },
		];
		expect(await shown({ messages: [user(parts)] })).toBe(await shown({ messages: [user("one two")] }));
	});

	it("lose a thinking part, an unknown key and the name of a user", async () => {
		const answer = (content: unknown) => ({ role: "assistant", content });
		const full = [
			{ ...user("q"), name: "bob", foo: 1 },
			answer([
				{ type: "thinking", thinking: "hm" },
				{ type: "text", text: "a" },
			]),
			user("r"),
		];
		expect(await shown({ messages: full })).toBe(
			await shown({ messages: [user("q"), answer("a"), user("r")] }),
		);
	});

	it("show an assistant's text at the end as a user's, or go on from it", async () => {
		const history = [user("q"), { role: "assistant", content: "so" }];
		expect(await shown({ messages: history })).toBe(await shown({ messages: [user("q"), user("so")] }));
		const open = await shown({ messages: [user("q")] });
		expect(await shown({ messages: history, continue_final_message: true })).toBe(`${open}so`);
	});

	it("print an integer beyond 64 bits as a float, and refuse a number beyond a double", async () => {
		const call = (text: string) => ({
			role: "assistant",
			content: null,
			tool_calls: [{ id: "c", type: "function", function: { name: "look", arguments: text } }],
		});
		const answer = { role: "tool", tool_call_id: "c", content: "r" };
		const prompt = await shown({
			messages: [user("q"), call('{"a":123456789012345678901234567890,"b":1.50}'), answer],
		});
		expect(prompt).toContain('{"a": 1.2345678901234568e+29, "b": 1.5}');
		for (const text of ['{"a":1E400}', "", '"text"', "[1]"]) {
			const body = { messages: [user("q"), call(text), answer] };
			expect((await postJson(`${engine.url}/tokenize`, body)).status).toBe(400);
		}
	});
});

describe("a template's content format", () => {
	it.each([
		["{% for m in messages %}{{ m.content }}{% endfor %}", "string"],
		[
			"{% for message in messages %}{% for part in message['content'] %}{{ part }}{% endfor %}{% endfor %}",
			"openai",
		],
		["{% for msg in messages %}{% for p in msg.content | list %}{{ p }}{% endfor %}{% endfor %}", "openai"],
		["{% for x in messages %}{% for p in x.content %}{{ p }}{% endfor %}{% endfor %}", "string"],
		["{# vision #}{{ messages }}", "openai"],
	])("of %s is %s", (template, format) => {
		expect(contentFormat(template)).toBe(format);
	});
});
