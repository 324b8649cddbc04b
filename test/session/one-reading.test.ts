// A message is read once for prompts and for comparison: what a first prompt shows is what a message sent back is compared by.
import { describe, expect, it } from "vitest";
import { parseJson } from "../../src/json/parse.js";
import type { JsonObject, JsonValue } from "../../src/json/value.js";
import { answerForm, sameAnswer } from "../../src/session/path/canonical.js";
import { type MessageForm, shownMessage } from "../../src/tito/messages.js";

const form: MessageForm = {
	readsLists: () => false,
	knowsRole: () => true,
	showsReasoning: true,
	separator: () => " ",
	oddArguments: "refuse",
};
const shows = { partSeparator: () => " ", shows: () => true };

const answer = (fields: object) =>
	parseJson(JSON.stringify({ role: "assistant", content: "Yes", ...fields })) as JsonObject;
const inPrompt = (message: JsonObject): JsonObject => shownMessage(message, "messages[1]", form, false);
const sameAs = (stored: JsonObject, sent: JsonObject): boolean =>
	sameAnswer(answerForm(stored, shows), answerForm(sent, shows));
const calling = (args: JsonValue) =>
	answer({ tool_calls: [{ id: "c", type: "function", function: { name: "run", arguments: args } }] });

const text = { type: "text", text: "Yes" };
const pieces = [
	{ type: "text", text: "H" },
	{ type: "text", text: "m." },
];

describe("Reasoning", () => {
	it.each<[string, object]>([
		["reasoning_content", { reasoning_content: "Hm." }],
		["reasoning", { reasoning: "Hm." }],
		["reasoning as a list", { reasoning: pieces }],
		["thinking", { thinking: "Hm." }],
		["reasoning_details", { reasoning_details: [{ type: "reasoning.text", text: "Hm." }, { data: "x" }] }],
		["thinking_blocks", { thinking_blocks: [{ type: "thinking", thinking: "Hm.", signature: "s" }] }],
		["a thinking part", { content: [{ type: "thinking", thinking: "Hm.", signature: "s" }, text] }],
		["a thinking part whose text is a list", { content: [{ type: "thinking", thinking: pieces }, text] }],
		["a reasoning part", { content: [{ type: "reasoning", text: "Hm." }, text] }],
		["a reasoning part with a summary", { content: [{ type: "reasoning", summary: pieces }, text] }],
		["an empty name before it", { content: [{ type: "thinking", thinking: null, text: "Hm." }, text] }],
	])("as %s is in a prompt what it is sent back as", (_as, fields) => {
		const message = answer(fields);
		expect(inPrompt(message).get("reasoning_content")).toBe("Hm.");
		expect(inPrompt(message).get("content")).toBe("Yes");
		expect(sameAs(answer({ reasoning_content: "Hm." }), message)).toBe(true);
		expect(sameAs(answer({ reasoning_content: "Oh." }), message)).toBe(false);
	});

	it("in a part that has no text is refused in a prompt", () => {
		for (const part of [{ type: "thinking" }, { type: "thinking", thinking: { a: 1 } }])
			expect(() => inPrompt(answer({ content: [part, text] }))).toThrow(
				"messages[1].content[0] is a thinking part whose text is not a string",
			);
	});
});

describe("Arguments", () => {
	it.each(["", " \t\r\n", null])("%j are the empty object in a prompt and in a comparison", (blank) => {
		const [call] = inPrompt(calling(blank)).get("tool_calls") as [JsonObject];
		expect((call.get("function") as JsonObject).get("arguments")).toEqual(new Map());
		expect(sameAs(calling(blank), calling("{}"))).toBe(true);
	});

	it.each(["\u00a0", "\u2003", "\ufeff"])("of a space that JSON does not know are not: %j", (space) => {
		expect(() => inPrompt(calling(space))).toThrow("arguments is not JSON");
		expect(sameAs(calling(space), calling("{}"))).toBe(false);
		expect(sameAs(calling(space), calling(space))).toBe(true);
	});
});
