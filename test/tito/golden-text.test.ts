import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { RollpinError } from "../../src/base/errors.js";
import { loadCheckpoint } from "../../src/tito/checkpoint.js";
import { Encoder } from "../../src/tito/encoder.js";
import { QWEN3_TEMPLATE } from "../../src/tito/families/qwen3-template.js";
import { ChatTemplate } from "../../src/tito/jinja/template.js";
import { PromptRenderer } from "../../src/tito/renderer.js";
import { describeWithShared, goldenCases, goldenNames, numbers, sharedDir, text } from "./shared.js";

function openCheckpoint(
	name: string,
	template?: string,
): { renderer: PromptRenderer; tokenizerFile: string } {
	const checkpoint = loadCheckpoint(join(sharedDir ?? "", "checkpoints", name), { chatTemplateFile: null });
	const source = template ?? checkpoint.chatTemplate ?? "";
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

	test("qwen3: the fixed template renders as the original does, but keeps reasoning", () => {
		const { renderer } = openCheckpoint("qwen3", QWEN3_TEMPLATE);
		const kept = /<think>\n[\s\S]*?\n<\/think>\n\n/g;
		let withReasoning = 0;
		for (const { label, input, golden, generates } of goldenCases("qwen3")) {
			const ours = renderer.prompt(input, generates);
			const original = text(golden.get("text"));
			if (ours === original) continue;
			withReasoning++;
			expect(ours.match(kept)?.length ?? 0, label).toBeGreaterThan(original.match(kept)?.length ?? 0);
			expect(ours.replace(kept, ""), label).toBe(original.replace(kept, ""));
			expect(
				input.messages.some((message) => message.has("reasoning_content")),
				label,
			).toBe(true);
		}
		expect(withReasoning).toBeGreaterThan(0);
		console.log(`qwen3 fixed template: ${withReasoning} golden prompts differ, by kept reasoning only`);
	});
});
