// The values of each family as a table, and what they come to on a tokenizer. DeepSeek's are tested beside their encoders.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { familyNamed } from "../../src/tito/families/registry.js";
import type { AppendRole } from "../../src/tito/tito.js";
import { type FamilyRig, familyRig, removeToy, toyWith } from "./family-rig.js";
import { ALL_RIGS, REAL_RIGS, RIGGED_FAMILIES, TOY_RIGS } from "./rigs.js";
import { LOADING_MS, sharedCheckpoint } from "./shared.js";
import { TOY_DIR } from "./toy.js";

const ALL: AppendRole[] = ["tool", "user", "system", "assistant"];
const NO_SYSTEM: AppendRole[] = ["tool", "user", "assistant"];

interface Row {
	titoModel: string;
	template: "checkpoint" | "template";
	/** On the toy checkpoint as it is: whether that has the tokens that the family needs. */
	onToy: "starts" | "refuses";
	pins: Record<string, boolean | string>;
	roles: AppendRole[];
	/** After which token a newline comes, which ids are dropped, or neither. */
	newlineAfter?: string;
	drops?: string[];
	maxTrim: 0 | 1;
	assistantStart: string | null;
	/** Special tokens that do not part segments, or the only ones that do. */
	notBoundaries?: string[];
	onlyBoundaries?: string[];
}

const KEEP = { clear_thinking: false };
const PRESERVE = { preserve_thinking: true };
const XHIGH = { ...PRESERVE, reasoning_effort: "xhigh" };
const IM = "<|im_start|>assistant";
const ROLE_TOKENS = ["<|message_user|>", "<|message_model|>", "<|message_system|>", "<|message_tool|>"];

// biome-ignore format: a table
const ROWS: Row[] = [
	{ titoModel: "default", template: "checkpoint", onToy: "starts", pins: {}, roles: ALL, maxTrim: 0, assistantStart: null },
	{ titoModel: "qwen3", template: "template", onToy: "starts", pins: KEEP, roles: ALL, newlineAfter: "<|im_end|>", maxTrim: 0, assistantStart: IM },
	{ titoModel: "qwen35", template: "template", onToy: "starts", pins: PRESERVE, roles: NO_SYSTEM, newlineAfter: "<|im_end|>", maxTrim: 0, assistantStart: IM },
	{ titoModel: "qwen36", template: "template", onToy: "starts", pins: PRESERVE, roles: NO_SYSTEM, newlineAfter: "<|im_end|>", maxTrim: 0, assistantStart: IM },
	{ titoModel: "qwen38small", template: "template", onToy: "starts", pins: XHIGH, roles: NO_SYSTEM, newlineAfter: "<|im_end|>", maxTrim: 0, assistantStart: IM },
	{ titoModel: "qwen4exp", template: "template", onToy: "starts", pins: XHIGH, roles: NO_SYSTEM, newlineAfter: "<|im_end|>", maxTrim: 0, assistantStart: IM },
	{ titoModel: "qwennext", template: "template", onToy: "starts", pins: KEEP, roles: ALL, newlineAfter: "<|im_end|>", maxTrim: 0, assistantStart: IM },
	{ titoModel: "glm47", template: "checkpoint", onToy: "refuses", pins: KEEP, roles: ALL, drops: ["<|user|>", "<|observation|>"], maxTrim: 1, assistantStart: "<|assistant|>" },
	{ titoModel: "glm53", template: "checkpoint", onToy: "refuses", pins: { ...KEEP, enable_thinking: true }, roles: ALL, drops: ["<|user|>", "<|observation|>"], maxTrim: 1, assistantStart: "<|assistant|>" },
	{ titoModel: "nemotron3", template: "checkpoint", onToy: "starts", pins: { truncate_history_thinking: false }, roles: ALL, newlineAfter: "<|im_end|>", maxTrim: 0, assistantStart: `${IM}\n` },
	{ titoModel: "kimi25", template: "template", onToy: "refuses", pins: { preserve_thinking: true }, roles: ALL, maxTrim: 0, assistantStart: "<|im_assistant|>", notBoundaries: ["<|im_middle|>"] },
	{ titoModel: "kimi26", template: "checkpoint", onToy: "refuses", pins: { preserve_thinking: true }, roles: ALL, maxTrim: 0, assistantStart: "<|im_assistant|>", notBoundaries: ["<|im_middle|>"] },
	{ titoModel: "minimax_m25", template: "template", onToy: "refuses", pins: KEEP, roles: NO_SYSTEM, newlineAfter: "[e~[", maxTrim: 0, assistantStart: "]~b]ai" },
	{ titoModel: "minimax_m27", template: "template", onToy: "refuses", pins: KEEP, roles: NO_SYSTEM, newlineAfter: "[e~[", maxTrim: 0, assistantStart: "]~b]ai" },
	{ titoModel: "inkling", template: "template", onToy: "refuses", pins: {}, roles: ALL, maxTrim: 0, assistantStart: "<|message_model|>", onlyBoundaries: ROLE_TOKENS },
];

function rowOf(titoModel: string): Row {
	const row = ROWS.find((one) => one.titoModel === titoModel);
	if (row === undefined)
		throw new Error(`no row for ${titoModel}; add it to ROWS in test/tito/family-traits.test.ts`);
	return row;
}

describe("every family", () => {
	it("has a row of values", () => {
		const missing = RIGGED_FAMILIES.filter((name) => !ROWS.some(({ titoModel }) => titoModel === name));
		expect(missing, "add a row for each to ROWS in test/tito/family-traits.test.ts").toEqual([]);
	});

	it("has a rig, on the toy tokenizer or on its model's own", () => {
		const rigged = [...TOY_RIGS, ...ALL_RIGS].map(({ titoModel }) => titoModel);
		const missing = RIGGED_FAMILIES.filter((name) => !rigged.includes(name));
		expect(missing, "add a row for each to TOY_RIGS or ALL_RIGS in test/tito/rigs.ts").toEqual([]);
	});
});

describe("a family's values", () => {
	it.each(ROWS)("$titoModel", ({ titoModel, template, pins, roles, maxTrim }) => {
		const family = familyNamed(titoModel);
		expect(family.prompts.kind).toBe(template);
		expect(family.pinnedKwargs).toEqual(pins);
		expect(new Set(family.appendRoles)).toEqual(new Set(roles));
		expect(family.maxTrimTokens).toBe(maxTrim);
	});
});

/** Ids of the tokens that a checkpoint's files flag special. */
function specialIds(dir: string): Set<number> {
	const tokenizer = JSON.parse(readFileSync(join(dir, "tokenizer.json"), "utf8")) as {
		added_tokens: Array<{ id: number; special: boolean }>;
	};
	const config = JSON.parse(readFileSync(join(dir, "tokenizer_config.json"), "utf8")) as {
		added_tokens_decoder?: Record<string, { special: boolean }>;
	};
	const decoder = Object.entries(config.added_tokens_decoder ?? {});
	return new Set([
		...tokenizer.added_tokens.filter(({ special }) => special).map(({ id }) => id),
		...decoder.filter(([, { special }]) => special).map(([id]) => Number(id)),
	]);
}

function onTokenizer(titoModel: string, rigOf: () => FamilyRig, dirOf: () => string): void {
	const { newlineAfter, drops = [], assistantStart, notBoundaries = [], onlyBoundaries } = rowOf(titoModel);

	it("puts a newline after its end of turn, drops its stop tokens, and leaves every other end as it is", async () => {
		const { tito, id } = rigOf();
		const ends = new Set([newlineAfter, ...drops].filter((token) => token !== undefined).map(id));
		if (newlineAfter !== undefined) {
			const { trimCount, insert } = tito.joinBoundary(id(newlineAfter));
			expect(trimCount).toBe(0);
			expect(insert).toHaveLength(1);
			expect(await tito.decode(Int32Array.from(insert))).toBe("\n");
		}
		for (const token of drops) expect(tito.joinBoundary(id(token))).toEqual({ trimCount: 1, insert: [] });
		const others = [undefined, 0, 5, ...specialIds(dirOf())].filter(
			(one) => one === undefined || !ends.has(one),
		);
		for (const other of others) expect(tito.joinBoundary(other)).toEqual({ trimCount: 0, insert: [] });
	});

	it("takes away nothing but one id, which is all that max_trim_tokens allows for", () => {
		const { tito, id } = rigOf();
		const trims = [...specialIds(dirOf())].map((one) => tito.joinBoundary(one).trimCount);
		expect(Math.max(0, ...trims)).toBe(tito.family.maxTrimTokens);
		expect(tito.family.maxTrimTokens).toBe(drops.length > 0 ? 1 : 0);
		expect(drops.map(id)).toHaveLength(drops.length);
	});

	it("parts segments at its boundary tokens and ignores its trailing ones", async () => {
		const { tito, id } = rigOf();
		const { boundaries, trailing, assistantStart: start } = tito.segmentation;
		const special = specialIds(dirOf());
		for (const token of notBoundaries) special.delete(id(token));
		const wanted = onlyBoundaries === undefined ? special : new Set(onlyBoundaries.map(id));
		expect(new Set(boundaries)).toEqual(wanted);
		const newline = newlineAfter === undefined ? [] : tito.joinBoundary(id(newlineAfter)).insert;
		expect(new Set(trailing)).toEqual(new Set([...newline, ...drops.map(id)]));
		expect(start).toBe(assistantStart);
	});
}

describe("a family on another model's checkpoint", () => {
	it.each(ROWS)(
		"$titoModel $onToy; a refusal names the token that is missing",
		async ({ titoModel, onToy }) => {
			const outcome = await familyRig(titoModel, TOY_DIR).then(() => "starts", String);
			const refusal = new RegExp(
				`--tito-model ${titoModel} needs the token .*, which the checkpoint's tokenizer lacks`,
			);
			const hint = `onToy of ${titoModel} in ROWS of test/tito/family-traits.test.ts says that it ${onToy}`;
			expect(outcome, hint).toMatch(onToy === "refuses" ? refusal : /^starts$/);
		},
	);
});

describe.each(TOY_RIGS)("family $titoModel on the toy tokenizer", ({ titoModel, tokens, template }) => {
	let dir = "";
	let rig: FamilyRig;
	beforeAll(async () => {
		dir = toyWith(tokens, template);
		rig = await familyRig(titoModel, dir);
	});
	afterAll(() => removeToy(dir));
	onTokenizer(
		titoModel,
		() => rig,
		() => dir,
	);
});

describe("families on the models' own tokenizers", () => {
	describe.each(REAL_RIGS.filter(({ template }) => template === undefined))(
		"family $titoModel on $checkpoint",
		({ titoModel, checkpoint }) => {
			let rig: FamilyRig;
			beforeAll(async () => {
				rig = await familyRig(titoModel, sharedCheckpoint(checkpoint));
			}, LOADING_MS);
			onTokenizer(
				titoModel,
				() => rig,
				() => sharedCheckpoint(checkpoint),
			);
		},
	);

	it("glm47 drops one of two stacked stop tokens and leaves the other behind", async () => {
		const { tito, id } = await familyRig("glm47", sharedCheckpoint("glm-4.7"));
		const [user, observation] = [id("<|user|>"), id("<|observation|>")];
		const stored = [100, observation, user];
		const { trimCount, insert } = tito.joinBoundary(stored.at(-1));
		expect([...stored.slice(0, stored.length - trimCount), ...insert]).toEqual([100, observation]);
	});
});
