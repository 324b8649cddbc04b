// The golden conversations turn by turn, with the real Qwen3 tokenizer and its family's template.
import { join } from "node:path";
import { expect, test } from "vitest";
import { loadCheckpoint } from "../../src/tito/checkpoint.js";
import { createTito } from "../../src/tito/create.js";
import { Encoder } from "../../src/tito/encoder.js";
import { QWEN3_TEMPLATE } from "../../src/tito/families/qwen3-template.js";
import { ChatTemplate } from "../../src/tito/jinja/template.js";
import { PromptRenderer } from "../../src/tito/renderer.js";
import { continued } from "./continued.js";
import { describeWithShared, goldenCases, sharedDir } from "./shared.js";

describeWithShared("golden conversations of qwen3", () => {
	test("stored ids and suffixes equal the whole conversation, rendered by the fixed template and encoded at once", async () => {
		const checkpointDir = join(sharedDir ?? "", "checkpoints/qwen3");
		const tito = await createTito({
			checkpointDir,
			chatTemplateFile: null,
			chatTemplateKwargs: new Map(),
			titoModel: "qwen3",
		});
		const checkpoint = loadCheckpoint(checkpointDir, { chatTemplateFile: null });
		const renderer = new PromptRenderer(new ChatTemplate(QWEN3_TEMPLATE), checkpoint.specialTokens);
		const encoder = new Encoder(checkpoint.tokenizerFile);
		let continuations = 0;
		// With thinking off, history lacks the empty thinking block that the engine was given; there texts differ by it.
		for (const { label, input } of goldenCases("qwen3").filter(
			({ input: { kwargs } }) => kwargs.size === 0,
		)) {
			const { messages, tools } = input;
			const kwargs = tito.effectiveKwargs(undefined);
			for (const [at, lastAssistant] of messages.entries()) {
				const appended = messages.slice(at + 1);
				if (lastAssistant.get("role") !== "assistant" || appended.length === 0) continue;
				const whole = renderer.prompt({ messages, tools, kwargs });
				const before = renderer.prompt({ messages: messages.slice(0, at), tools, kwargs });
				const suffixText = renderer.suffix({ lastAssistant, appended, tools, kwargs });
				expect(whole.startsWith(before), label).toBe(true);
				expect(whole.endsWith(suffixText), label).toBe(true);
				const sampled = whole.slice(before.length, -suffixText.length).replace(/\n$/, "");
				expect(sampled.endsWith("<|im_end|>"), label).toBe(true);
				const prompt = await tito.encodePrompt({ messages: messages.slice(0, at), tools, kwargs });
				const stored = Int32Array.from([...prompt, ...(await encoder.encode(sampled))]);
				const next = await continued(tito, stored, { lastAssistant, appended, tools, kwargs });
				expect([...next], label).toEqual([...(await encoder.encode(whole))]);
				continuations++;
			}
		}
		expect(continuations).toBeGreaterThan(0);
		console.log(`qwen3: ${continuations} continuations of golden conversations equal`);
	});
});
