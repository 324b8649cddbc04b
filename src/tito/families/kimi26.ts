// Family `kimi26`: Kimi K2.6, whose own template keeps reasoning when an argument says so. Values only.
import type { Family } from "../family.js";

export const kimi26: Family = {
	name: "kimi26",
	pinnedKwargs: { preserve_thinking: true },
	appendRoles: ["tool", "user", "system", "assistant"],
	maxTrimTokens: 0,
	prompts: { kind: "checkpoint" },
	boundary: { kind: "none" },
	endOfTurn: ["<|im_end|>"],
	segmentTokens: { except: ["<|im_middle|>"] },
	assistantStart: "<|im_assistant|>",
};
