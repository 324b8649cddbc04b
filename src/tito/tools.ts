// Tools as the engine's own schema writes them: fixed key order, defaults filled in, unknown keys dropped. Pure.
import { RollpinError } from "../base/errors.js";
import type { JsonObject, JsonValue } from "../json/value.js";
import { type Dict, fromJson } from "./jinja/values.js";

/**
 * The engine's schema of a tool. 2 has `defer_loading` behind `function`, null when it is missing, and in the function
 * too when it is set (sgl-project/sglang, python/sglang/srt/entrypoints/openai/protocol.py at 004c82e); 1 is older.
 */
export type ToolSchemaVersion = 1 | 2;

export interface CanonicalTools {
	/** `{type, function: {description, name, parameters, strict}}` each, in version 2 with `defer_loading`. */
	full: Dict[];
	/** Only the function objects, for templates that expect those. */
	bare: Dict[];
}

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
	const type = wrapped ? (tool.get("type") ?? "function") : "function";
	const canonical = new Map<string, unknown>([["type", fromJson(type)]]);
	const written = canonicalFunction(described, index);
	canonical.set("function", written);
	if (version === 2) {
		const deferred = wrapped ? boolean(tool.get("defer_loading"), index) : null;
		const ofFunction = boolean(described.get("defer_loading"), index) ?? deferred;
		if (ofFunction !== null) written.set("defer_loading", ofFunction);
		canonical.set("defer_loading", deferred);
	}
	return canonical as Dict;
}

function canonicalFunction(described: JsonObject, index: number): Dict {
	const name = described.get("name");
	if (typeof name !== "string") throw invalid(index, "has no function name");
	const description = described.get("description") ?? null;
	if (description !== null && typeof description !== "string")
		throw invalid(index, "has a description that is not a string");
	return new Map<string, unknown>([
		["description", description],
		["name", name],
		["parameters", fromJson(described.get("parameters") ?? null)],
		["strict", fromJson(described.get("strict") ?? false)],
	]) as Dict;
}

function boolean(value: JsonValue | undefined, index: number): boolean | null {
	if (value === undefined || value === null) return null;
	if (typeof value === "boolean") return value;
	throw invalid(index, "has a defer_loading that is neither true nor false");
}

function invalid(index: number, what: string): RollpinError {
	return new RollpinError(
		"invalid_request",
		`tools[${index}] ${what}; send {"type": "function", "function": {"name": ..., "parameters": ...}}`,
		{ param: `tools[${index}]` },
	);
}
