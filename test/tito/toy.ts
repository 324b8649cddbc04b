// The toy checkpoint that ships with the package, and short ways to write its conversations.
import { join } from "node:path";
import { packageRoot } from "../../src/base/package-root.js";
import type { JsonObject } from "../../src/json/value.js";
import { createTito, type TitoOptions } from "../../src/tito/create.js";
import type { Tito } from "../../src/tito/tito.js";
import { json, object } from "./shared.js";

export const TOY_DIR = join(packageRoot(), "checkpoints", "toy");

export function toyTito(options: Partial<TitoOptions> = {}): Promise<Tito> {
	return createTito({
		checkpointDir: TOY_DIR,
		chatTemplateFile: null,
		chatTemplateKwargs: new Map(),
		titoModel: "default",
		...options,
	});
}

/** A message from its JSON text, or from a role and a content. */
export function message(roleOrJson: string, content?: string): JsonObject {
	if (content === undefined) return object(json(roleOrJson));
	return new Map([
		["role", roleOrJson],
		["content", content],
	]);
}
