// Every family by the name that `--tito-model` takes. To add one: a file beside this one, and two lines here: import and entry.
import { ConfigError } from "../../base/errors.js";
import type { Family } from "../family.js";
import { deepseekv4 } from "./deepseekv4.js";
import { deepseekv32 } from "./deepseekv32.js";
import { defaultFamily } from "./default.js";
import { glm47 } from "./glm47.js";
import { glm53 } from "./glm53.js";
import { inkling } from "./inkling.js";
import { kimi25 } from "./kimi25.js";
import { kimi26 } from "./kimi26.js";
import { minimaxM25, minimaxM27 } from "./minimax.js";
import { nemotron3 } from "./nemotron3.js";
import { qwen3 } from "./qwen3.js";
import { qwen35, qwen36 } from "./qwen35.js";
import { qwen4exp, qwen38small } from "./qwen38.js";
import { qwennext } from "./qwennext.js";

const FAMILIES: ReadonlyMap<string, Family> = new Map(
	[
		defaultFamily,
		qwen3,
		glm47,
		glm53,
		nemotron3,
		kimi26,
		qwen35,
		qwen36,
		qwen38small,
		qwen4exp,
		qwennext,
		kimi25,
		minimaxM25,
		minimaxM27,
		inkling,
		deepseekv32,
		deepseekv4,
	].map((family) => [family.name, family]),
);

/** Each once. */
export function allFamilies(): Family[] {
	return [...FAMILIES.values()];
}

/** @throws ConfigError for a name that is not in the registry */
export function familyNamed(name: string): Family {
	const family = FAMILIES.get(name);
	if (family !== undefined) return family;
	throw new ConfigError(
		`--tito-model ${name} is not known; choose one of ${[...FAMILIES.keys()].join(", ")}`,
	);
}
