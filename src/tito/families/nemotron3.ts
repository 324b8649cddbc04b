// Family `nemotron3`: Nemotron 3, whose own template keeps reasoning when an argument says so. Values only.
import type { Family } from "../family.js";

export const nemotron3: Family = {
	name: "nemotron3",
	pinnedKwargs: { truncate_history_thinking: false },
	appendRoles: ["tool", "user", "system", "assistant"],
	maxTrimTokens: 0,
	prompts: { kind: "checkpoint" },
	boundary: { kind: "newline", after: "<|im_end|>" },
	assistantStart: "<|im_start|>assistant\n",
};
