// Family `glm53`: GLM-5.3, whose template opens a think block whatever `enable_thinking` says. Values only.
import type { Family } from "../family.js";
import { glm47 } from "./glm47.js";

export const glm53: Family = {
	...glm47,
	name: "glm53",
	pinnedKwargs: { clear_thinking: false, enable_thinking: true },
};
