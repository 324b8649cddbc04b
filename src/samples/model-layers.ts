// Reads how many layers a checkpoint's model has. Reads nothing else of it.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** `num_hidden_layers` of config.json, or of its `text_config`; null when the file or the number is absent. */
export function readNumLayers(checkpointDir: string): number | null {
	const file = join(checkpointDir, "config.json");
	if (!existsSync(file)) return null;
	const config: unknown = JSON.parse(readFileSync(file, "utf8"));
	return layersIn(config) ?? layersIn(own(config, "text_config"));
}

function layersIn(config: unknown): number | null {
	const layers = own(config, "num_hidden_layers");
	return Number.isSafeInteger(layers) && (layers as number) > 0 ? (layers as number) : null;
}

function own(value: unknown, key: string): unknown {
	if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined;
	return (value as Readonly<Record<string, unknown>>)[key];
}
