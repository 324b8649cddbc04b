// A request's tools as SGLang's schema writes them into a prompt, release by release, and which of them a prompt shows. Pure.
import type { JsonObject, JsonValue } from "../../json/value.js";
import { SimRefusal } from "./chat-request.js";
import { invalid } from "./engine-messages.js";
import type { EngineRelease } from "./engine-release.js";

/** A function's fields in the schema's order. */
const FUNCTION_FIELDS = ["description", "name", "parameters", "strict", "defer_loading"] as const;

/**
 * The tools that the prompt shows, or null: none with `tool_choice: "none"`, the one that a named choice names.
 * @throws SimRefusal 400 for a tool that the schema refuses or a choice without its tool
 */
export function shownTools(
	tools: JsonValue | undefined,
	choice: JsonValue | undefined,
	release: EngineRelease,
): JsonObject[] | null {
	const list = Array.isArray(tools) ? tools.map((tool, at) => engineTool(tool, `tools.${at}`, release)) : [];
	const named = choice instanceof Map ? choice.get("function") : undefined;
	if (named === undefined) {
		if (choice === "required" && list.length === 0) {
			throw new SimRefusal(400, "Tools cannot be empty if tool choice is set to required.");
		}
		return list.length === 0 || choice === "none" ? null : list;
	}
	const wanted = named instanceof Map ? named.get("name") : undefined;
	if (list.length === 0) {
		throw new SimRefusal(400, "Tools cannot be empty if tool choice is set to a specific tool.");
	}
	const kept = list.filter((tool) => (tool.get("function") as JsonObject).get("name") === wanted);
	if (kept.length === 0) throw new SimRefusal(400, `Tool '${String(wanted)}' not found in tools list.`);
	return kept;
}

function engineTool(tool: JsonValue, where: string, release: EngineRelease): JsonObject {
	const described = tool instanceof Map ? tool.get("function") : undefined;
	if (!(tool instanceof Map) || !(described instanceof Map)) {
		throw invalid(`${where}.function`, "Field required");
	}
	if (typeof described.get("name") !== "string") throw invalid(`${where}.function.name`, "Field required");
	const deferred = tool.get("defer_loading") ?? null;
	const filled = new Map<string, JsonValue>();
	for (const name of FUNCTION_FIELDS) filled.set(name, described.get(name) ?? null);
	if (filled.get("defer_loading") === null) filled.set("defer_loading", deferred);
	if (filled.get("defer_loading") === null) filled.delete("defer_loading");
	if (!release.toolsAsSent) {
		filled.set("strict", filled.get("strict") === true);
	} else if (filled.get("strict") === null) {
		filled.delete("strict");
	}
	return new Map<string, JsonValue>([
		["type", tool.get("type") ?? "function"],
		["function", release.toolsAsSent ? inClientsOrder(filled, described) : filled],
		["defer_loading", deferred],
	]);
}

/** The client's keys first, as it sent them, then what the schema adds. */
function inClientsOrder(filled: JsonObject, sent: JsonObject): JsonObject {
	const ordered: JsonObject = new Map();
	for (const name of [...sent.keys(), ...filled.keys()]) {
		const value = filled.get(name);
		if (value !== undefined) ordered.set(name, value);
	}
	return ordered;
}
