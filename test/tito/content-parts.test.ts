// Contents given as lists of parts: their text is in the prompt whatever the template, and a part that would be lost is refused.
import { describe, expect, it } from "vitest";
import { ChatTemplate } from "../../src/jinja/template.js";
import { parseJson } from "../../src/json/parse.js";
import type { JsonObject, JsonValue } from "../../src/json/value.js";
import { type MessageForm, shownMessage } from "../../src/tito/messages.js";
import { PromptRenderer } from "../../src/tito/renderer.js";
import { toyTito } from "./toy.js";

const message = (content: unknown, role = "user") =>
	parseJson(JSON.stringify({ role, content })) as JsonObject;
const text = (words: string) => ({ type: "text", text: words });
const image = { type: "image_url", image_url: { url: "data:image/png;base64,AA==" } };
const kwargs = new Map();

/** A template that reads lists, or none. */
const form = (reads: boolean): MessageForm => ({
	readsLists: () => reads,
	knowsRole: () => true,
	showsReasoning: true,
	separator: () => " ",
	oddArguments: "refuse",
});
const shown = (content: unknown, reads: boolean, role = "user") =>
	shownMessage(message(content, role), "messages[3]", form(reads), false);

describe("A content of parts", () => {
	it("is joined with spaces for a template that knows strings only", () => {
		expect(shown("plain", false).get("content")).toBe("plain");
		expect(shown([text("one")], false).get("content")).toBe("one");
		expect(shown([text("one"), text("two")], false).get("content")).toBe("one two");
		expect(shown([], false).get("content")).toBe("");
		expect(shown(null, false).get("content")).toBe("");
	});

	it("goes as plain text parts to a template that reads lists, whatever the parts are called and carry", () => {
		const marked = { ...text("one"), cache_control: { type: "ephemeral" } };
		const content = shown([marked, { type: "input_text", text: "two" }], true).get("content");
		expect(content).toEqual(message([text("one"), text("two")]).get("content"));
	});

	it("gives its thoughts to an assistant's reasoning", () => {
		const thought = { type: "thinking", thinking: "Hm.", signature: "s" };
		const answer = shown([thought, text("Yes")], false, "assistant");
		expect([answer.get("reasoning_content"), answer.get("content")]).toEqual(["Hm.", "Yes"]);
		expect(() => shown([thought], false)).toThrow("messages[3].content[0] is of type thinking");
	});

	it("has no tool calls beside it but in an assistant's message", () => {
		const called = (role: string, calls: JsonValue) =>
			shownMessage(
				message("Hm.", role).set("tool_calls", calls) as JsonObject,
				"messages[3]",
				form(false),
				false,
			);
		const calls = [new Map([["name", "run"]])];
		expect(() => called("user", calls)).toThrow("messages[3].tool_calls are an assistant's");
		expect(() => called("tool", calls)).toThrow("messages[3].tool_calls are an assistant's");
		expect(called("user", []).get("content")).toBe("Hm.");
		expect(called("assistant", calls).get("tool_calls")).toHaveLength(1);
	});

	it.each<[string, JsonValue]>([
		["reasoning", "Hm."],
		["thinking", "Hm."],
		["reasoning_details", [new Map([["text", "Hm."]])]],
		["thinking_blocks", [new Map([["thinking", "Hm."]]), new Map([["type", "redacted_thinking"]])]],
	])("gives an assistant's %s to its reasoning", (field, value) => {
		const answer = shownMessage(
			new Map<string, JsonValue>([
				["role", "assistant"],
				["content", "Yes"],
				[field, value],
			]),
			"messages[3]",
			form(false),
			false,
		);
		expect(answer.get("reasoning_content")).toBe("Hm.");
	});

	for (const [what, content, said] of [
		["an image", [text("see"), image], "messages[3].content[1] is of type image_url"],
		["sound", [{ type: "input_audio" }], "messages[3].content[0] is of type input_audio"],
		["a mistyped part", [{ type: "txt", text: "see" }], "messages[3].content[0] is of type txt"],
		["a refusal", [{ type: "refusal", refusal: "No." }], "messages[3].content[0] is of type refusal"],
		[
			"a result in a part",
			[{ type: "tool_result", content: "x" }],
			"messages[3].content[0] is of type tool_result",
		],
		["a part without a type", [{ text: "see" }], "messages[3].content[0] has no type"],
		["a part that is no object", ["see"], "messages[3].content[0] is not an object"],
	] as const) {
		it.each([true, false])(`with ${what} is refused, since that would be lost (list read: %s)`, (reads) => {
			expect(() => shown(content, reads)).toThrow(
				expect.objectContaining({ code: "not_rendered", message: expect.stringContaining(said) }),
			);
		});
	}

	it("with a text that is none is refused", () => {
		expect(() => shown([{ type: "text", text: 5 }], true)).toThrow(
			expect.objectContaining({ code: "invalid_messages", param: "messages[3].content[0]" }),
		);
	});
});

describe("A template", () => {
	const render = (source: string, content: unknown) =>
		new PromptRenderer(new ChatTemplate(source), new Map()).prompt({
			messages: [message(content)],
			tools: undefined,
			kwargs,
		});

	for (const [what, source, expected] of [
		["that writes any content gets text", "{{ messages[0].content }}", "one two"],
		[
			"that writes strings only gets text",
			"{% if messages[0].content is string %}{{ messages[0].content }}{% endif %}",
			"one two",
		],
		["that adds to the content gets text", "{{ '<' + messages[0].content + '>' }}", "<one two>"],
		[
			"that reads parts gets them",
			"{% if messages[0].content is string %}{{ messages[0].content }}{% else %}{% for part in messages[0].content %}{{ part.text }}{% endfor %}{% endif %}",
			"onetwo",
		],
	] as const) {
		it(what, () => {
			expect(render(source, [text("one"), text("two")])).toBe(expected);
			expect(render(source, "plain")).toContain("plain");
		});
	}
});

describe("Prompt and suffix of the toy checkpoint", () => {
	for (const titoModel of ["default", "qwen3", "qwen35", "qwennext"]) {
		it(`are those of the text itself (${titoModel})`, async () => {
			const tito = await toyTito({ titoModel });
			const first = (content: unknown) =>
				tito.encodePrompt({ messages: [message(content)], tools: undefined, kwargs });
			expect(await first([text("see the whole text")])).toEqual(await first("see the whole text"));
			const later = (content: unknown) =>
				tito.encodeSuffix({
					lastAssistant: message("an answer", "assistant"),
					appended: [message(content)],
					tools: undefined,
					kwargs,
				});
			expect(await later([text("and more")])).toEqual(await later("and more"));
			await expect(first([text("see"), image])).rejects.toMatchObject({
				code: "not_rendered",
				param: "messages[0].content[1]",
			});
			await expect(later([image])).rejects.toMatchObject({ param: "appended message 0.content[0]" });
		});
	}
});
