// Finds the shared checkpoints and golden prompts. Tests that need them skip themselves where they are absent.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe } from "vitest";
import { parseJson } from "../../src/json/parse.js";
import { JsonNumber, type JsonObject, type JsonValue } from "../../src/json/value.js";
import type { PromptInput } from "../../src/tito/tito.js";

const beside = resolve(import.meta.dirname, "../../../shared");

/** Building a model's own tokenizer takes seconds, on a machine with other work to do many. */
export const LOADING_MS = 180_000;

/** The directory with `checkpoints/` and `golden/`; null where it is absent. */
export const sharedDir: string | null =
	[process.env.ROLLPIN_SHARED, beside].find((dir) => dir !== undefined && existsSync(join(dir, "golden"))) ??
	null;

/** A `describe` for tests that need the shared files; skips itself, saying so, where they are absent. */
export function describeWithShared(name: string, tests: () => void): void {
	if (sharedDir === null)
		console.warn(
			`"${name}" is skipped: no shared checkpoints beside the repository, and ROLLPIN_SHARED is not set`,
		);
	describe.skipIf(sharedDir === null)(name, tests);
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
export function goldenNames(): string[] {
	if (sharedDir === null) return [];
	const files = readdirSync(join(sharedDir, "golden/templates")).filter((name) => name.endsWith(".json"));
	return files.map((name) => name.slice(0, -5)).sort();
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

export function goldenCases(name: string): GoldenCase[] {
	const cases = list(readJson(sharedDir ?? "", "golden/templates", `${name}.json`).get("cases")).map(object);
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
