// DeepSeek prompts against what the published Python encoders printed (deepseek-prompts.json says how).
import { expect, test } from "vitest";
import { doubleText } from "../../src/jinja/spelling.js";
import { writeJson } from "../../src/json/parse.js";
import type { JsonObject } from "../../src/json/value.js";
import { deepseekV4Encoder } from "../../src/tito/encoders/deepseek-v4.js";
import { deepseekV32Encoder } from "../../src/tito/encoders/deepseek-v32.js";
import { list, object, readJson, text } from "./shared.js";

const ENCODERS = new Map([
	["deepseekv32", deepseekV32Encoder],
	["deepseekv4", deepseekV4Encoder],
]);

const cases = list(readJson(import.meta.dirname, "deepseek-prompts.json").get("cases")).map(object);

/** What differs from the published code on purpose. */
function wanted(family: string, golden: JsonObject): string {
	const prompt = text(golden.get("prompt"));
	const last = list(golden.get("messages")).map(object).at(-1)?.get("role");
	// It opens no reply after a reply or a system message: whoever asks there wants another one.
	const opened = last === "user" || last === "tool" || last === "developer";
	const thinking = object(golden.get("kwargs")).get("thinking") !== false;
	const opener = opened ? "" : `<｜Assistant｜>${thinking ? "<think>" : "</think>"}`;
	// The engine reads the request before that code does, and integers beyond 64 bits as floats; V3.2's argument texts too.
	const spelled = argumentTexts(golden, family === "deepseekv32").join("\n");
	const float = (digits: string) => doubleText(Number(digits));
	const asRead = (digits: string) => (spelled.includes(digits) ? float(digits) : digits);
	const inLine = (line: string) => {
		if (line.includes('string="false">')) return line.replaceAll(LONG, asRead);
		return line.startsWith('{"') ? line.replaceAll(LONG, float) : line;
	};
	return prompt.split("\n").map(inLine).join("\n") + opener;
}

const LONG = /-?\b\d{21,}\b/g;

/** Of arguments that are objects in the request, and of texts as well. */
function argumentTexts(golden: JsonObject, texts: boolean): string[] {
	const calls = list(golden.get("messages")).flatMap((message) => object(message).get("tool_calls") ?? []);
	return calls.flatMap((call) => {
		const given = object(object(call).get("function")).get("arguments") ?? null;
		if (typeof given === "string") return texts ? given : [];
		return writeJson(given);
	});
}

test.each(cases.map((golden, at) => ({ at, family: text(golden.get("family")), golden })))(
	"case $at of $family is rendered as the published code renders it",
	({ family, golden }) => {
		const rendered = () =>
			ENCODERS.get(family)?.prompt({
				messages: list(golden.get("messages")).map(object),
				tools: list(golden.get("tools")),
				kwargs: object(golden.get("kwargs")),
			});
		// It writes the name of the type where an image would be: refused here.
		if (writeJson(golden.get("messages") ?? null).includes('"image_url"'))
			expect(rendered).toThrow(expect.objectContaining({ code: "not_rendered" }));
		else expect(rendered()).toBe(wanted(family, golden));
	},
);
