// Family `qwen3`: thinking Qwen3 models, whose own template forgets earlier reasoning. Values only.
import type { Family } from "../family.js";
import { QWEN3_TEMPLATE } from "./qwen3-template.js";

export const qwen3: Family = {
	name: "qwen3",
	pinnedKwargs: { clear_thinking: false },
	appendRoles: ["tool", "user", "system", "assistant"],
	maxTrimTokens: 0,
	prompts: { kind: "template", template: QWEN3_TEMPLATE },
	boundary: { kind: "newline", after: "<|im_end|>" },
	assistantStart: "<|im_start|>assistant",
};
