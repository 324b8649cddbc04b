// Finds the golden sets: checkpoints, prompts of transformers, recorded sessions. Reads them; makes none.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseJson } from "../../src/json/parse.js";
import { JsonNumber, type JsonObject, type JsonValue } from "../../src/json/value.js";
import type { PromptInput } from "../../src/tito/tito.js";

/** In the repository: recorded sessions, and goldens over cut-down tokenizers (its SOURCES.md). */
const SMALL = resolve(import.meta.dirname, "../fixtures/golden");
const beside = resolve(import.meta.dirname, "../../../shared");

/** Building a model's own tokenizer takes seconds, on a machine with other work to do many. */
export const LOADING_MS = 180_000;

/** The whole set with the models' own tokenizers, 50 MB, where it is; else the small one. Holds `checkpoints/` and `golden/`. */
export const sharedDir: string =
	[process.env.ROLLPIN_SHARED, beside].find((dir) => dir !== undefined && existsSync(join(dir, "golden"))) ??
	SMALL;

/** Every golden set that is here: the small one is proven beside the whole one. */
export const goldenSets: readonly string[] = [...new Set([SMALL, resolve(sharedDir)])];

/** A file of the set's checkpoints; the small set lacks those that may not be passed on freely. */
export function sharedCheckpoint(path: string): string {
	return join(sharedDir, "checkpoints", path);
}

export function isShared(path: string): boolean {
	return existsSync(sharedCheckpoint(path));
}

export function readJson(...path: string[]): JsonObject {
	return object(parseJson(readFileSync(join(...path))));
}

export function object(value: JsonValue | undefined): JsonObject {
	if (value instanceof Map) return value;
	throw new Error("expected a JSON object");
}

export function list(value: JsonValue | undefined): JsonValue[] {
	if (Array.isArray(value)) return value;
	throw new Error("expected a JSON array");
}

export function text(value: JsonValue | undefined): string {
	if (typeof value === "string") return value;
	throw new Error("expected a JSON string");
}

export function numbers(value: JsonValue | undefined): number[] {
	return list(value).map((item) => (item instanceof JsonNumber ? item.value : Number.NaN));
}

/** Names of the golden template files whose checkpoint has a tokenizer. */
export function goldenNames(set: string): string[] {
	const files = readdirSync(join(set, "golden/templates")).filter((name) => name.endsWith(".json"));
	return files.map((name) => name.slice(0, -5)).sort();
}

/** Sessions that were recorded with the server whose behaviour this one keeps, and the toy checkpoint they ran with. */
export const recordingsDir = join(sharedDir, "golden/samples");

/** Their folders. @throws Error when there is none: nothing would be proven then */
export function recordedSessions(): string[] {
	const names = readdirSync(recordingsDir).filter((name) =>
		existsSync(join(recordingsDir, name, "session.json")),
	);
	if (names.length === 0) throw new Error(`${recordingsDir} has no recorded session`);
	return names;
}

/** A JSON text as lossless values; for tests that write their input down. */
export function json(source: string): JsonValue {
	return parseJson(source);
}

export interface GoldenCase {
	label: string;
	input: PromptInput;
	generates: boolean;
	golden: JsonObject;
}

export function goldenCases(name: string, set = sharedDir): GoldenCase[] {
	const cases = list(readJson(set, "golden/templates", `${name}.json`).get("cases")).map(object);
	return cases.map((golden, at) => ({
		label: `${name} case ${at} (${text(golden.get("name"))})`,
		input: {
			messages: list(golden.get("messages")).map(object),
			tools: golden.get("tools") === null ? undefined : list(golden.get("tools")),
			kwargs: object(golden.get("kwargs")),
		},
		generates: golden.get("add_generation_prompt") === true,
		golden,
	}));
}
