// Chooses the family of a checkpoint when nobody names one: by model type, checked against the template's own text.
import { createHash } from "node:crypto";
import { ConfigError } from "../base/errors.js";
import { ChatTemplate } from "../jinja/template.js";
import { parseJson } from "../json/parse.js";
import type { JsonObject } from "../json/value.js";
import { type Checkpoint, loadCheckpoint } from "./checkpoint.js";
import { checkpointRenderer } from "./checkpoint-renderer.js";
import { allFamilies, familyNamed } from "./families/registry.js";
import type { Family } from "./family.js";
import { PromptRenderer } from "./renderer.js";
import { INSTRUCTED_QUESTION, promptOrNull, QUESTION, writeAlike } from "./template-probe.js";

export interface FamilyChoice {
	family: string;
	/** For people: what was looked at. */
	why: string;
	/** Nothing says that the family is right. */
	doubtful: boolean;
}

/**
 * `model_type` of a checkpoint's config.json; the first family that fits counts. Each name is that of a configuration class of
 * transformers (`src/transformers/models/<name>/configuration_<name>.py` at https://github.com/huggingface/transformers: seen
 * at c17f9323 for `kimi_k25`, 075d0aed for `qwen4_exp`, 3e108993 for `minimax_m2`; `deepseek_v32` is issue 42590), but for two
 * that the first checkpoints of their models have, as the table of
 * https://github.com/ml-explore/mlx-lm/blob/003da2e9/mlx_lm/utils.py shows: `kimi_k2`, and `minimax` for MiniMax-M2.
 */
export const BY_MODEL_TYPE: Readonly<Record<string, readonly string[]>> = {
	qwen3: ["qwen3", "qwennext"],
	qwen3_moe: ["qwen3", "qwennext"],
	qwen3_next: ["qwennext", "qwen3"],
	qwen3_5: ["qwen35"],
	qwen3_5_moe: ["qwen35"],
	qwen4_exp: ["qwen4exp"],
	glm4_moe: ["glm47"],
	glm4_moe_lite: ["glm47"],
	glm_moe_dsa: ["glm47"],
	nemotron_h: ["nemotron3"],
	kimi_k2: ["kimi26", "kimi25"],
	kimi_k25: ["kimi26", "kimi25"],
	minimax: ["minimax_m27", "minimax_m25"],
	minimax_m2: ["minimax_m27", "minimax_m25"],
	deepseek_v32: ["deepseekv32"],
	deepseek_v4: ["deepseekv4"],
};

/** sha256 of public templates, for a checkpoint directory without config.json. */
const BY_TEMPLATE: Readonly<Record<string, string>> = {
	a55ee1b1660128b7098723e0abcd92caa0788061051c62d51cbe87d9cf1974d8: "qwen3",
	d63ad536c3c81880043e22ec7fd08db42b4d8fb7c89c7138bc562bfa25281375: "glm47",
	ab7813c3abdd9cb655905a410728b26c7884eca45ddfab8d9f931553485a7862: "nemotron3",
	"575fb74f54ed264df9047d0ecce3c98938aae953fb4f50356675706264cbb68a": "nemotron3",
};

const REASONING = "the-earlier-reasoning";
const ANSWERED = [
	...QUESTION.messages,
	...(parseJson(
		`[{"role":"assistant","content":"Rain.","reasoning_content":"${REASONING}"},{"role":"user","content":"And in Linz?"}]`,
	) as JsonObject[]),
];

/**
 * Reads the checkpoint's config.json and template.
 * @throws ConfigError when only `default` is left and the template is one that a family mends: sessions would lose
 * reasoning in silence; and as `loadCheckpoint` does
 */
export function chooseFamily(checkpointDir: string): FamilyChoice {
	const checkpoint = loadCheckpoint(checkpointDir, { chatTemplateFile: null });
	const { chatTemplate, modelType } = checkpoint;
	const seen = `model_type ${modelType ?? "unknown"}, ${
		chatTemplate === null ? "no chat template" : `template sha256 ${sha256(chatTemplate).slice(0, 8)}`
	}`;
	const own = checkpointRenderer(checkpoint)?.(1) ?? null;
	const candidates = candidatesOf(checkpoint);
	const fitting = candidates.find((name) => fits(familyNamed(name), checkpoint, own));
	if (fitting !== undefined) return { family: fitting, why: seen, doubtful: false };
	const mended = own === null ? undefined : allFamilies().find((family) => mends(family, checkpoint, own));
	if (mended !== undefined)
		throw new ConfigError(
			`--checkpoint ${checkpointDir}: its chat template (${seen}) leaves earlier reasoning out of later prompts, which ` +
				`family ${mended.name} mends; give --tito-model ${mended.name}, or --tito-model default to go without`,
		);
	return { family: "default", why: `${seen}: no family is known for it`, doubtful: true };
}

function candidatesOf({ chatTemplate, modelType }: Checkpoint): readonly string[] {
	if (modelType !== null)
		return Object.hasOwn(BY_MODEL_TYPE, modelType) ? (BY_MODEL_TYPE[modelType] ?? []) : [];
	const known = chatTemplate === null ? undefined : BY_TEMPLATE[sha256(chatTemplate)];
	return known === undefined ? [] : [known];
}

function sha256(text: string): string {
	return createHash("sha256").update(text).digest("hex");
}

function fits(family: Family, checkpoint: Checkpoint, own: PromptRenderer | null): boolean {
	const { pinnedKwargs, prompts } = family;
	// Engines render these models without a template.
	if (prompts.kind === "encoder") return true;
	if (own === null || checkpoint.chatTemplate === null) return false;
	// Only a template that reads the pinned arguments does what the family needs of it.
	if (prompts.kind === "checkpoint")
		return Object.keys(pinnedKwargs).every((name) => checkpoint.chatTemplate?.includes(name));
	return checkpoint.chatTemplate.includes("think") && agrees(family, checkpoint, own);
}

/** The family's own template writes the same where no answer stands. */
function agrees(
	{ pinnedKwargs, prompts }: Family,
	{ specialTokens }: Checkpoint,
	own: PromptRenderer,
): boolean {
	if (prompts.kind !== "template") return false;
	const family = new PromptRenderer(new ChatTemplate(prompts.template), specialTokens);
	const kwargs: JsonObject = new Map(Object.entries(pinnedKwargs));
	return [QUESTION, INSTRUCTED_QUESTION].every((conversation) =>
		writeAlike(family, own, conversation, kwargs),
	);
}

/** The template forgets the reasoning of earlier answers, and the family's keeps it. */
function mends(family: Family, checkpoint: Checkpoint, own: PromptRenderer): boolean {
	if (checkpoint.chatTemplate?.includes("reasoning_content") !== true) return false;
	const kwargs: JsonObject = new Map(Object.entries(family.pinnedKwargs));
	const text = promptOrNull(own, { messages: ANSWERED, tools: undefined, kwargs });
	return text !== null && !text.includes(REASONING) && agrees(family, checkpoint, own);
}
