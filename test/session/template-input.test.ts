// What of a chat request reaches the template beside its messages: SGLang's rules as a table.
import { describe, expect, it } from "vitest";
import { parseJson, writeJson } from "../../src/json/parse.js";
import type { JsonObject, JsonValue } from "../../src/json/value.js";
import { chosenTools, templateInput } from "../../src/session/turn/template-input.js";

const tool = (name: string) => ({ type: "function", function: { name } });
const value = (of: unknown) => parseJson(JSON.stringify(of));
const tools = value([tool("f"), tool("g")]) as JsonValue[];
const named = (name: string) => value({ type: "function", function: { name } });

function input(body: Record<string, unknown>) {
	const field = (key: string) => (body[key] === undefined ? undefined : value(body[key]));
	return templateInput({
		tools,
		toolChoice: field("tool_choice"),
		reasoningEffort: field("reasoning_effort"),
		reasoning: field("reasoning"),
		kwargs: field("chat_template_kwargs") as JsonObject | undefined,
		continueFinalMessage: field("continue_final_message"),
		addGenerationPrompt: field("add_generation_prompt"),
	});
}

describe("The tools that the model is told of", () => {
	it.each([undefined, null, "auto", "required"])("are all of them with tool_choice %s", (choice) => {
		expect(chosenTools(tools, choice)).toBe(tools);
	});

	it("are none with none, and the named one alone", () => {
		expect(chosenTools(tools, "none")).toBeUndefined();
		expect(chosenTools(tools, named("g"))).toEqual([tools[1]]);
	});

	it.each([
		["a name that no tool has", named("h"), 'names "h", which is not among'],
		["an unknown word", "any", 'is neither "auto"'],
		["another object", value({ type: "function", name: "f" }), 'is neither "auto"'],
	])("are not guessed for %s", (_, choice, said) => {
		expect(() => chosenTools(tools, choice)).toThrow(
			expect.objectContaining({
				code: "invalid_request",
				param: "tool_choice",
				message: expect.stringContaining(said),
			}),
		);
	});
});

describe("The template's kwargs", () => {
	it.each([
		["nothing asked", {}, null],
		[
			"an effort",
			{ reasoning_effort: "low" },
			{ reasoning_effort: "low", thinking: true, enable_thinking: true },
		],
		[
			"no effort",
			{ reasoning_effort: "none" },
			{ reasoning_effort: "none", thinking: false, enable_thinking: false },
		],
		["a number", { reasoning_effort: 0.3 }, { reasoning_effort: 0.3, thinking: true, enable_thinking: true }],
		[
			"an effort in the reasoning object, which counts more",
			{ reasoning_effort: "low", reasoning: { effort: "high" } },
			{ reasoning_effort: "high", thinking: true, enable_thinking: true },
		],
		["reasoning enabled", { reasoning: { enabled: true } }, { thinking: true, enable_thinking: true }],
		[
			"kwargs of the request's own, which count most",
			{ reasoning_effort: "high", chat_template_kwargs: { enable_thinking: false } },
			{ reasoning_effort: "high", thinking: true, enable_thinking: false },
		],
	])("with %s", (_, body, wanted) => {
		const { kwargs } = input(body);
		expect(kwargs === undefined ? null : JSON.parse(writeJson(kwargs))).toEqual(wanted);
	});
});

describe("A prefill", () => {
	it.each([
		["continue_final_message", true],
		["add_generation_prompt", false],
	])("is refused by name: %s", (field, asked) => {
		expect(() => input({ [field]: asked })).toThrow(
			expect.objectContaining({ code: "invalid_request", param: field, status: 400 }),
		);
		expect(input({ [field]: !asked }).tools).toBe(tools);
	});
});
