// Family `qwennext`: Qwen3-Next and Qwen3 Thinking-2507, whose own template forgets earlier reasoning. Values only.
import type { Family } from "../family.js";
import { QWEN3_THINKING_TEMPLATE } from "./qwen3-template.js";

export const qwennext: Family = {
	name: "qwennext",
	pinnedKwargs: { clear_thinking: false },
	appendRoles: ["tool", "user", "system", "assistant"],
	maxTrimTokens: 0,
	prompts: { kind: "template", template: QWEN3_THINKING_TEMPLATE },
	boundary: { kind: "newline", after: "<|im_end|>" },
	assistantStart: "<|im_start|>assistant",
};
