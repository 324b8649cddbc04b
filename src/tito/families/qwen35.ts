// Family `qwen35`: Qwen3.5, whose own template forgets earlier reasoning. Facts only.
import type { Family } from "../family.js";
import { QWEN35_TEMPLATE } from "./qwen35-template.js";

export const qwen35: Family = {
	name: "qwen35",
	pinnedKwargs: { preserve_thinking: true },
	appendRoles: ["tool", "user", "assistant"],
	maxTrimTokens: 0,
	prompts: { kind: "template", template: QWEN35_TEMPLATE },
	boundary: { kind: "newline", after: "<|im_end|>" },
	assistantStart: "<|im_start|>assistant",
	parsers: { reasoning: "qwen3", toolCall: "qwen3_coder" },
};
