// Tools as the engine's own schema writes them: key order, defaults filled in, unknown keys dropped. Pure.
import { RollpinError } from "../base/errors.js";
import { type Dict, fromJson } from "../jinja/values.js";
import type { JsonObject, JsonValue } from "../json/value.js";
import { asEngineReads } from "./engine-numbers.js";

/**
 * How the engine's release hands a tool to the chat template (`Tool` and `Function` in sgl-project/sglang,
 * python/sglang/srt/entrypoints/openai/protocol.py; test/tito/golden has what those classes print).
 * 1: before 0.5.13, `{type, function: {description, name, parameters, strict}}` with the defaults filled in.
 * 2: 0.5.13 to 0.5.22, the same with `defer_loading` after `function`, null when it is missing, and in the function
 * too when it is set. 3: from 0.5.23 on, the function's keys in the client's order, what is missing after them,
 * `strict` only when it was sent.
 */
export type ToolSchemaVersion = 1 | 2 | 3;

/** For an engine that does not say its release: as most engines of this day have it. */
export const NEWEST_TOOL_SCHEMA: ToolSchemaVersion = 3;

export interface CanonicalTools {
	full: Dict[];
	/** Only the function objects, for templates that expect those. */
	bare: Dict[];
}

const FUNCTION_KEYS = ["description", "name", "parameters", "strict", "defer_loading"] as const;
type FunctionKey = (typeof FUNCTION_KEYS)[number];

/** Null when there are no tools. @throws RollpinError `invalid_request` naming the tool at fault */
export function canonicalTools(
	tools: readonly JsonValue[] | undefined,
	version: ToolSchemaVersion,
): CanonicalTools | null {
	if (tools === undefined || tools.length === 0) return null;
	const full = tools.map((tool, index) => canonicalTool(tool, index, version));
	return { full, bare: full.map((tool) => tool.get("function") as Dict) };
}

function canonicalTool(tool: JsonValue, index: number, version: ToolSchemaVersion): Dict {
	if (!(tool instanceof Map)) throw invalid(index, "is not an object");
	const wrapped = tool.has("function");
	const described = wrapped ? tool.get("function") : tool;
	if (!(described instanceof Map)) throw invalid(index, "has a function that is not an object");
	const type = wrapped && tool.has("type") ? tool.get("type") : "function";
	if (typeof type !== "string") throw invalid(index, "has a type that is not a string");
	if (version === 1) return dict([type, canonicalFunction(described, index, version, null)]);
	const deferred = wrapped ? flag(tool, "defer_loading", index) : null;
	return dict([type, canonicalFunction(described, index, version, deferred)], deferred);
}

function dict([type, written]: [string, Dict], ...deferred: Array<boolean | null>): Dict {
	const canonical = new Map<string, unknown>([
		["type", type],
		["function", written],
	]);
	for (const value of deferred) canonical.set("defer_loading", value);
	return canonical as Dict;
}

/** @param deferred what the tool itself says, for a function that says nothing of it */
function canonicalFunction(
	described: JsonObject,
	index: number,
	version: ToolSchemaVersion,
	deferred: boolean | null,
): Dict {
	const values = readFunction(described, index, version, deferred);
	const order = version === 3 ? sentFirst(described) : FUNCTION_KEYS;
	const written = new Map<string, unknown>();
	for (const key of order) {
		const value = values[key];
		if (value !== undefined) written.set(key, value);
	}
	return written as Dict;
}

/** Of all keys; undefined is left out of the prompt. */
function readFunction(
	described: JsonObject,
	index: number,
	version: ToolSchemaVersion,
	deferred: boolean | null,
): Record<FunctionKey, unknown> {
	const name = described.get("name");
	if (typeof name !== "string") throw invalid(index, "has no function name");
	const description = described.get("description") ?? null;
	if (description !== null && typeof description !== "string")
		throw invalid(index, "has a description that is not a string");
	const strict = flag(described, "strict", index);
	if (strict === null && version !== 3 && described.has("strict"))
		throw invalid(index, "has strict null, which this engine refuses");
	return {
		description,
		name,
		parameters: fromJson(
			asEngineReads(described.get("parameters") ?? null, (what) =>
				invalid(index, `in its parameters ${what}`),
			),
		),
		strict: strict ?? (version === 3 ? undefined : false),
		defer_loading:
			version === 1 ? undefined : (flag(described, "defer_loading", index) ?? deferred ?? undefined),
	};
}

function sentFirst(described: JsonObject): FunctionKey[] {
	const known = new Set<string>(FUNCTION_KEYS);
	const sent = [...described.keys()].filter((key): key is FunctionKey => known.has(key));
	return [...new Set([...sent, ...FUNCTION_KEYS])];
}

function flag(holder: JsonObject, key: string, index: number): boolean | null {
	const value = holder.get(key);
	if (value === undefined || value === null) return null;
	if (typeof value === "boolean") return value;
	throw invalid(index, `has a ${key} that is neither true nor false`);
}

function invalid(index: number, what: string): RollpinError {
	return new RollpinError(
		"invalid_request",
		`tools[${index}] ${what}; send {"type": "function", "function": {"name": ..., "parameters": ...}}`,
		{ param: `tools[${index}]` },
	);
}
