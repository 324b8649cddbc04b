// Which family a checkpoint gets when nobody names one.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { allFamilies, familyNamed } from "../../src/tito/families/registry.js";
import { BY_MODEL_TYPE, chooseFamily } from "../../src/tito/family-choice.js";

const made: string[] = [];
afterAll(() => {
	for (const dir of made) rmSync(dir, { recursive: true });
});

function checkpoint(modelType: string | null, template: string | null): string {
	const dir = mkdtempSync(join(tmpdir(), "rollpin-choice-"));
	made.push(dir);
	writeFileSync(join(dir, "tokenizer.json"), "{}");
	writeFileSync(join(dir, "tokenizer_config.json"), "{}");
	if (modelType !== null) writeFileSync(join(dir, "config.json"), JSON.stringify({ model_type: modelType }));
	if (template !== null) writeFileSync(join(dir, "chat_template.jinja"), template);
	return dir;
}

function templateOf(family: string): string {
	const { prompts } = familyNamed(family);
	if (prompts.kind !== "template") throw new Error(`${family} brings no template`);
	return prompts.template;
}

/** Forgets reasoning, as the public templates do: only the mention of it stays. */
const forgetful = (family: string) =>
	`{# reasoning_content #}{%- set kept = namespace(list=[]) %}{%- for m in messages %}{%- set kept.list = kept.list + [{'role': m.role, 'content': m.content, 'tool_calls': m.tool_calls}] %}{%- endfor %}{%- set messages = kept.list %}${templateOf(family)}`;

/** Families that no model type means: they must be named. */
const BY_NAME_ONLY: Readonly<Record<string, string>> = {
	default: "is what is left",
	glm53: "no model type of its own is known",
	qwen36: "no model type of its own is known",
	qwen38small: "no model type of its own is known",
	inkling: "unverified",
};

test("Every family is meant by a model type, or must be named", () => {
	const meant = Object.values(BY_MODEL_TYPE).flat();
	const names = allFamilies().map(({ name }) => name);
	const missing = names.filter((name) => !meant.includes(name) && !Object.hasOwn(BY_NAME_ONLY, name));
	const hint =
		"add each to BY_MODEL_TYPE in src/tito/family-choice.ts, or to BY_NAME_ONLY in test/tito/family-choice.test.ts";
	expect(missing, hint).toEqual([]);
	const untrue = Object.keys(BY_NAME_ONLY).filter((name) => meant.includes(name) || !names.includes(name));
	expect(untrue, "BY_NAME_ONLY in test/tito/family-choice.test.ts").toEqual([]);
	expect(meant.filter((name) => !names.includes(name))).toEqual([]);
});

describe("the family of a checkpoint", () => {
	test.each([
		["qwen3", "qwen3", "qwen3"],
		["qwen3_moe", "qwen3", "qwen3"],
		["qwen3_moe", "qwennext", "qwennext"],
		["qwen3_next", "qwennext", "qwennext"],
		["qwen3_5", "qwen35", "qwen35"],
	])("of model_type %s with the text of %s is %s", (modelType, text, family) => {
		expect(chooseFamily(checkpoint(modelType, forgetful(text)))).toMatchObject({ family, doubtful: false });
	});

	test.each([
		["glm4_moe", "{{ clear_thinking }}", "glm47"],
		["nemotron_h", "{{ truncate_history_thinking }}", "nemotron3"],
		["kimi_k25", "{{ preserve_thinking }}", "kimi26"],
	])("of model_type %s is the one whose argument the template reads", (modelType, template, family) => {
		expect(chooseFamily(checkpoint(modelType, template)).family).toBe(family);
		expect(chooseFamily(checkpoint(modelType, "{{ messages }}"))).toMatchObject({
			family: "default",
			doubtful: true,
		});
	});

	test("of a model that engines render without a template is its encoder's", () => {
		expect(chooseFamily(checkpoint("deepseek_v32", null)).family).toBe("deepseekv32");
	});

	test("is default, in doubt, where the model type is not known or its template writes otherwise", () => {
		for (const dir of [
			checkpoint("mystery", "{{ messages }}"),
			checkpoint(null, "{{ messages }}"),
			checkpoint("qwen3", "{% for m in messages %}{{ m.content }}{% endfor %}"),
			checkpoint("qwen3", "{% broken"),
		])
			expect(chooseFamily(dir)).toMatchObject({ family: "default", doubtful: true });
	});

	test("says what was looked at", () => {
		expect(chooseFamily(checkpoint("mystery", "x")).why).toBe(
			"model_type mystery, template sha256 2d711642: no family is known for it",
		);
	});

	test("of an unknown model whose template forgets reasoning must be named", () => {
		expect(() => chooseFamily(checkpoint("my_finetune", forgetful("qwen3")))).toThrow(
			/leaves earlier reasoning out of later prompts, which family qwen3 mends; give --tito-model qwen3/,
		);
	});
});
