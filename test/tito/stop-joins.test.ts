// An answer that a stop string ended is closed as the family's template would close it; every family, on the toy tokenizer.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { JsonObject } from "../../src/json/value.js";
import { findMismatches } from "../../src/tito/mismatch.js";
import { type FamilyRig, familyRig, removeToy, toyWith } from "./family-rig.js";
import { TOY_RIGS } from "./rigs.js";
import { message, TOY_DIR } from "./toy.js";

const END: Readonly<Record<string, string>> = {
	default: "<|im_end|>\n",
	qwen3: "<|im_end|>\n",
	qwen35: "<|im_end|>\n",
	qwennext: "<|im_end|>\n",
	qwen36: "<|im_end|>\n",
	qwen38small: "<|im_end|>\n",
	qwen4exp: "<|im_end|>\n",
	kimi25: "<|im_end|>",
	minimax_m25: "[e~[\n",
	minimax_m27: "[e~[\n",
	inkling: "<|end_message|><|content_model_end_sampling|>",
	glm47: "",
	glm53: "",
};

function endOf(titoModel: string): string {
	const end = END[titoModel];
	if (end === undefined)
		throw new Error(`no row for ${titoModel}; add it to END in test/tito/stop-joins.test.ts`);
	return end;
}

test("The default family's end of a turn is whichever end of generation_config.json its template writes", async () => {
	const inserted = async (config: object | null, eosToken?: string) => {
		const dir = toyWith([]);
		const file = join(dir, "tokenizer_config.json");
		const own = JSON.parse(readFileSync(file, "utf8"));
		writeFileSync(file, JSON.stringify({ ...own, eos_token: eosToken ?? null }));
		if (config !== null) writeFileSync(join(dir, "generation_config.json"), JSON.stringify(config));
		const { tito, encode } = await familyRig("default", dir);
		const boundary = tito.joinBoundary((await encode("x")).at(-1), "stop");
		removeToy(dir);
		return tito.decode(Int32Array.from(boundary.insert));
	};
	const { id } = await familyRig("default", TOY_DIR);
	const [text, turn] = [id("<|endoftext|>"), id("<|im_end|>")];
	expect(await inserted({ eos_token_id: [text, turn] })).toBe("<|im_end|>\n");
	expect(await inserted({ eos_token_id: turn })).toBe("<|im_end|>\n");
	expect(await inserted({ eos_token_id: [text, turn] }, "<|endoftext|>")).toBe("<|im_end|>\n");
	expect(await inserted({ eos_token_id: text })).toBe("");
	expect(await inserted({ eos_token_id: [1e9, null] })).toBe("");
	expect(await inserted(null)).toBe("");
});

describe.each(TOY_RIGS)("family $titoModel", ({ titoModel, tokens, template }) => {
	let rig: FamilyRig;
	let dir: string;
	beforeAll(async () => {
		dir = toyWith(tokens, template);
		rig = await familyRig(titoModel, dir);
	});
	afterAll(() => removeToy(dir));

	test("puts in its end of a turn after a stop string, and nothing after a cut or aborted answer", async () => {
		const [last] = await rig.encode("x");
		for (const reason of ["stop", "tool_calls"]) {
			const { insert, trimCount, closes } = rig.tito.joinBoundary(last, reason);
			expect([await rig.tito.decode(Int32Array.from(insert)), trimCount, closes === true]).toEqual([
				endOf(titoModel),
				0,
				endOf(titoModel) !== "",
			]);
		}
		for (const reason of ["length", "abort", null, undefined])
			expect(rig.tito.joinBoundary(last, reason)).toEqual({ trimCount: 0, insert: [] });
	});

	test("leaves an end of its own alone, so that the session has no hard mismatch", async () => {
		if (endOf(titoModel) === "") return;
		const { tito, encode } = rig;
		const kwargs = tito.effectiveKwargs(undefined);
		const asked = [message("user", "hi")];
		const lastAssistant: JsonObject = message("assistant", "Thought: x");
		const prompt = await tito.encodePrompt({ messages: asked, tools: undefined, kwargs });
		const sampled = await encode("Thought: x\nObservation:");
		const join = tito.joinBoundary(sampled.at(-1), "stop");
		expect(
			tito.joinBoundary(
				join.insert.find((id) => id === join.insert.at(-1)),
				"length",
			).closes,
		).toBeUndefined();
		const appended = [message("user", "4")];
		const suffix = await tito.encodeSuffix({ lastAssistant, appended, tools: undefined, kwargs });
		const stored = Int32Array.from([...prompt, ...sampled, ...join.insert, ...suffix]);
		const expected = await tito.encodePrompt({
			messages: [...asked, lastAssistant, ...appended],
			tools: undefined,
			kwargs,
		});
		const found = await findMismatches(expected, stored, tito.segmentation, (lists) =>
			tito.decodeMany(lists),
		);
		const hard = found.filter(({ type }) => type !== "assistant_text");
		// These open the reasoning in the prompt, or leave the newline out: what they differ in without any stop string.
		expect(hard.filter(({ type }) => type.startsWith("special_token"))).toEqual([]);
	});
});
