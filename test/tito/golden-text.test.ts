import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { RollpinError } from "../../src/base/errors.js";
import { ChatTemplate } from "../../src/jinja/template.js";
import { loadCheckpoint } from "../../src/tito/checkpoint.js";
import { Encoder } from "../../src/tito/encoder.js";
import { PromptRenderer } from "../../src/tito/renderer.js";
import { describeWithShared, goldenCases, goldenNames, numbers, sharedDir, text } from "./shared.js";

function openCheckpoint(name: string): { renderer: PromptRenderer; tokenizerFile: string } {
	const checkpoint = loadCheckpoint(join(sharedDir ?? "", "checkpoints", name), { chatTemplateFile: null });
	const source = checkpoint.chatTemplate ?? "";
	const renderer = new PromptRenderer(new ChatTemplate(source), checkpoint.specialTokens);
	return { renderer, tokenizerFile: checkpoint.tokenizerFile };
}

describeWithShared("golden prompts of Python's renderer and tokenizer", () => {
	test.each(goldenNames())("%s: our text and ids are those of transformers", async (name) => {
		const { renderer, tokenizerFile } = openCheckpoint(name);
		const encoder = new Encoder(tokenizerFile);
		const cases = goldenCases(name);
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

	test("every shared template parses", () => {
		const root = join(sharedDir ?? "", "checkpoints");
		const files = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((name) =>
			name.endsWith(".jinja"),
		);
		expect(files.length).toBeGreaterThan(0);
		for (const file of files) {
			expect(() => new ChatTemplate(readFileSync(join(root, file), "utf8")), file).not.toThrow();
		}
	});
});
