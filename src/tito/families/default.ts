// Family `default`: any checkpoint with a template that keeps history as it was sampled. Values only.
import type { Family } from "../family.js";

export const defaultFamily: Family = {
	name: "default",
	pinnedKwargs: {},
	appendRoles: ["tool", "user", "system", "assistant"],
	maxTrimTokens: 0,
	prompts: { kind: "checkpoint" },
	boundary: { kind: "none" },
};
