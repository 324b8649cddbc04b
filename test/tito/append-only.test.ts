// Turn by turn equals all at once: stored ids and suffixes make the prompt that rendering the whole would make.
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { JsonObject } from "../../src/json/value.js";
import { findMismatches } from "../../src/tito/mismatch.js";
import { continued } from "./continued.js";
import { conversations, TOOLS, type Turn } from "./conversations.js";
import { type FamilyRig, familyRig, removeToy, toyWith } from "./family-rig.js";
import { REAL_RIGS, realRig, TOY_RIGS } from "./rigs.js";
import { LOADING_MS } from "./shared.js";

/** A session whose engine samples just what the template writes for each answer. */
async function session({ tito, stored }: FamilyRig, turns: readonly Turn[], withTools: boolean) {
	const tools = withTools ? TOOLS : undefined;
	const kwargs = tito.effectiveKwargs(undefined);
	const messages: JsonObject[] = [];
	let ids: Int32Array | null = null;
	for (const { added, answer } of turns) {
		const lastAssistant = messages.at(-1);
		messages.push(...added);
		const whole = await tito.encodePrompt({ messages, tools, kwargs });
		const prompt: Int32Array =
			ids === null || lastAssistant === undefined
				? whole
				: await continued(tito, ids, { lastAssistant, appended: added, tools, kwargs });
		expect([...prompt]).toEqual([...whole]);
		messages.push(answer);
		ids = await stored({ messages, tools, kwargs });
		expect([...ids.subarray(0, prompt.length)]).toEqual([...prompt]);
	}
	const expected = await tito.encodeConversation({ messages, tools, kwargs });
	return { expected, ids: ids ?? new Int32Array(0) };
}

function properties(rig: () => FamilyRig, numRuns: number): void {
	test("stored ids and suffixes equal the whole conversation encoded at once, and its report is clean", async () => {
		const { tito } = rig();
		const turns = conversations({ roles: tito.family.appendRoles, reasoned: true });
		await fc.assert(
			fc.asyncProperty(turns, fc.boolean(), async (conversation, withTools) => {
				const { expected, ids } = await session(rig(), conversation, withTools);
				const decode = (lists: readonly Int32Array[]) => tito.decodeMany(lists);
				expect(await findMismatches(expected, ids, tito.segmentation, decode)).toEqual([]);
			}),
			{ numRuns },
		);
	});
}

describe.each(TOY_RIGS)("family $titoModel on the toy tokenizer", ({ titoModel, tokens, template }) => {
	let rig: FamilyRig;
	let dir: string;
	beforeAll(async () => {
		dir = toyWith(tokens, template);
		rig = await familyRig(titoModel, dir);
	});
	afterAll(() => removeToy(dir));
	properties(() => rig, 100);
});

describe("on the models' own tokenizers", () => {
	describe.each(REAL_RIGS)("family $titoModel on $checkpoint $template", (real) => {
		let rig: FamilyRig;
		beforeAll(async () => {
			rig = await realRig(real);
		}, LOADING_MS);
		properties(() => rig, 100);
	});
});
