// Our renderer and tokenizer beside transformers: every golden prompt, text and ids, of every golden set that is here.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { RollpinError } from "../../src/base/errors.js";
import { ChatTemplate } from "../../src/jinja/template.js";
import { loadCheckpoint } from "../../src/tito/checkpoint.js";
import { Encoder } from "../../src/tito/encoder.js";
import { PromptRenderer } from "../../src/tito/renderer.js";
import { goldenCases, goldenNames, goldenSets, numbers, text } from "./shared.js";

function openCheckpoint(dir: string): { renderer: PromptRenderer; tokenizerFile: string } {
	const checkpoint = loadCheckpoint(dir, { chatTemplateFile: null });
	const source = checkpoint.chatTemplate ?? "";
	const renderer = new PromptRenderer(new ChatTemplate(source), checkpoint.specialTokens);
	return { renderer, tokenizerFile: checkpoint.tokenizerFile };
}

describe.each(goldenSets)("golden prompts of Python's renderer and tokenizer in %s", (set) => {
	const names = goldenNames(set);

	test.each(names)("%s: our text and ids are those of transformers", async (name) => {
		const { renderer, tokenizerFile } = openCheckpoint(join(set, "checkpoints", name));
		const encoder = new Encoder(tokenizerFile);
		const cases = goldenCases(name, set);
		expect(cases.length).toBeGreaterThan(0);
		let refused = 0;
		for (const { label, input, golden, generates } of cases) {
			if (golden.has("error")) {
				refused++;
				expect(() => renderer.prompt(input, generates), label).toThrow(RollpinError);
				continue;
			}
			const rendered = renderer.prompt(input, generates);
			expect(rendered, label).toBe(text(golden.get("text")));
			expect([...(await encoder.encode(rendered))], label).toEqual(numbers(golden.get("ids")));
		}
		console.log(`${name}: ${cases.length} golden prompts equal, ${refused} of them refusals`);
	});

	test("there are some, of several checkpoints", () => {
		const counts = names.map((name) => `${name} ${goldenCases(name, set).length}`);
		console.log(`golden prompts in ${set}: ${counts.join(", ")}`);
		expect(counts.length).toBeGreaterThanOrEqual(4);
	});

	test("every template parses", () => {
		const root = join(set, "checkpoints");
		const files = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((name) =>
			name.endsWith(".jinja"),
		);
		expect(files.length).toBeGreaterThan(0);
		for (const file of files) {
			expect(() => new ChatTemplate(readFileSync(join(root, file), "utf8")), file).not.toThrow();
		}
	});
});
