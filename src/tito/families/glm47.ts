// Family `glm47`: GLM-4.7, whose own template keeps reasoning when an argument says so. Values only.
import type { Family } from "../family.js";

export const glm47: Family = {
	name: "glm47",
	pinnedKwargs: { clear_thinking: false },
	appendRoles: ["tool", "user", "system", "assistant"],
	maxTrimTokens: 1,
	prompts: { kind: "checkpoint" },
	boundary: { kind: "drop", tokens: ["<|user|>", "<|observation|>"] },
	assistantStart: "<|assistant|>",
};
