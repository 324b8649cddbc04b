// Every family with a checkpoint to test it on. DeepSeek's are tested beside their encoders.
import { join } from "node:path";
import { packageRoot } from "../../src/base/package-root.js";
import { allFamilies } from "../../src/tito/families/registry.js";
import { type FamilyRig, familyRig } from "./family-rig.js";
import { isShared, sharedCheckpoint } from "./shared.js";

/** They have no rig, and no row in the tables of facts: `deepseek-*.test.ts` are theirs. */
const TESTED_BESIDE_ENCODERS = ["deepseekv32", "deepseekv4"];

/** Families that must have a rig here, and a row in every table of facts. */
export const RIGGED_FAMILIES: readonly string[] = allFamilies()
	.map(({ name }) => name)
	.filter((name) => !TESTED_BESIDE_ENCODERS.includes(name));

const KIMI_TOKENS = [
	"<|im_system|>",
	"<|im_user|>",
	"<|im_assistant|>",
	"<|im_middle|>",
	"<|tool_calls_section_begin|>",
	"<|tool_calls_section_end|>",
	"<|tool_call_begin|>",
	"<|tool_call_argument_begin|>",
	"<|tool_call_end|>",
];

const MINIMAX_TOKENS = ["]~!b[", "]~b]", "[e~["];

const INKLING_TOKENS = [
	"<|message_user|>",
	"<|message_model|>",
	"<|message_system|>",
	"<|message_tool|>",
	"<|content_text|>",
	"<|content_thinking|>",
	"<|content_xml|>",
	"<|content_invoke_tool_json|>",
	"<|content_model_end_sampling|>",
	"<|end_message|>",
];

export const GLM_LIKE = join(packageRoot(), "test/fixtures/glm-like.jinja");
export const GLM_TOKENS = ["[gMASK]", "<sop>", "<|system|>", "<|user|>", "<|assistant|>", "<|observation|>"];

export interface ToyRig {
	titoModel: string;
	/** What the toy tokenizer must get. */
	tokens: readonly string[];
	/** In place of the toy's own, for a family that uses its checkpoint's. */
	template?: string;
}

/** Families on the toy tokenizer: those whose prompts need no file of the model's, and glm47 with a template in its manner. */
export const TOY_RIGS: readonly ToyRig[] = [
	{ titoModel: "default", tokens: [] },
	{ titoModel: "qwen3", tokens: [] },
	{ titoModel: "qwen35", tokens: [] },
	{ titoModel: "qwen36", tokens: [] },
	{ titoModel: "qwen38small", tokens: [] },
	{ titoModel: "qwen4exp", tokens: [] },
	{ titoModel: "qwennext", tokens: [] },
	{ titoModel: "kimi25", tokens: KIMI_TOKENS },
	{ titoModel: "minimax_m25", tokens: MINIMAX_TOKENS },
	{ titoModel: "minimax_m27", tokens: MINIMAX_TOKENS },
	{ titoModel: "inkling", tokens: INKLING_TOKENS },
	{ titoModel: "glm47", tokens: GLM_TOKENS, template: GLM_LIKE },
	{ titoModel: "glm53", tokens: GLM_TOKENS, template: GLM_LIKE },
];

/** Families on a model's own tokenizer, and its own template where the family says so. */
export interface RealRig {
	titoModel: string;
	/** Under the shared checkpoints, like `template`. */
	checkpoint: string;
	/** Another published template than the one beside the tokenizer. */
	template?: string;
	goldens: string;
}

/** Also those whose checkpoint is not here. */
export const ALL_RIGS: readonly RealRig[] = [
	{ titoModel: "qwen3", checkpoint: "qwen3", goldens: "qwen3" },
	{ titoModel: "qwen35", checkpoint: "qwen3", goldens: "qwen3" },
	{ titoModel: "qwen36", checkpoint: "qwen3", goldens: "qwen3" },
	{ titoModel: "qwen38small", checkpoint: "qwen3", goldens: "qwen3" },
	{ titoModel: "qwennext", checkpoint: "qwen3", goldens: "qwen3" },
	{ titoModel: "glm47", checkpoint: "glm-4.7", goldens: "glm-4.7" },
	{
		titoModel: "glm47",
		checkpoint: "glm-4.7",
		template: "glm-4.7/chat_template.glm-5.2.jinja",
		goldens: "glm-4.7",
	},
	{
		titoModel: "glm53",
		checkpoint: "glm-4.7",
		template: "glm-4.7/chat_template.glm-5.2.jinja",
		goldens: "glm-4.7",
	},
	{ titoModel: "nemotron3", checkpoint: "nemotron-3", goldens: "nemotron-3" },
	{
		titoModel: "nemotron3",
		checkpoint: "nemotron-3",
		template: "nemotron-3/chat_template.super.jinja",
		goldens: "nemotron-3",
	},
	{ titoModel: "kimi25", checkpoint: "kimi-k2", goldens: "kimi-k2" },
	{ titoModel: "kimi26", checkpoint: "kimi-k2", goldens: "kimi-k2" },
];

/** Those whose checkpoint is here. */
export const REAL_RIGS = ALL_RIGS.filter(({ checkpoint }) => isShared(checkpoint));

export function realRig({ titoModel, checkpoint, template }: RealRig): Promise<FamilyRig> {
	return familyRig(
		titoModel,
		sharedCheckpoint(checkpoint),
		template === undefined ? null : sharedCheckpoint(template),
	);
}
