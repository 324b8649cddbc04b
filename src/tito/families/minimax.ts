// Families `minimax_m25` and `minimax_m27`, whose own templates forget earlier reasoning. Values only.
import type { Family } from "../family.js";
import { MINIMAX_M25_TEMPLATE, MINIMAX_M27_TEMPLATE } from "./minimax-template.js";

const common = {
	pinnedKwargs: { clear_thinking: false },
	appendRoles: ["tool", "user", "assistant"],
	maxTrimTokens: 0,
	boundary: { kind: "newline", after: "[e~[" },
	assistantStart: "]~b]ai",
} as const satisfies Omit<Family, "name" | "prompts">;

export const minimaxM25: Family = {
	name: "minimax_m25",
	...common,
	prompts: { kind: "template", template: MINIMAX_M25_TEMPLATE },
};

export const minimaxM27: Family = {
	name: "minimax_m27",
	...common,
	prompts: { kind: "template", template: MINIMAX_M27_TEMPLATE },
};
