// Tools as the engine's own schema writes them: fixed key order, defaults filled in, unknown keys dropped. Pure.
import { RollpinError } from "../base/errors.js";
import type { JsonObject, JsonValue } from "../json/value.js";
import { type Dict, fromJson } from "./jinja/values.js";

export interface CanonicalTools {
	/** `{type, function: {description, name, parameters, strict}}` each. */
	full: Dict[];
	/** Only the function objects, for templates that expect those. */
	bare: Dict[];
}

/** Null when there are no tools. @throws RollpinError `invalid_request` naming the tool at fault */
export function canonicalTools(tools: readonly JsonValue[] | undefined): CanonicalTools | null {
	if (tools === undefined || tools.length === 0) return null;
	const full = tools.map(canonicalTool);
	return { full, bare: full.map((tool) => tool.get("function") as Dict) };
}

function canonicalTool(tool: JsonValue, index: number): Dict {
	if (!(tool instanceof Map)) throw invalid(index, "is not an object");
	const wrapped = tool.has("function");
	const described = wrapped ? tool.get("function") : tool;
	if (!(described instanceof Map)) throw invalid(index, "has a function that is not an object");
	const type = wrapped ? (tool.get("type") ?? "function") : "function";
	return new Map<string, unknown>([
		["type", fromJson(type)],
		["function", canonicalFunction(described, index)],
	]) as Dict;
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

function invalid(index: number, what: string): RollpinError {
	return new RollpinError(
		"invalid_request",
		`tools[${index}] ${what}; send {"type": "function", "function": {"name": ..., "parameters": ...}}`,
		{ param: `tools[${index}]` },
	);
}
