// Families `qwen38small` (Qwen3.8) and `qwen4exp` (Qwen3.8-Flash-Next, model type qwen4_exp): one prompt format. Facts only.
import type { Family } from "../family.js";
import { QWEN38_TEMPLATE } from "./qwen35-template.js";

const shared = {
	pinnedKwargs: { preserve_thinking: true, reasoning_effort: "xhigh" },
	appendRoles: ["tool", "user", "assistant"],
	maxTrimTokens: 0,
	prompts: { kind: "template", template: QWEN38_TEMPLATE },
	boundary: { kind: "newline", after: "<|im_end|>" },
	assistantStart: "<|im_start|>assistant",
	parsers: { reasoning: "qwen3", toolCall: "qwen3_coder" },
} as const satisfies Omit<Family, "name">;

export const qwen38small: Family = { name: "qwen38small", ...shared };

export const qwen4exp: Family = { name: "qwen4exp", ...shared };
