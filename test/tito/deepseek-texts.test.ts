// DeepSeek prompts text by text, and what is refused.
import { describe, expect, test } from "vitest";
import { RollpinError } from "../../src/base/errors.js";
import type { JsonObject } from "../../src/json/value.js";
import { deepseekV4Encoder } from "../../src/tito/encoders/deepseek-v4.js";
import { deepseekV32Encoder } from "../../src/tito/encoders/deepseek-v32.js";
import type { ConversationRenderer } from "../../src/tito/family.js";
import { json, list, object } from "./shared.js";
import { toyTito } from "./toy.js";

const on: JsonObject = new Map([["thinking", true]]);
const off: JsonObject = new Map([["thinking", false]]);

const system = { role: "system", content: "Be brief." };
const user = { role: "user", content: "Weather?" };
const answer = { role: "assistant", content: "Sunny.", reasoning_content: "Looked." };
const result = (id: string, content: unknown) => ({ role: "tool", tool_call_id: id, content });
const call = (id: string, name: string, args: unknown) => ({
	id,
	type: "function",
	function: { name, arguments: args },
});
const calls = {
	role: "assistant",
	content: null,
	reasoning_content: "Hm.",
	tool_calls: [call("c1", "get", '{"city": "Graz", "days": 2}'), call("c2", "now", "{}")],
};

const messagesOf = (messages: unknown) => list(json(JSON.stringify(messages))).map(object);

function prompt(encoder: ConversationRenderer, messages: unknown, kwargs = on, tools: unknown = []): string {
	const input = { messages: messagesOf(messages), tools: list(json(JSON.stringify(tools))), kwargs };
	return encoder.prompt(input);
}

function suffix(encoder: ConversationRenderer, last: unknown, appended: unknown, kwargs = on): string {
	const [lastAssistant] = messagesOf([last]) as [JsonObject];
	return encoder.suffix({ lastAssistant, appended: messagesOf(appended), tools: undefined, kwargs });
}

const CALLS_V32 = `

<｜DSML｜function_calls>
<｜DSML｜invoke name="get">
<｜DSML｜parameter name="city" string="true">Graz</｜DSML｜parameter>
<｜DSML｜parameter name="days" string="false">2</｜DSML｜parameter>
</｜DSML｜invoke>
<｜DSML｜invoke name="now">

</｜DSML｜invoke>
</｜DSML｜function_calls><｜end▁of▁sentence｜>`;
const CALLS_V4 = CALLS_V32.replaceAll("function_calls", "tool_calls");

describe("DeepSeek-V3.2", () => {
	test.each([
		["a user", [user], on, "<｜User｜>Weather?<｜Assistant｜><think>"],
		["a user, thinking off", [user], off, "<｜User｜>Weather?<｜Assistant｜></think>"],
		["a system message", [system, user], on, "Be brief.<｜User｜>Weather?<｜Assistant｜><think>"],
		[
			"earlier reasoning, which stays",
			[user, answer, user],
			on,
			"<｜User｜>Weather?<｜Assistant｜><think>Looked.</think>Sunny.<｜end▁of▁sentence｜><｜User｜>Weather?<｜Assistant｜><think>",
		],
		[
			"reasoning with thinking off, which is not written",
			[user, answer, user],
			off,
			"<｜User｜>Weather?<｜Assistant｜></think>Sunny.<｜end▁of▁sentence｜><｜User｜>Weather?<｜Assistant｜></think>",
		],
		[
			"a reply without reasoning",
			[user, { role: "assistant", content: "Yes" }],
			on,
			"<｜User｜>Weather?<｜Assistant｜><think></think>Yes<｜end▁of▁sentence｜><｜Assistant｜><think>",
		],
		[
			"tool calls and their results",
			[user, calls, result("c1", "21"), result("c2", "noon")],
			on,
			`<｜User｜>Weather?<｜Assistant｜><think>Hm.</think>${CALLS_V32}\n\n<function_results>\n<result>21</result>\n<result>noon</result>\n</function_results>\n\n<think>`,
		],
		[
			"a developer",
			[{ role: "developer", content: "x" }],
			on,
			"<｜User｜>\n\n# The user's message is: x<｜Assistant｜><think>",
		],
	])("renders %s", (_, messages, kwargs, expected) => {
		expect(prompt(deepseekV32Encoder, messages, kwargs)).toBe(`<｜begin▁of▁sentence｜>${expected}`);
	});

	test.each([
		["a user", calls, [user], "<｜User｜>Weather?<｜Assistant｜><think>"],
		[
			"several results",
			calls,
			[result("c1", "21"), result("c2", "")],
			"\n\n<function_results>\n<result>21</result>\n<result></result>\n</function_results>\n\n<think>",
		],
		["some of the results", calls, [result("c1", "21")], "\n\n<function_results>\n<result>21</result>"],
		[
			"an injected reply and a user",
			answer,
			[{ role: "assistant", content: "I see" }, user],
			"</think>I see<｜end▁of▁sentence｜><｜User｜>Weather?<｜Assistant｜><think>",
		],
		[
			"a system message and a user",
			answer,
			[system, user],
			"Be brief.<｜User｜>Weather?<｜Assistant｜><think>",
		],
		["nothing", answer, [], "<｜Assistant｜><think>"],
	])("appends %s", (_, last, appended, expected) => {
		expect(suffix(deepseekV32Encoder, last, appended)).toBe(expected);
	});

	test.each([
		["a result with no call", [user, answer, result("c1", "x")], "that no call asked for"],
		[
			"one result too many",
			[user, calls, ...["1", "2", "3"].map((id) => result(id, "x"))],
			"that no call asked for",
		],
		["a result after a user", [user, calls, user, result("c1", "x")], "no reply before it"],
		["a result at the beginning", [result("c1", "x")], "no reply before it"],
		["arguments that are not JSON", [user, { ...calls, tool_calls: [call("c", "f", "{")] }], "is not JSON"],
		[
			"an image",
			[{ role: "user", content: [{ type: "image_url" }] }],
			"messages[0].content[0] is of type image_url",
		],
	])("refuses %s", (_, messages, reason) => {
		expect(() => prompt(deepseekV32Encoder, messages)).toThrow(reason);
	});
});

describe("DeepSeek-V3.2's tool section", () => {
	test("has no blank lines, as the engines' copies of the format have none", () => {
		const text = prompt(deepseekV32Encoder, [system, user], on, [
			{ type: "function", function: { name: "get" } },
		]);
		const section = text.slice(text.indexOf("## Tools"), text.indexOf("</functions>"));
		expect(section).not.toContain("\n\n");
		expect(section).toContain("</｜DSML｜function_calls>\nString and scalar parameters");
		expect(section).toContain("<think>...thinking about results</think>\nHere are the functions");
	});
});

describe("DeepSeek-V4", () => {
	test.each([
		["a user", [user], on, "<｜User｜>Weather?<｜Assistant｜><think>"],
		["a user, thinking off", [user], off, "<｜User｜>Weather?<｜Assistant｜></think>"],
		[
			"tool calls, and results in the order of the calls",
			[user, calls, result("c2", "noon"), result("c1", "21")],
			on,
			`<｜User｜>Weather?<｜Assistant｜><think>Hm.</think>${CALLS_V4}<｜User｜><tool_result>21</tool_result>\n\n<tool_result>noon</tool_result><｜Assistant｜><think>`,
		],
		["users beside each other", [user, user], on, "<｜User｜>Weather?\n\nWeather?<｜Assistant｜><think>"],
		[
			"a system message that follows a user",
			[user, system],
			on,
			"<｜User｜>Weather?Be brief.<｜Assistant｜><think>",
		],
		["a developer", [{ role: "developer", content: "x" }], on, "<｜User｜>x<｜Assistant｜><think>"],
		[
			"a reminder",
			[user, { role: "latest_reminder", content: "x" }],
			on,
			"<｜User｜>Weather?<｜Assistant｜><think><｜latest_reminder｜>x<｜Assistant｜><think>",
		],
		[
			"arguments that are not JSON, as one parameter",
			[{ role: "assistant", content: "", tool_calls: [call("c", "f", "{")] }],
			off,
			'\n\n<｜DSML｜tool_calls>\n<｜DSML｜invoke name="f">\n<｜DSML｜parameter name="arguments" string="true">{</｜DSML｜parameter>\n</｜DSML｜invoke>\n</｜DSML｜tool_calls><｜end▁of▁sentence｜><｜Assistant｜></think>',
		],
	])("renders %s", (_, messages, kwargs, expected) => {
		expect(prompt(deepseekV4Encoder, messages, kwargs)).toBe(`<｜begin▁of▁sentence｜>${expected}`);
	});

	test.each([
		[
			"results and a user as one turn, results in the order of the calls",
			calls,
			[result("c2", "noon"), user, result("c1", "21")],
			"<｜User｜><tool_result>21</tool_result>\n\nWeather?\n\n<tool_result>noon</tool_result><｜Assistant｜><think>",
		],
		[
			"an injected reply and a user",
			answer,
			[{ role: "assistant", content: "I see" }, user],
			"</think>I see<｜end▁of▁sentence｜><｜User｜>Weather?<｜Assistant｜><think>",
		],
		[
			"a result in parts",
			calls,
			[
				result("c1", [
					{ type: "text", text: "a" },
					{ type: "text", text: "b" },
				]),
			],
			"<｜User｜><tool_result>a\n\nb</tool_result><｜Assistant｜><think>",
		],
	])("appends %s", (_, last, appended, expected) => {
		expect(suffix(deepseekV4Encoder, last, appended)).toBe(expected);
	});

	test("results after a reply without calls keep their order, whatever an earlier reply called", () => {
		const late = [result("c2", "noon"), result("c1", "21")];
		const text = prompt(deepseekV4Encoder, [user, calls, answer, ...late]);
		expect(text.endsWith(suffix(deepseekV4Encoder, answer, late))).toBe(true);
		expect(text.indexOf("noon")).toBeLessThan(text.indexOf("21"));
	});

	test("the highest effort stands before everything else, where the model thinks", () => {
		const max = (kwargs: JsonObject) => new Map(kwargs).set("reasoning_effort", "max");
		expect(prompt(deepseekV4Encoder, [system, user], max(on))).toMatch(
			/^<｜begin▁of▁sentence｜>Reasoning Effort: Absolute maximum [\s\S]*\n\nBe brief\.<｜User｜>/,
		);
		expect(prompt(deepseekV4Encoder, [user], max(off))).toBe(prompt(deepseekV4Encoder, [user], off));
	});
});

describe.each([
	["DeepSeek-V3.2", deepseekV32Encoder, "## Tools\nYou have access to a set of tools", "</functions>\n"],
	[
		"DeepSeek-V4",
		deepseekV4Encoder,
		"## Tools\n\nYou have access to a set of tools",
		"to invoke tool calls.\n",
	],
])("%s in common", (_, encoder, sectionStart, sectionEnd) => {
	const described = { type: "function", function: { name: "get", parameters: { type: "object" } } };
	const written =
		'\n{"description": null, "name": "get", "parameters": {"type": "object"}, "strict": false}\n';

	test("tools stand after the system message, as the engine's schema spells them", () => {
		const text = prompt(encoder, [system, user], on, [described]);
		expect(text.startsWith(`<｜begin▁of▁sentence｜>Be brief.\n\n${sectionStart}`)).toBe(true);
		expect(text).toContain(written);
		expect(text.endsWith(`${sectionEnd}<｜User｜>Weather?<｜Assistant｜><think>`)).toBe(true);
	});

	test("without a system message they stand after an empty one", () => {
		const text = prompt(encoder, [user], on, [described]);
		expect(text).toBe(prompt(encoder, [{ role: "system", content: "" }, user], on, [described]));
		expect(text.startsWith("<｜begin▁of▁sentence｜>\n\n## Tools\n")).toBe(true);
	});

	test("parameters are JSON as Python spells it, strings are as they are", () => {
		const args = '{"a": {"x": [1.0, 1e3, true, null]}, "ä": "\\"{}\\n", "n": 12345678901234567890}';
		const text = prompt(encoder, [{ role: "assistant", content: "", tool_calls: [call("c", "f", args)] }]);
		expect(text).toContain('name="a" string="false">{"x": [1.0, 1000.0, true, null]}</');
		expect(text).toContain('name="ä" string="true">"{}\n</');
		expect(text).toContain('name="n" string="false">12345678901234567890</');
	});

	test("parsed arguments are rendered as their text is", () => {
		const with_ = (args: unknown) =>
			prompt(encoder, [{ role: "assistant", tool_calls: [call("c", "f", args)] }]);
		expect(with_({ a: { b: 1 } })).toBe(with_('{"a":{"b":1}}'));
	});

	test("a stored reply may hold anything a model samples: what follows it does not depend on it", () => {
		const broken = {
			role: "assistant",
			content: 7,
			tool_calls: [call("c1", "get", "{"), call("c2", "now", null)],
		};
		const appended = [result("c1", "21"), result("c2", "noon")];
		expect(suffix(encoder, broken, appended)).toBe(suffix(encoder, calls, appended));
	});

	test.each([
		["no role", [{ content: "x" }], /messages\[0\]\.role is not a string/],
		["an empty developer", [{ role: "developer", content: "" }], /is empty/],
		[
			"arguments that are a list",
			[{ role: "assistant", tool_calls: [call("c", "f", "[1]")] }],
			/arguments is not a JSON object/,
		],
		[
			"a call without a name",
			[{ role: "assistant", tool_calls: [{ function: {} }] }],
			/name is not a string/,
		],
		["calls that are no list", [{ role: "assistant", tool_calls: "x" }], /tool_calls is not a list/],
		["fields of the model's maker", [{ ...user, task: "title" }], /messages\[0\]\.task is not rendered here/],
		["half of a surrogate pair", [{ role: "user", content: "\ud800" }], /half of a surrogate pair/],
	])("refuses %s as invalid_messages", (_name, messages, reason) => {
		expect(codeOf(() => prompt(encoder, messages))).toBe("invalid_messages");
		expect(() => prompt(encoder, messages)).toThrow(reason);
	});

	test.each([
		["critic", /messages\[0\]\.role is "critic", which DeepSeek-V.* has no text for/],
		["function", /messages\[0\] has the role "function"/],
	])("refuses the role %s as not_rendered", (role, reason) => {
		expect(codeOf(() => prompt(encoder, [{ role, content: "x" }]))).toBe("not_rendered");
		expect(() => prompt(encoder, [{ role, content: "x" }])).toThrow(reason);
	});

	test("null is an empty content for every role, and text parts are their texts", () => {
		const said = (role: string, content: unknown) => prompt(encoder, [{ role, content }, user]);
		const parts = [
			{ type: "text", text: "one" },
			{ type: "text", text: "two" },
		];
		for (const role of ["system", "user", "assistant"]) {
			expect(said(role, null)).toBe(said(role, ""));
			expect(said(role, parts)).toBe(said(role, "one two"));
		}
	});

	test.each([
		["a kwarg the format does not know", () => prompt(encoder, [user], new Map([["clear_thinking", false]]))],
		["a value it does not take", () => prompt(encoder, [user], new Map([["add_default_bos_token", "no"]]))],
		["a bare function", () => prompt(encoder, [user], on, [{ name: "get", parameters: {} }])],
	])("refuses %s as invalid_request", (_name, attempt) => {
		expect(codeOf(attempt)).toBe("invalid_request");
	});

	test("the first token can be left out", () => {
		const bare = new Map(on).set("add_default_bos_token", false);
		expect(`<｜begin▁of▁sentence｜>${prompt(encoder, [user], bare)}`).toBe(prompt(encoder, [user]));
	});
});

test.each(["deepseekv32", "deepseekv4"])(
	"%s refuses a checkpoint without DeepSeek's tokens",
	async (titoModel) => {
		await expect(toyTito({ titoModel })).rejects.toThrow(/needs the token <｜User｜>/);
	},
);

function codeOf(attempt: () => unknown): string | null {
	try {
		attempt();
	} catch (error) {
		if (error instanceof RollpinError) return error.code;
		throw error;
	}
	return null;
}
