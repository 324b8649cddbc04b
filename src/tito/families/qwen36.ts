// Family `qwen36`: Qwen3.6, whose own template keeps reasoning when told to but wants a question. Facts only.
import type { Family } from "../family.js";
import { QWEN36_TEMPLATE } from "./qwen35-template.js";

export const qwen36: Family = {
	name: "qwen36",
	pinnedKwargs: { preserve_thinking: true },
	appendRoles: ["tool", "user", "assistant"],
	maxTrimTokens: 0,
	prompts: { kind: "template", template: QWEN36_TEMPLATE },
	boundary: { kind: "newline", after: "<|im_end|>" },
	assistantStart: "<|im_start|>assistant",
	parsers: { reasoning: "qwen3", toolCall: "qwen3_coder" },
};
