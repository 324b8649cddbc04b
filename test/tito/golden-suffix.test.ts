// The golden conversations turn by turn: stored ids and a suffix make what rendering the whole would make.
import { afterAll, describe, expect, test } from "vitest";
import type { JsonObject } from "../../src/json/value.js";
import { continued } from "./continued.js";
import { type FamilyRig, familyRig, removeToy, toyWith } from "./family-rig.js";
import { REAL_RIGS, realRig, TOY_RIGS } from "./rigs.js";
import { type GoldenCase, goldenCases } from "./shared.js";

/** Kwargs of a case that a family does not pin itself; a case that contradicts a pin is none of that family's. */
function kwargsOf({ tito }: FamilyRig, { input }: GoldenCase): JsonObject | null {
	const { pinnedKwargs } = tito.family;
	const contradicts = [...input.kwargs].some(([name, value]) => (pinnedKwargs[name] ?? value) !== value);
	return contradicts ? null : tito.effectiveKwargs(input.kwargs);
}

async function continuations(rig: FamilyRig, goldens: string): Promise<number> {
	const { tito } = rig;
	let count = 0;
	for (const golden of goldenCases(goldens)) {
		const kwargs = kwargsOf(rig, golden);
		if (kwargs === null) continue;
		const { messages, tools } = golden.input;
		const whole = await tito.encodePrompt({ messages, tools, kwargs });
		for (const [at, lastAssistant] of messages.entries()) {
			const appended = messages.slice(at + 1);
			if (lastAssistant.get("role") !== "assistant" || appended.length === 0) continue;
			const stored = await rig.stored({ messages: messages.slice(0, at + 1), tools, kwargs });
			const next = await continued(tito, stored, { lastAssistant, appended, tools, kwargs });
			expect([...next], golden.label).toEqual([...whole]);
			count++;
		}
	}
	return count;
}

describe("golden conversations turn by turn", () => {
	const toys: string[] = [];
	const tokensOf = new Map(TOY_RIGS.map(({ titoModel, tokens }) => [titoModel, tokens]));
	afterAll(() => toys.forEach(removeToy));

	test.each(REAL_RIGS)("family $titoModel on the tokenizer of $checkpoint $template", async (real) => {
		const count = await continuations(await realRig(real), real.goldens);
		expect(count).toBeGreaterThan(0);
		const template = real.template ?? "the family's template";
		console.log(`${real.titoModel}, ${template}: ${count} continuations of golden conversations equal`);
	});

	test.each(["minimax_m25", "minimax_m27", "inkling"])("family %s on a toy tokenizer", async (titoModel) => {
		const dir = toyWith(tokensOf.get(titoModel) ?? []);
		toys.push(dir);
		const count = await continuations(await familyRig(titoModel, dir), "qwen3");
		expect(count).toBeGreaterThan(0);
		console.log(`${titoModel}: ${count} continuations of golden conversations equal, on a toy tokenizer`);
	});
});
