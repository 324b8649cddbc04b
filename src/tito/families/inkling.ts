// Family `inkling`: every message has a role token of its own, and one turn of the model may be several. Values only.
import type { Family } from "../family.js";
import { INKLING_TEMPLATE } from "./inkling-template.js";

export const inkling: Family = {
	name: "inkling",
	pinnedKwargs: {},
	appendRoles: ["tool", "user", "system", "assistant"],
	maxTrimTokens: 0,
	prompts: { kind: "template", template: INKLING_TEMPLATE },
	boundary: { kind: "none" },
	endOfTurn: ["<|end_message|>", "<|content_model_end_sampling|>"],
	segmentTokens: {
		only: ["<|message_user|>", "<|message_model|>", "<|message_system|>", "<|message_tool|>"],
	},
	assistantStart: "<|message_model|>",
};
