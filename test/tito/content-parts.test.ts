// Contents given as lists of parts: their text is in the prompt whatever the template, and a part that would be lost is refused.
import { describe, expect, it } from "vitest";
import { parseJson } from "../../src/json/parse.js";
import type { JsonObject } from "../../src/json/value.js";
import { withShownContent } from "../../src/tito/content-parts.js";
import { ChatTemplate } from "../../src/tito/jinja/template.js";
import { PromptRenderer } from "../../src/tito/renderer.js";
import { toyTito } from "./toy.js";

const message = (content: unknown, role = "user") =>
	parseJson(JSON.stringify({ role, content })) as JsonObject;
const text = (words: string) => ({ type: "text", text: words });
const image = { type: "image_url", image_url: { url: "data:image/png;base64,AA==" } };
const kwargs = new Map();

describe("A content of parts", () => {
	it("is joined with spaces for a template that knows strings only", () => {
		const shown = (content: unknown) =>
			withShownContent(message(content), "messages[0]", false).get("content");
		expect(shown("plain")).toBe("plain");
		expect(shown([text("one")])).toBe("one");
		expect(shown([text("one"), text("two")])).toBe("one two");
		expect(shown([])).toBe("");
		expect(withShownContent(message(null), "messages[0]", false).get("content")).toBeNull();
	});

	it("is left alone for a template that reads lists", () => {
		const given = message([text("one"), text("two")]);
		expect(withShownContent(given, "messages[0]", true)).toBe(given);
	});

	for (const [what, content, readsLists, said] of [
		["an image", [text("see"), image], false, "messages[3].content[1] is not a text part"],
		["an image", [image], true, "messages[3].content[0] is of type image_url"],
		["sound", [{ type: "input_audio" }], true, "messages[3].content[0] is of type input_audio"],
		["a mistyped part", [{ type: "txt", text: "see" }], false, "messages[3].content[0] is not a text part"],
		["a text that is none", [{ type: "text", text: 5 }], false, "messages[3].content[0] is not a text part"],
		["a part that is no object", ["see"], false, "messages[3].content[0] is not a text part"],
	] as const) {
		it(`with ${what} is refused where that would be lost (list read by the template: ${readsLists})`, () => {
			expect(() => withShownContent(message(content), "messages[3]", readsLists)).toThrow(
				expect.objectContaining({ code: "invalid_messages", message: expect.stringContaining(said) }),
			);
		});
	}
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
				code: "invalid_messages",
				param: "messages[0].content[1]",
			});
			await expect(later([image])).rejects.toMatchObject({ param: "appended message 0.content[0]" });
		});
	}
});
