// Families `qwen35` and `qwen36`: their own templates forget earlier reasoning, or keep it but want a question. Values only.
import type { Family } from "../family.js";
import { QWEN35_TEMPLATE, QWEN36_TEMPLATE } from "./qwen35-template.js";

/** What every model since Qwen3.5 has in common. */
export const QWEN35_TRAITS = {
	pinnedKwargs: { preserve_thinking: true },
	appendRoles: ["tool", "user", "assistant"],
	maxTrimTokens: 0,
	boundary: { kind: "newline", after: "<|im_end|>" },
	assistantStart: "<|im_start|>assistant",
} as const satisfies Omit<Family, "name" | "prompts">;

export const qwen35: Family = {
	name: "qwen35",
	...QWEN35_TRAITS,
	prompts: { kind: "template", template: QWEN35_TEMPLATE },
};

export const qwen36: Family = {
	name: "qwen36",
	...QWEN35_TRAITS,
	prompts: { kind: "template", template: QWEN36_TEMPLATE },
};
