// Reads how many layers a checkpoint's model has. Reads nothing else of it.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ownMember } from "../base/own-member.js";

/** `num_hidden_layers` of config.json, or of its `text_config`; null when the file or the number is absent. */
export function readNumLayers(checkpointDir: string): number | null {
	const file = join(checkpointDir, "config.json");
	if (!existsSync(file)) return null;
	const config: unknown = JSON.parse(readFileSync(file, "utf8"));
	return layersIn(config) ?? layersIn(ownMember(config, "text_config"));
}

function layersIn(config: unknown): number | null {
	const layers = ownMember(config, "num_hidden_layers");
	return Number.isSafeInteger(layers) && (layers as number) > 0 ? (layers as number) : null;
}
