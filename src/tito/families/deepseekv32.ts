// Family `deepseekv32`: DeepSeek-V3.2, whose prompts are published as code; reasoning is kept. Values only.
import { deepseekV32Encoder } from "../encoders/deepseek-v32.js";
import type { Family } from "../family.js";
import { DEEPSEEK_THINKING } from "./deepseek-thinking.js";

export const deepseekv32: Family = {
	name: "deepseekv32",
	pinnedKwargs: { drop_thinking: false },
	kwargAliases: DEEPSEEK_THINKING,
	appendRoles: ["tool", "user", "system", "assistant"],
	maxTrimTokens: 0,
	prompts: { kind: "encoder", encoder: deepseekV32Encoder },
	boundary: { kind: "none" },
	endOfTurn: ["<｜end▁of▁sentence｜>"],
	segmentTokens: { only: ["<｜User｜>", "<｜Assistant｜>"] },
	assistantStart: "<｜Assistant｜>",
};
