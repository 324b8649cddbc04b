// What the model spelled otherwise than the template does is the assistant's text and nothing else: a soft difference.
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { JsonObject, JsonValue } from "../../src/json/value.js";
import { findMismatches } from "../../src/tito/mismatch.js";
import { continued } from "./continued.js";
import { conversations, TOOLS } from "./conversations.js";
import { type FamilyRig, familyRig, removeToy, toyWith } from "./family-rig.js";
import { GLM_LIKE, REAL_RIGS, RIGGED_FAMILIES, realRig, TOY_RIGS } from "./rigs.js";
import { LOADING_MS, sharedCheckpoint } from "./shared.js";
import { message } from "./toy.js";

async function report(
	{ tito }: FamilyRig,
	messages: JsonObject[],
	tools: JsonValue[] | undefined,
	stored: Int32Array,
	kwargs = tito.effectiveKwargs(undefined),
) {
	const expected = await tito.encodeConversation({ messages, tools, kwargs });
	const found = await findMismatches(expected, stored, tito.segmentation, (lists) => tito.decodeMany(lists));
	return found.map(({ type }) => type);
}

interface Closed {
	/**
	 * What the engine samples before an answer without reasoning: it closes the think block that the prompt opened, or opens
	 * and closes one of its own.
	 */
	closing: string;
	/** Whether the template writes the same. */
	same: boolean;
	/** Whether `enable_thinking: false` makes the prompt close Qwen's empty think block. */
	chooses: boolean;
}

/** By family, or by template where one differs from its family's; null for a family without think blocks. */
// biome-ignore format: a table
const CLOSED: Readonly<Record<string, Closed | null>> = {
	default: null,
	qwen3: { closing: "<think>\n\n</think>\n\n", same: true, chooses: true },
	qwen35: { closing: "\n</think>\n\n", same: true, chooses: true },
	qwen36: { closing: "\n</think>\n\n", same: true, chooses: true },
	qwen38small: { closing: "\n</think>\n\n", same: true, chooses: true },
	qwen4exp: { closing: "\n</think>\n\n", same: true, chooses: true },
	qwennext: { closing: "\n</think>\n\n", same: true, chooses: false },
	glm53: { closing: "</think>", same: true, chooses: false },
	glm47: { closing: "</think>", same: false, chooses: false },
	[GLM_LIKE]: { closing: "</think>", same: true, chooses: false },
	"glm-4.7/chat_template.glm-5.2.jinja": { closing: "</think>", same: true, chooses: false },
	nemotron3: { closing: "</think>", same: false, chooses: false },
	kimi25: { closing: "</think>", same: true, chooses: false },
	kimi26: { closing: "", same: true, chooses: false },
	minimax_m25: { closing: "\n</think>\n\n", same: false, chooses: false },
	minimax_m27: { closing: "\n</think>\n\n", same: false, chooses: false },
	inkling: null,
};

it("Every family has a row that says how an answer without reasoning begins", () => {
	const missing = RIGGED_FAMILIES.filter((name) => CLOSED[name] === undefined);
	const hint =
		"add a row for each to CLOSED in test/tito/answer-spelling.test.ts, null for one without think blocks";
	expect(missing, hint).toEqual([]);
});

function spelling(titoModel: string, template: string, rigOf: () => FamilyRig, numRuns: number): void {
	// Without an assistant start no segment counts as the assistant's.
	const soft = titoModel === "default" ? "non_assistant_text" : "assistant_text";

	it("says so once for each answer, when every answer has a word more than its message", async () => {
		const rig = rigOf();
		const { tito } = rig;
		const [word] = await rig.encode("b");
		const kwargs = tito.effectiveKwargs(undefined);
		const turns = conversations({ roles: tito.family.appendRoles, reasoned: true });
		const property = fc.asyncProperty(turns, fc.boolean(), async (conversation, withTools) => {
			const tools = withTools ? TOOLS : undefined;
			const messages: JsonObject[] = [];
			let ids: Int32Array | null = null;
			for (const { added, answer } of conversation) {
				const lastAssistant = messages.at(-1);
				messages.push(...added);
				const canonical = await tito.encodePrompt({ messages, tools, kwargs });
				const prompt: Int32Array =
					ids === null || lastAssistant === undefined
						? canonical
						: await continued(tito, ids, { lastAssistant, appended: added, tools, kwargs });
				messages.push(answer);
				const sampled = (await rig.stored({ messages, tools, kwargs })).subarray(canonical.length);
				ids = Int32Array.from([...prompt, word ?? 0, ...sampled]);
			}
			const found = await report(rig, messages, tools, ids ?? new Int32Array(0));
			expect(found).toEqual(conversation.map(() => soft));
		});
		await fc.assert(property, { numRuns });
	});

	const closed = CLOSED[template] ?? CLOSED[titoModel];
	// A missing row is named above.
	if (closed === undefined || closed === null) return;
	const outcome = closed.same ? "is none" : "is soft";
	it(`of an answer without reasoning ${outcome}, though the prompt may have opened a think block`, async () => {
		const rig = rigOf();
		const { tito } = rig;
		const kwargs = tito.effectiveKwargs(undefined);
		const messages = [message("user", "Which?"), message("assistant", "That one.")];
		const prompt = await tito.encodePrompt({ messages: messages.slice(0, 1), tools: undefined, kwargs });
		const sampled = await rig.encode(`${closed.closing}That one.`);
		const end = (await rig.stored({ messages, tools: undefined, kwargs })).subarray(-1);
		const stored = Int32Array.from([...prompt, ...sampled, ...end]);
		expect(await report(rig, messages, undefined, stored)).toEqual(closed.same ? [] : ["assistant_text"]);
	});

	if (!closed.chooses) return;
	it("of answers to prompts with enable_thinking: false is none, turn after turn", async () => {
		const rig = rigOf();
		const { tito } = rig;
		const kwargs = tito.effectiveKwargs(new Map([["enable_thinking", false]]));
		const messages: JsonObject[] = [];
		let ids = new Int32Array(0);
		for (const [question, text] of [
			["Which?", "That one."],
			["Sure?", "Quite."],
			["Why?", "So."],
		] as const) {
			const lastAssistant = messages.at(-1);
			const added = [message("user", question)];
			messages.push(...added);
			const prompt: Int32Array =
				lastAssistant === undefined
					? await tito.encodePrompt({ messages, tools: undefined, kwargs })
					: await continued(tito, ids, { lastAssistant, appended: added, tools: undefined, kwargs });
			ids = Int32Array.from([...prompt, ...(await rig.encode(`${text}<|im_end|>`))]);
			messages.push(message("assistant", text));
		}
		expect(await tito.decode(ids)).toContain("<think>\n\n</think>\n\nThat one.");
		expect(await report(rig, messages, undefined, ids, kwargs)).toEqual([]);
	});
}

describe.each(TOY_RIGS)(
	"a difference in family $titoModel on the toy tokenizer",
	({ titoModel, tokens, template }) => {
		let dir = "";
		let rig: FamilyRig;
		beforeAll(async () => {
			dir = toyWith(tokens, template);
			rig = await familyRig(titoModel, dir);
		});
		afterAll(() => removeToy(dir));
		spelling(titoModel, template ?? "", () => rig, 30);
	},
);

describe("on the models' own tokenizers", () => {
	describe.each(REAL_RIGS)("a difference in family $titoModel on $checkpoint $template", (real) => {
		let rig: FamilyRig;
		beforeAll(async () => {
			rig = await realRig(real);
		}, LOADING_MS);
		spelling(real.titoModel, real.template ?? "", () => rig, 15);
	});

	it("a template that forgets reasoning, under kimi26, shows in soft differences; stored tokens stay", async () => {
		const template = sharedCheckpoint("kimi-k2/chat_template.thinking.jinja");
		const rig = await familyRig("kimi26", sharedCheckpoint("kimi-k2"), template);
		const { tito } = rig;
		const kwargs = tito.effectiveKwargs(undefined);
		const input = (messages: JsonObject[]) => ({ messages, tools: undefined, kwargs });
		const question = message("user", "Which?");
		const call = message(
			'{"role":"assistant","content":"","reasoning_content":"Hm.","tool_calls":[{"id":"f:0","type":"function","function":{"name":"f","arguments":"{}"}}]}',
		);
		const result = message('{"role":"tool","tool_call_id":"f:0","content":"two"}');
		const prompt = await tito.encodePrompt(input([question]));
		const called =
			"<think>Hm.</think><|tool_calls_section_begin|><|tool_call_begin|>f:0<|tool_call_argument_begin|>{}<|tool_call_end|><|tool_calls_section_end|><|im_end|>";
		const first = Int32Array.from([...prompt, ...(await rig.encode(called))]);
		const next = await continued(tito, first, {
			lastAssistant: call,
			appended: [result],
			tools: undefined,
			kwargs,
		});
		expect([...next.subarray(0, first.length)]).toEqual([...first]);
		const stored = Int32Array.from([...next, ...(await rig.encode("<think>Hm.</think>Two.<|im_end|>"))]);
		const answer = message('{"role":"assistant","content":"Two.","reasoning_content":"Hm."}');
		const found = await report(rig, [question, call, result, answer], undefined, stored);
		expect(found).toEqual(["assistant_text", "assistant_text"]);
	});
});
