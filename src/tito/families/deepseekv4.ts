// Family `deepseekv4`: DeepSeek-V4, whose prompts are published as code; reasoning is kept. Values only.
import { deepseekV4Encoder } from "../encoders/deepseek-v4.js";
import type { Family } from "../family.js";
import { DEEPSEEK_THINKING } from "./deepseek-thinking.js";

export const deepseekv4: Family = {
	name: "deepseekv4",
	pinnedKwargs: { drop_thinking: false },
	kwargAliases: DEEPSEEK_THINKING,
	appendRoles: ["tool", "user", "assistant"],
	maxTrimTokens: 0,
	prompts: { kind: "encoder", encoder: deepseekV4Encoder },
	boundary: { kind: "none" },
	endOfTurn: ["<｜end▁of▁sentence｜>"],
	trailing: ["<｜Assistant｜>", "<think>", "</think>"],
	segmentTokens: { only: ["<｜User｜>", "<｜Assistant｜>"] },
	assistantStart: "<｜Assistant｜>",
};
