import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { BoundedCache } from "../../src/base/bounded-cache.js";
import { ConfigError } from "../../src/base/errors.js";
import { loadCheckpoint } from "../../src/tito/checkpoint.js";

function checkpointWith(files: Readonly<Record<string, string>>): string {
	const dir = mkdtempSync(join(tmpdir(), "rollpin-checkpoint-"));
	writeFileSync(join(dir, "tokenizer.json"), "{}");
	for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text);
	return dir;
}

function templateOf(
	files: Readonly<Record<string, string>>,
	chatTemplateFile: string | null = null,
): string | null {
	return loadCheckpoint(checkpointWith(files), { chatTemplateFile }).chatTemplate;
}

describe("a checkpoint's chat template", () => {
	const inside = { "tokenizer_config.json": '{"chat_template":"inside"}' };

	test("is the string in tokenizer_config.json", () => {
		expect(templateOf(inside)).toBe("inside");
	});

	test("is the one named default of a list", () => {
		const named = '[{"name":"tool_use","template":"a"},{"name":"default","template":"b"}]';
		expect(templateOf({ "tokenizer_config.json": `{"chat_template":${named}}` })).toBe("b");
	});

	test("is chat_template.jinja where there is one", () => {
		expect(templateOf({ ...inside, "chat_template.jinja": "own file" })).toBe("own file");
	});

	test("is the file that --chat-template names before all others", () => {
		const custom = join(checkpointWith({ "mine.jinja": "custom" }), "mine.jinja");
		expect(templateOf({ ...inside, "chat_template.jinja": "own file" }, custom)).toBe("custom");
	});

	test("is null where there is none", () => {
		expect(templateOf({ "tokenizer_config.json": "{}" })).toBeNull();
	});
});

test("special tokens are read as strings and as objects with content", () => {
	const dir = checkpointWith({
		"tokenizer_config.json":
			'{"bos_token":null,"eos_token":"<e>","pad_token":{"content":"<p>","lstrip":false}}',
	});
	const { specialTokens } = loadCheckpoint(dir, { chatTemplateFile: null });
	expect([...specialTokens]).toEqual([
		["eos_token", "<e>"],
		["pad_token", "<p>"],
	]);
});

test.each([
	["is absent", {}, /tokenizer_config.json; copy/],
	["is not JSON", { "tokenizer_config.json": "{" }, /is not JSON/],
	["is no object", { "tokenizer_config.json": "[]" }, /is not a JSON object/],
])("a tokenizer_config.json that %s is a ConfigError that names --checkpoint", (_, files, expected) => {
	const load = () => loadCheckpoint(checkpointWith(files), { chatTemplateFile: null });
	expect(load).toThrow(ConfigError);
	expect(load).toThrow(/^--checkpoint/);
	expect(load).toThrow(expected);
});

test("a bounded cache makes a value once, forgets the one used longest ago and keeps no long key", () => {
	const cache = new BoundedCache<string>(2, 3);
	const made: string[] = [];
	const get = (key: string) =>
		cache.getOrMake(key, () => {
			made.push(key);
			return key;
		});
	for (const key of ["a", "b", "a", "c", "a", "b", "long", "long"]) expect(get(key)).toBe(key);
	expect(made).toEqual(["a", "b", "c", "b", "long", "long"]);
	expect(cache.size).toBe(2);
});

describe("the output layer's size", () => {
	const sizeOf = (config: string | null) =>
		loadCheckpoint(
			checkpointWith({
				"tokenizer_config.json": "{}",
				...(config === null ? {} : { "config.json": config }),
			}),
			{ chatTemplateFile: null },
		).outputSize;

	test.each([
		['{"vocab_size":151936}', 151936],
		['{"text_config":{"vocab_size":200064}}', 200064],
		['{"model_type":"x"}', 0],
		[null, 0],
	])("of config.json %s is %d", (config, size) => {
		expect(sizeOf(config)).toBe(size);
	});
});
