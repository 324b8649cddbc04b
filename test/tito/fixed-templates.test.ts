// The fixed templates beside the models' own: the same text on every golden conversation, but for the reasoning kept.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { loadCheckpoint } from "../../src/tito/checkpoint.js";
import { INKLING_TEMPLATE } from "../../src/tito/families/inkling-template.js";
import { KIMI25_TEMPLATE } from "../../src/tito/families/kimi25-template.js";
import { MINIMAX_M25_TEMPLATE, MINIMAX_M27_TEMPLATE } from "../../src/tito/families/minimax-template.js";
import { QWEN3_TEMPLATE, QWEN3_THINKING_TEMPLATE } from "../../src/tito/families/qwen3-template.js";
import { QWEN35_TEMPLATE } from "../../src/tito/families/qwen35-template.js";
import { ChatTemplate } from "../../src/tito/jinja/template.js";
import { PromptRenderer } from "../../src/tito/renderer.js";
import type { PromptInput } from "../../src/tito/tito.js";
import { describeWithShared, goldenCases, sharedDir, text } from "./shared.js";
import { message } from "./toy.js";

function rendererOf(source: string): PromptRenderer {
	return new PromptRenderer(new ChatTemplate(source), new Map());
}

/** A conversation that makes a template say everything it keeps of reasoning. */
const REMEMBERED: PromptInput = {
	messages: [
		message("user", "one"),
		message('{"role":"assistant","content":"1","reasoning_content":"first thought"}'),
		message("user", "two"),
		message('{"role":"assistant","content":"2","reasoning_content":"second thought"}'),
		message("user", "three"),
	],
	tools: undefined,
	kwargs: new Map(),
};

const THINK_LINES = /<think>\n[\s\S]*?\n<\/think>\n\n/g;
const THINK_TAGS = /<think>[\s\S]*?<\/think>/g;

interface Comparison {
	family: string;
	fixed: string;
	/** Golden conversations, and the original's file under the shared checkpoints. */
	goldens: string;
	original: string;
	/** Think blocks of history. */
	kept: RegExp;
	/** Template kwargs for the original alone. */
	kwargs?: Record<string, string>;
	/** What else differs on purpose: the original's text as the family must have it. */
	known?: (original: string, generates: boolean) => string;
}

const COMPARISONS: Comparison[] = [
	{
		family: "qwen3",
		fixed: QWEN3_TEMPLATE,
		goldens: "qwen3",
		original: "qwen3/chat_template.jinja",
		kept: THINK_LINES,
	},
	{
		family: "qwennext",
		fixed: QWEN3_THINKING_TEMPLATE,
		goldens: "qwen3",
		original: "qwen3/chat_template.jinja",
		kept: THINK_LINES,
		known: (original, generates) => (generates ? `${original}<think>\n` : original),
	},
	{
		family: "qwen35",
		fixed: QWEN35_TEMPLATE,
		goldens: "qwen3",
		original: "qwen3/chat_template.3.5-think.jinja",
		kept: THINK_LINES,
	},
	{
		family: "minimax_m25",
		fixed: MINIMAX_M25_TEMPLATE,
		goldens: "qwen3",
		original: "minimax-m2/chat_template.jinja",
		kept: THINK_LINES,
		kwargs: { model_identity: "You are a helpful assistant. Your name is MiniMax-M2.5 and is built by MiniMax." },
	},
	{
		family: "minimax_m27",
		fixed: MINIMAX_M27_TEMPLATE,
		goldens: "qwen3",
		original: "minimax-m2/chat_template.jinja",
		kept: THINK_LINES,
		kwargs: { model_identity: "You are a helpful assistant. Your name is MiniMax-M2.7 and is built by MiniMax." },
	},
	{
		family: "kimi25",
		fixed: KIMI25_TEMPLATE,
		goldens: "kimi-k2",
		original: "kimi-k2/chat_template.thinking.jinja",
		kept: THINK_TAGS,
		known: (original, generates) => (generates ? `${original}<think>` : original),
	},
];

describeWithShared("fixed templates and the models' own", () => {
	test.each(COMPARISONS)(
		"$family renders every golden conversation as $original does, but keeps reasoning",
		({ family, fixed, goldens, original, kept, known }) => {
			const ours = rendererOf(fixed);
			const theirs = rendererOf(readFileSync(join(sharedDir ?? "", "checkpoints", original), "utf8"));
			const counts = { same: 0, kept: 0 };
			// With thinking off, qwennext has no closed block to open with: its models always think.
			const cases = goldenCases(goldens).filter(
				({ input: { kwargs } }) => family !== "qwennext" || kwargs.size === 0,
			);
			for (const { label, input, generates } of cases) {
				const theirText = theirs.prompt(input, generates);
				const wanted = known?.(theirText, generates) ?? theirText;
				const got = ours.prompt(input, generates);
				expect(got.replace(kept, ""), label).toBe(wanted.replace(kept, ""));
				if (got === wanted) counts.same++;
				else {
					counts.kept++;
					expect(got.match(kept)?.length ?? 0, label).toBeGreaterThan(wanted.match(kept)?.length ?? 0);
				}
			}
			expect(counts.same).toBeGreaterThan(0);
			console.log(`${family}: ${counts.same} golden prompts equal, ${counts.kept} but for think blocks`);
			expect(theirs.prompt(REMEMBERED)).not.toContain("first thought");
		},
	);
});
