// Reads the fields of a message for an encoder and refuses what its format has no text for. Never edits a message.
import { RollpinError } from "../../base/errors.js";
import type { JsonValue } from "../../json/value.js";
import type { NamedMessage } from "../messages.js";
import { notRendered } from "../not-rendered.js";

/** Fields of the published formats that no chat client sends; rendering as if they were absent would be untrue. */
const UNSUPPORTED = ["tools", "response_format", "task", "wo_eos"];

/** What the formats read of a message and of a call, beside its role. */
export const MESSAGE_FIELDS = [
	...UNSUPPORTED,
	"content",
	"reasoning_content",
	"tool_calls",
	"tool_call_id",
	"id",
] as const;

/** The role. @throws RollpinError `invalid_messages` for fields that only the model's maker uses */
export function roleOf({ message, where }: NamedMessage): string {
	for (const name of UNSUPPORTED) {
		const value = message.get(name) ?? null;
		if (value !== null && value !== false)
			throw refused(`${where}.${name}`, "is not rendered here", "leave it out of the message");
	}
	const role = message.get("role");
	if (typeof role === "string") return role;
	throw refused(`${where}.role`, "is not a string", "send the message's role");
}

/** @throws RollpinError `invalid_messages` for anything but a string */
export function requiredText({ message, where }: NamedMessage, name: string): string {
	const value = message.get(name);
	if (typeof value === "string") return value;
	throw refused(`${where}.${name}`, "is not a string", "send the whole text as one string");
}

/** "" where the field is null or missing. @throws RollpinError `invalid_messages` for anything else but a string */
export function optionalText(named: NamedMessage, name: string): string {
	return (named.message.get(name) ?? null) === null ? "" : requiredText(named, name);
}

export interface ToolCall {
	id: string;
	name: string;
	/** As it was sent: text or, from some agents, already parsed. */
	arguments: JsonValue;
	/** What to call the arguments in an error. */
	where: string;
}

/** @throws RollpinError `invalid_messages` for calls that lack a name or arguments */
export function toolCallsOf({ message, where }: NamedMessage): ToolCall[] {
	const calls = message.get("tool_calls") ?? null;
	if (calls === null) return [];
	if (!Array.isArray(calls))
		throw refused(`${where}.tool_calls`, "is not a list", "send a list of tool calls");
	return calls.map((call, at) => {
		const place = `${where}.tool_calls[${at}].function`;
		const called = call instanceof Map ? call.get("function") : undefined;
		if (!(call instanceof Map) || !(called instanceof Map))
			throw refused(place, "is not an object", "send name and arguments in it");
		const id = call.get("id");
		const name = called.get("name");
		if (typeof name !== "string") throw refused(`${place}.name`, "is not a string", "send the tool's name");
		return {
			id: typeof id === "string" ? id : "",
			name,
			arguments: called.get("arguments") ?? null,
			where: `${place}.arguments`,
		};
	});
}

export function refused(param: string, what: string, remedy: string, cause?: unknown): RollpinError {
	return new RollpinError("invalid_messages", `${param} ${what}; ${remedy}`, { param, cause });
}

export function unknownRole({ where }: NamedMessage, role: string, model: string): RollpinError {
	return notRendered(
		`${where}.role`,
		`is ${JSON.stringify(role)}, which ${model} has no text for; send a role the model knows`,
	);
}
