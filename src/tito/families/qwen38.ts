// Families `qwen38small` (Qwen3.8) and `qwen4exp` (Qwen3.8-Flash-Next, model type qwen4_exp): one prompt format. Values only.
import type { Family } from "../family.js";
import { QWEN35_TRAITS } from "./qwen35.js";
import { QWEN38_TEMPLATE } from "./qwen35-template.js";

const common = {
	...QWEN35_TRAITS,
	pinnedKwargs: { preserve_thinking: true, reasoning_effort: "xhigh" },
	prompts: { kind: "template", template: QWEN38_TEMPLATE },
} as const satisfies Omit<Family, "name">;

export const qwen38small: Family = { name: "qwen38small", ...common };

export const qwen4exp: Family = { name: "qwen4exp", ...common };
