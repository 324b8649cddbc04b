// DeepSeek prompts against what the published Python encoders printed (deepseek-prompts.json says how).
import { expect, test } from "vitest";
import { deepseekV4Encoder } from "../../src/tito/encoders/deepseek-v4.js";
import { deepseekV32Encoder } from "../../src/tito/encoders/deepseek-v32.js";
import { list, object, readJson, text } from "./shared.js";

const ENCODERS = new Map([
	["deepseekv32", deepseekV32Encoder],
	["deepseekv4", deepseekV4Encoder],
]);

const cases = list(readJson(import.meta.dirname, "deepseek-prompts.json").get("cases")).map(object);

test.each(cases.map((golden, at) => ({ at, family: text(golden.get("family")), golden })))(
	"case $at of $family is rendered as the published code renders it",
	({ family, golden }) => {
		const rendered = ENCODERS.get(family)?.prompt({
			messages: list(golden.get("messages")).map(object),
			tools: list(golden.get("tools")),
			kwargs: object(golden.get("kwargs")),
		});
		expect(rendered).toBe(golden.get("prompt"));
	},
);
