// The fixed templates beside the models' own: the same text on every golden conversation, but for the reasoning kept.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { ChatTemplate } from "../../src/jinja/template.js";
import { KIMI25_TEMPLATE } from "../../src/tito/families/kimi25-template.js";
import { MINIMAX_M25_TEMPLATE, MINIMAX_M27_TEMPLATE } from "../../src/tito/families/minimax-template.js";
import { QWEN3_TEMPLATE, QWEN3_THINKING_TEMPLATE } from "../../src/tito/families/qwen3-template.js";
import { QWEN35_TEMPLATE, QWEN36_TEMPLATE } from "../../src/tito/families/qwen35-template.js";
import { familyNamed } from "../../src/tito/families/registry.js";
import { PromptRenderer } from "../../src/tito/renderer.js";
import type { PromptInput } from "../../src/tito/tito.js";
import { conversations, TOOLS } from "./conversations.js";
import { goldenCases, sharedDir } from "./shared.js";
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

/** @throws Error when there is nothing to replace */
function edited(source: string, from: string | RegExp, to: string): string {
	const result = source.replace(from, () => to);
	if (result === source) throw new Error(`the original has no ${from}`);
	return result;
}

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
	/** What else differs on purpose, written into the original. */
	edit?: (source: string) => string;
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
		edit: (source) =>
			edited(source, "'<|im_start|>assistant\\n' }}", "'<|im_start|>assistant\\n<think>\\n' }}"),
	},
	{
		family: "qwen35",
		fixed: QWEN35_TEMPLATE,
		goldens: "qwen3",
		original: "qwen3/chat_template.3.5-think.jinja",
		kept: THINK_LINES,
	},
	{
		family: "qwen36",
		fixed: QWEN36_TEMPLATE,
		goldens: "qwen3",
		original: "qwen3/chat_template.3.5-think.jinja",
		kept: THINK_LINES,
		// 3.6 spells every argument that is no text as JSON.
		edit: (source) =>
			edited(
				source,
				/args_value \| tojson \| safe if [^%]*? else args_value \| string/,
				"args_value if args_value is string else args_value | tojson",
			),
	},
	{
		family: "minimax_m25",
		fixed: MINIMAX_M25_TEMPLATE,
		goldens: "qwen3",
		original: "minimax-m2/chat_template.jinja",
		kept: THINK_LINES,
		kwargs: {
			model_identity: "You are a helpful assistant. Your name is MiniMax-M2.5 and is built by MiniMax.",
		},
	},
	{
		family: "minimax_m27",
		fixed: MINIMAX_M27_TEMPLATE,
		goldens: "qwen3",
		original: "minimax-m2/chat_template.jinja",
		kept: THINK_LINES,
		kwargs: {
			model_identity: "You are a helpful assistant. Your name is MiniMax-M2.7 and is built by MiniMax.",
		},
	},
	{
		family: "kimi25",
		fixed: KIMI25_TEMPLATE,
		goldens: "kimi-k2",
		original: "kimi-k2/chat_template.thinking.jinja",
		kept: THINK_TAGS,
		// K2.5 declares tools without spaces, has no system text of its own and opens the think block.
		edit: (source) => {
			const compact = edited(source, "tools | tojson()", "tools | tojson(separators=(',', ':'))");
			const silent = edited(compact, /<\|im_system\|>system<\|im_middle\|>You are Kimi[^\n]*/, "");
			return edited(silent, /<\|im_middle\|>\n(?=\{%- endif -%\}\s*$)/, "<|im_middle|><think>\n");
		},
	},
];

describe("fixed templates and the models' own", () => {
	describe.each(COMPARISONS)("$family and $original", (comparison) => {
		const { family, fixed, goldens, original, kept, kwargs = {}, edit } = comparison;
		let ours: PromptRenderer;
		let theirs: PromptRenderer;
		beforeAll(() => {
			ours = rendererOf(fixed);
			const source = readFileSync(join(sharedDir, "checkpoints", original), "utf8");
			theirs = rendererOf(edit?.(source) ?? source);
		});

		/** Both texts, the original's with what differs on purpose. */
		function texts(input: PromptInput, generates: boolean) {
			const theirInput = { ...input, kwargs: new Map([...input.kwargs, ...Object.entries(kwargs)]) };
			return { got: ours.prompt(input, generates), wanted: theirs.prompt(theirInput, generates) };
		}

		test("are the same on every golden conversation but for think blocks", () => {
			const counts = { same: 0, kept: 0 };
			// With thinking off, qwennext has no closed block to open with: its models always think.
			const cases = goldenCases(goldens).filter(
				(one) => family !== "qwennext" || one.input.kwargs.size === 0,
			);
			for (const { label, input, generates } of cases) {
				const { got, wanted } = texts(input, generates);
				expect(got.replace(kept, ""), label).toBe(wanted.replace(kept, ""));
				expect(got.length, label).toBeGreaterThanOrEqual(wanted.length);
				counts[got === wanted ? "same" : "kept"]++;
			}
			expect(counts.same).toBeGreaterThan(0);
			console.log(`${family}: ${counts.same} golden prompts equal, ${counts.kept} but for think blocks`);
		});

		test("are the same on random conversations but for think blocks", () => {
			// M2's template refuses a result that no call asked for.
			const roles = familyNamed(family).appendRoles.filter((role) => role !== "tool");
			fc.assert(
				fc.property(
					conversations({ roles, reasoned: false }),
					fc.boolean(),
					fc.boolean(),
					(turns, withTools, generates) => {
						const messages = turns.flatMap(({ added, answer }) => [...added, answer]);
						const input = { messages, tools: withTools ? TOOLS : undefined, kwargs: new Map() };
						const { got, wanted } = texts(input, generates);
						expect(got.replace(kept, "")).toBe(wanted.replace(kept, ""));
					},
				),
				{ numRuns: 300 },
			);
		});

		test("differ in that the family keeps all reasoning", () => {
			const { got, wanted } = texts(REMEMBERED, true);
			expect(wanted).not.toContain("first thought");
			expect(got).toContain("first thought");
			expect(got).toContain("second thought");
		});
	});
});
