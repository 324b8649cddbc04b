// Family `kimi25`: Kimi K2.5, whose own template forgets earlier reasoning. Values only.
import type { Family } from "../family.js";
import { KIMI25_TEMPLATE } from "./kimi25-template.js";

export const kimi25: Family = {
	name: "kimi25",
	pinnedKwargs: { preserve_thinking: true },
	appendRoles: ["tool", "user", "system", "assistant"],
	maxTrimTokens: 0,
	prompts: { kind: "template", template: KIMI25_TEMPLATE },
	boundary: { kind: "none" },
	endOfTurn: ["<|im_end|>"],
	segmentTokens: { except: ["<|im_middle|>"] },
	assistantStart: "<|im_assistant|>",
};
