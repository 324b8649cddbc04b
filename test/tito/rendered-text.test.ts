// The text of every message is in the prompt, or the request is refused: for every template at hand and random conversations.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RollpinError } from "../../src/base/errors.js";
import { packageRoot } from "../../src/base/package-root.js";
import { ChatTemplate } from "../../src/jinja/template.js";
import type { JsonObject } from "../../src/json/value.js";
import { allFamilies } from "../../src/tito/families/registry.js";
import type { Family } from "../../src/tito/family.js";
import { launchKwargs } from "../../src/tito/kwargs.js";
import { checkRendered, type Spelling } from "../../src/tito/rendered-text.js";
import { PromptRenderer } from "../../src/tito/renderer.js";
import { conversations, TOOLS } from "./conversations.js";
import { GLM_LIKE } from "./rigs.js";
import { isShared, json, object, sharedCheckpoint } from "./shared.js";

const EOS = new Map([
	["eos_token", "<|im_end|>"],
	["bos_token", ""],
]);

function rendererFor(source: string, family: Family): PromptRenderer {
	return new PromptRenderer(new ChatTemplate(source), EOS, 1, launchKwargs(new Map(), family));
}

const message = (fields: object): JsonObject => object(json(JSON.stringify(fields)));
const NO_KWARGS: JsonObject = new Map();

function attempt(render: () => unknown): RollpinError | null {
	try {
		render();
		return null;
	} catch (error) {
		if (error instanceof RollpinError) return error;
		throw error;
	}
}

/** Some of these templates refuse suffixes, for reasons of their own. */
function leftOut(render: () => unknown): string | null {
	const error = attempt(render);
	return error?.code === "not_rendered" ? error.message : null;
}

function neverRefuses(renderer: PromptRenderer, family: Family, numRuns: number): void {
	it("no text that is rendered is refused, in a first prompt and in a suffix", () => {
		const kwargs = launchKwargs(new Map(), family);
		fc.assert(
			fc.property(
				conversations({ roles: family.appendRoles, reasoned: false }),
				fc.boolean(),
				(turns, withTools) => {
					const tools = withTools ? TOOLS : undefined;
					const messages: JsonObject[] = [];
					for (const { added, answer } of turns) {
						const lastAssistant = messages.at(-1);
						messages.push(...added);
						expect(leftOut(() => renderer.prompt({ messages, tools, kwargs }))).toBeNull();
						if (lastAssistant !== undefined) {
							const input = { lastAssistant, appended: added, tools, kwargs };
							expect(leftOut(() => renderer.suffix(input))).toBeNull();
						}
						messages.push(answer);
					}
				},
			),
			{ numRuns, seed: 20261128 },
		);
	});
}

function dropsAreSeen(renderer: PromptRenderer, family: Family): void {
	it("a text that the template has left out is named", () => {
		const by = family.name === "kimi25" ? ("id" as const) : ("name" as const);
		const spelling = { ...PLAIN, calls: { ...PLAIN.calls, by } };
		const kwargs = launchKwargs(new Map(), family);
		const talk = [
			{ role: "user", content: "first question, long enough" },
			{ role: "assistant", content: "an answer of the agent's own" },
			{ role: "user", content: "second question, long enough" },
			{ role: "assistant", content: "calling now, with some words", tool_calls: [called("Klagenfurt")] },
			{ role: "tool", tool_call_id: "c1", content: "rain in the south and wind" },
		].map(message);
		for (const [at, left] of talk.entries()) {
			// What the template would have made of the conversation, had it left this one out.
			const rest = renderer.comparable({
				messages: talk.map((one, index) =>
					index === at ? new Map(one).set("content", "").set("tool_calls", null) : one,
				),
				tools: undefined,
				kwargs,
			});
			const sought = talk.map((one, index) => ({ message: one, where: `messages[${index}]` }));
			const error = attempt(() => checkRendered(rest, sought, spelling, true, undefined));
			expect([error?.code, error?.param], String(left.get("content"))).toEqual([
				"not_rendered",
				`messages[${at}].content`,
			]);
		}
	});
}

const called = (city: string) => ({
	id: "c1",
	type: "function",
	function: { name: "weather", arguments: { city } },
});

const PLAIN = {
	asciiOnly: false,
	calls: { by: "name" as const, sorted: false, sortedWithin: false },
	resultsInCallOrder: false,
	writes: () => true,
} satisfies Spelling;

const fixed = allFamilies().flatMap((family) =>
	family.prompts.kind === "template" ? [{ name: family.name, family, source: family.prompts.template }] : [],
);
const glm = allFamilies().find(({ name }) => name === "glm47") as Family;
const plain = allFamilies().find(({ name }) => name === "default") as Family;
const inRepo = [
	...fixed,
	{ name: "glm47 (in its manner)", family: glm, source: readFileSync(GLM_LIKE, "utf8") },
	{
		name: "the toy checkpoint",
		family: plain,
		source: readFileSync(join(packageRoot(), "checkpoints/toy/chat_template.jinja"), "utf8"),
	},
];

describe.each(inRepo)("The template of $name", ({ family, source }) => {
	const renderer = rendererFor(source, family);
	neverRefuses(renderer, family, 60);
	dropsAreSeen(renderer, family);
});

const PUBLISHED = [
	"qwen3/chat_template.jinja",
	"qwen3/chat_template.instruct-2507.jinja",
	"qwen3/chat_template.coder.jinja",
	"glm-4.6/chat_template.jinja",
	"glm-4.7/chat_template.jinja",
	"glm-4.7/chat_template.glm-5.2.jinja",
	"nemotron-3/chat_template.jinja",
	"nemotron-3/chat_template.super.jinja",
	"kimi-k2/chat_template.jinja",
	"kimi-k2/chat_template.thinking.jinja",
	"deepseek-v3.1/chat_template.jinja",
].filter(isShared);

describe("The published template", () => {
	describe.each(PUBLISHED)("%s", (file) => {
		const all = { ...plain, appendRoles: ["tool", "user", "assistant"] as const };
		const source = () => readFileSync(sharedCheckpoint(file), "utf8");
		let renderer: PromptRenderer | null = null;
		const lazy = new Proxy({} as PromptRenderer, {
			get(_, key) {
				renderer ??= rendererFor(source(), all);
				const member = renderer[key as keyof PromptRenderer] as (input: unknown) => unknown;
				return member.bind(renderer);
			},
		});
		neverRefuses(lazy, all, 60);
	});
});

describe("The search", () => {
	const sought = (...fields: object[]) =>
		fields.map((one, at) => ({ message: message(one), where: `messages[${at}]` }));
	const param = (text: string, messages: object[], spelling: Partial<Spelling> = {}) =>
		attempt(() => checkRendered(text, sought(...messages), { ...PLAIN, ...spelling }, true, undefined))
			?.param;
	const user = (content: unknown) => ({ role: "user", content });

	it("takes a text as it is, trimmed, or escaped as JSON, Python or HTML has it", () => {
		const said = '  tab\t"quoted" \\ it\'s <b>é & 你好\n\n👩‍👩‍👧 end \n';
		const spellings = [
			said,
			said.trim(),
			JSON.stringify(said),
			JSON.stringify(said).replaceAll("<", "\\u003c").replaceAll("&", "\\u0026"),
		];
		for (const text of spellings) expect(param(`before ${text} behind`, [user(said)])).toBeUndefined();
		const ascii = JSON.stringify(said).replace(
			/[^\x20-\x7e]/g,
			(unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
		);
		expect(param(ascii, [user(said)])).toBe("messages[0].content");
		expect(param(ascii, [user(said)], { asciiOnly: true })).toBeUndefined();
	});

	it("asks for equal texts as often as they were sent, and for each in its order", () => {
		const twice = [user("the very same words"), user("the very same words")];
		expect(param("the very same words, the very same words", twice)).toBeUndefined();
		expect(param("the very same words", twice)).toBe("messages[1].content");
		expect(param("the second text, the first text", [user("the first text"), user("the second text")])).toBe(
			"messages[1].content",
		);
	});

	it("takes system messages wherever the template puts them", () => {
		const late = [user("the first text"), { role: "system", content: "the second text" }];
		expect(param("the second text, the first text", late)).toBeUndefined();
	});

	it("does not believe a short text that it finds: it asks whether such a message is written", () => {
		const asked: unknown[] = [];
		const writes = (...place: unknown[]) => asked.push(place) < 0;
		expect(param("42", [user("42")], { writes })).toBe("messages[0].content");
		expect(asked).toEqual([["user", false, true]]);
		expect(param("", [user(" ")], { writes })).toBeUndefined();
	});

	it("names the part of a list", () => {
		const parts = ["the first text", "the second text"].map((text) => ({ type: "text", text }));
		expect(param("the first text", [user(parts)])).toBe("messages[0].content[1]");
	});

	it("leaves an assistant's reasoning to the template, and asks for what stands after it", () => {
		const spoken = (content: string) => [{ role: "assistant", content }];
		expect(param("the answer itself", spoken("<think>a thought</think>the answer itself"))).toBeUndefined();
		expect(param("a thought", spoken("<think>a thought</think>the answer itself"))).toBe(
			"messages[0].content",
		);
	});

	const args = { z: { y: "one text", b: 1.5 }, a: [true, null, "two texts"] };
	const calling = {
		role: "assistant",
		content: "",
		tool_calls: [{ id: "c", function: { name: "get", arguments: args } }],
	};

	it("takes a call's name and values in any spelling: JSON, Python, tags, sorted or not", () => {
		const sorted = { calls: { by: "name" as const, sorted: true, sortedWithin: true } };
		expect(param(`get ${JSON.stringify(args)}`, [calling])).toBeUndefined();
		expect(
			param("get {'z': {'y': 'one text', 'b': 1.5}, 'a': [True, None, 'two texts']}", [calling]),
		).toBeUndefined();
		expect(
			param('get {"a": [true, "two texts"], "z": {"b": 1.5, "y": "one text"}}', [calling], sorted),
		).toBeUndefined();
	});

	it("names a call and an argument that are not there", () => {
		expect(param("", [calling])).toBe("messages[0].tool_calls[0].function");
		expect(param("get one text true two texts", [calling])).toBe(
			"messages[0].tool_calls[0].function.arguments",
		);
	});

	it("takes results in the order of their calls where the template puts them so", () => {
		const calls = ["c1", "c2"].map((id) => ({ id, function: { name: "get", arguments: {} } }));
		const results = [
			{ role: "tool", tool_call_id: "c2", content: "second result of two" },
			{ role: "tool", tool_call_id: "c1", content: "first result of two" },
		];
		const talk = [{ role: "assistant", content: "", tool_calls: calls }, ...results];
		const text = "get get first result of two second result of two";
		expect(param(text, talk)).toBe("messages[2].content");
		expect(param(text, talk, { resultsInCallOrder: true })).toBeUndefined();
	});

	it("takes time in proportion to the prompt, whatever the texts are", () => {
		const text = "a".repeat(400_000);
		const timed = (messages: object[]) => {
			const startedMs = performance.now();
			param(text, messages);
			return performance.now() - startedMs;
		};
		expect(timed([user(`b${"a".repeat(300_000)}`)])).toBeLessThan(1000);
		expect(timed(Array.from({ length: 4000 }, () => user(`${"a".repeat(90)}`)))).toBeLessThan(1000);
		expect(timed(Array.from({ length: 4000 }, (_, at) => user(`${"a".repeat(20)}${at}`)))).toBeLessThan(1000);
	});
});

describe("A template that leaves something out", () => {
	const refusal = (source: string, messages: object[]) =>
		attempt(() =>
			new PromptRenderer(new ChatTemplate(source), new Map()).prompt({
				messages: messages.map(message),
				tools: undefined,
				kwargs: NO_KWARGS,
			}),
		);
	const user = { role: "user", content: "hi" };

	it.each([
		[
			"tool results, however short",
			"{% for m in messages %}{% if m.role != 'tool' %}[{{ m.role }} {{ m.content }} 4]{% endif %}{% endfor %}",
			[user, { role: "assistant", content: "" }, { role: "tool", content: "4" }],
			"messages[2].content",
		],
		[
			"system messages but the first",
			"{% for m in messages %}{% if m.role != 'system' or loop.first %}[{{ m.role }} {{ m.content }} ok]{% endif %}{% endfor %}",
			[user, { role: "assistant", content: "x" }, { role: "system", content: "ok" }, user],
			"messages[2].content",
		],
		[
			"tool calls",
			"{% for m in messages %}[{{ m.role }} {{ m.content }}]{% endfor %}",
			[user, { role: "assistant", content: "", tool_calls: [called("Graz")] }],
			"messages[1].tool_calls[0].function",
		],
		[
			"the content beside calls",
			"{% for m in messages %}[{{ m.role }}{% if m.tool_calls %}{{ m.tool_calls | tojson }}{% else %}{{ m.content }}{% endif %}]{% endfor %}",
			[user, { role: "assistant", content: "id", tool_calls: [called("Graz")] }],
			"messages[1].content",
		],
		[
			"a refusal",
			"{{ messages[0].content }}",
			[{ role: "assistant", content: "x", refusal: "No." }],
			"messages[0].refusal",
		],
		[
			"the old form of a call",
			"{{ messages[0].content }}",
			[{ role: "assistant", content: "x", function_call: { name: "f", arguments: "{}" } }],
			"messages[0].function_call",
		],
	])("is told which: %s", (_, source, messages, param) => {
		const error = refusal(source, messages);
		expect([error?.code, error?.param]).toEqual(["not_rendered", param]);
	});

	it("names the message that holds half of a surrogate pair", () => {
		const source = "{% for m in messages %}[{{ m.content }}]{% endfor %}";
		const error = refusal(source, [user, { role: "user", content: "\ud83d" }]);
		expect([error?.code, error?.param]).toEqual(["invalid_messages", "messages[1]"]);
	});
});
