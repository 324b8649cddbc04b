// What of a chat request reaches the chat template beside its messages, as SGLang derives it. Pure.
import { RollpinError } from "../../base/errors.js";
import { JsonNumber, type JsonObject, type JsonValue } from "../../json/value.js";
import type { TemplateInput } from "./generation.js";

export interface TemplateFields {
	tools: readonly JsonValue[] | undefined;
	/** `tool_choice`, `reasoning_effort`, `reasoning` and `chat_template_kwargs` as they stand in the body. */
	toolChoice: JsonValue | undefined;
	reasoningEffort: JsonValue | undefined;
	reasoning: JsonValue | undefined;
	kwargs: JsonObject | undefined;
	continueFinalMessage: JsonValue | undefined;
	addGenerationPrompt: JsonValue | undefined;
}

/**
 * SGLang's rules (python/sglang/srt/entrypoints/openai, 0.5.23): `tool_choice` "none" leaves the tools out, a named function
 * keeps only that one; an effort is the template kwarg `reasoning_effort`, and switches thinking under both of its names
 * unless the request's own kwargs do.
 * @throws RollpinError `invalid_request` naming the field
 */
export function templateInput(fields: TemplateFields): TemplateInput {
	// With ids the engine ignores both fields, and an answer that is closed and opened anew is not what was asked for.
	if (fields.continueFinalMessage === true)
		throw invalid(
			"continue_final_message",
			"is not supported in a session: its last message would be closed and a second answer opened; leave it out",
		);
	if (fields.addGenerationPrompt === false)
		throw invalid(
			"add_generation_prompt",
			"cannot be false: a turn's prompt always opens an answer; leave it out",
		);
	return { tools: chosenTools(fields.tools, fields.toolChoice), kwargs: kwargsWithEffort(fields) };
}

/** The tools that reach the prompt. @throws RollpinError `invalid_request` for a choice that names none of them */
export function chosenTools(
	tools: readonly JsonValue[] | undefined,
	toolChoice: JsonValue | undefined = null,
): readonly JsonValue[] | undefined {
	if (toolChoice === null || toolChoice === "auto" || toolChoice === "required") return tools;
	if (toolChoice === "none") return undefined;
	const called = toolChoice instanceof Map ? toolChoice.get("function") : undefined;
	const name = called instanceof Map ? called.get("name") : undefined;
	if (typeof name !== "string")
		throw invalid(
			"tool_choice",
			'is neither "auto", "none", "required" nor {"type": "function", "function": {"name": ...}}',
		);
	const named = (tools ?? []).filter((tool) => nameOf(tool) === name);
	if (named.length === 0)
		throw invalid("tool_choice", `names ${JSON.stringify(name)}, which is not among the request's tools`);
	return named;
}

function nameOf(tool: JsonValue): JsonValue | undefined {
	const described = tool instanceof Map ? (tool.get("function") ?? tool) : null;
	return described instanceof Map ? described.get("name") : undefined;
}

function kwargsWithEffort(fields: TemplateFields): JsonObject | undefined {
	const { kwargs } = fields;
	const asked = fields.reasoning instanceof Map ? fields.reasoning : null;
	const effort = effortOf(asked?.get("effort") ?? asked?.get("reasoning_effort") ?? fields.reasoningEffort);
	const enabled = (asked?.get("enabled") ?? asked?.get("enable")) === true;
	if (effort === null && !enabled) return kwargs;
	const thinks = effort === null || effort !== "none";
	const derived: JsonObject = new Map(effort === null ? [] : [["reasoning_effort", effort]]);
	// Models know thinking under one of these names: https://docs.sglang.io, "Reasoning parser".
	for (const name of ["thinking", "enable_thinking"]) derived.set(name, thinks);
	for (const [name, value] of kwargs ?? []) derived.set(name, value);
	return derived;
}

function effortOf(effort: JsonValue | undefined): JsonValue {
	if (effort === undefined || effort === null) return null;
	if (typeof effort === "string" || effort instanceof JsonNumber) return effort;
	throw invalid("reasoning_effort", "is neither a level's name nor a number");
}

function invalid(param: string, rule: string): RollpinError {
	return new RollpinError("invalid_request", `${param} ${rule}`, { param });
}
