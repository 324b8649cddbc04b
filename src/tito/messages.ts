// Messages in the form a template expects, with nothing of them lost on the way. Never edits its input.
import { RollpinError } from "../base/errors.js";
import type { JsonObject, JsonValue } from "../json/value.js";
import { type OddArguments, readArguments } from "./call-arguments.js";
import { type Parts, partsOf } from "./content-parts.js";
import { reasoningInFields } from "./message-texts.js";
import { notRendered } from "./not-rendered.js";

/** A message and what to call it in an error, such as `messages[3]`. */
export interface NamedMessage {
	message: JsonObject;
	where: string;
}

/** What has to be known of a prompt format to write a message for it. */
export interface MessageForm {
	/** Whether a list of text parts is written as their text, in a message of that role. */
	readsLists(role: string, calling: boolean): boolean;
	/** Whether messages of that role are written otherwise than those of a role that does not exist. */
	knowsRole(role: string): boolean;
	/** Whether an assistant's reasoning is written at all. */
	readonly showsReasoning: boolean;
	/** What stands between the texts of a list that is not read. */
	separator(role: string): string;
	/** Text instead of a JSON object as a call's arguments. */
	readonly oddArguments: "refuse" | "text";
}

/**
 * The message as the template is given it: `developer` as `system` where it is not known, null as an empty content, parts
 * as one text where lists are not read, reasoning under its one name, arguments parsed.
 * @param lenient for a rendering that is only compared: what cannot be shown is left out instead of refused
 * @throws RollpinError `invalid_messages` or `not_rendered` naming message and field
 */
export function shownMessage(
	message: JsonObject,
	where: string,
	form: MessageForm,
	lenient: boolean,
): JsonObject {
	const role = shownRole(message, where, form, lenient);
	if (!lenient) refuseUnshownFields(message, where, role);
	const shown: JsonObject = new Map(message).set("role", role);
	const calls = message.get("tool_calls");
	const calling = role === "assistant" && Array.isArray(calls) && calls.length > 0;
	const content = message.get("content") ?? "";
	const parts = Array.isArray(content) ? partsOf(content, role, where, lenient) : null;
	if (parts === null) shown.set("content", content);
	else shown.set("content", contentOf(parts, role, calling, form));
	if (role !== "assistant") return shown;
	const reasoning = reasoningOf(message, parts, form, lenient);
	if (reasoning !== null) shown.set("reasoning_content", reasoning);
	if (Array.isArray(calls)) {
		const odd = form.oddArguments === "text" ? "text" : lenient ? "empty" : "refuse";
		shown.set("tool_calls", withArguments(calls, where, odd, lenient));
	}
	return shown;
}

/** Fields that hold text of a message and that no template reads; what they are set to where there is none varies. */
function refuseUnshownFields(message: JsonObject, where: string, role: string): void {
	const calls = message.get("tool_calls");
	if (role !== "assistant" && Array.isArray(calls) && calls.length > 0)
		throw notRendered(`${where}.tool_calls`, `are an assistant's, and this message has the role ${role}`);
	const refusal = message.get("refusal");
	if (typeof refusal === "string" && refusal !== "")
		throw notRendered(`${where}.refusal`, "is read by no chat template; send its text as the content");
	if (message.get("function_call") instanceof Map)
		throw notRendered(`${where}.function_call`, "is read by no chat template; send tool_calls");
	if (message.get("audio") instanceof Map)
		throw notRendered(
			`${where}.audio`,
			"cannot be part of a prompt of token ids; send its text as the content",
		);
}

function shownRole(message: JsonObject, where: string, form: MessageForm, lenient: boolean): string {
	const role = message.get("role");
	if (typeof role !== "string")
		throw new RollpinError("invalid_messages", `${where}.role is not a string; send the message's role`, {
			param: `${where}.role`,
		});
	if (role === "developer") return roleAs(role, form);
	if (role === "function" && !lenient && !form.knowsRole(role))
		throw notRendered(
			where,
			'has the role "function", which this model has no place for; send the result as role "tool"',
		);
	return role;
}

/** `developer` is `system` to a format that does not know it, as it is to the engine. */
export function roleAs(role: string, form: Pick<MessageForm, "knowsRole">): string {
	return role === "developer" && !form.knowsRole(role) ? "system" : role;
}

/** A template that reads lists gets plain text parts: what else a part has might be printed. */
function contentOf(parts: Parts, role: string, calling: boolean, form: MessageForm): JsonValue {
	if (parts.texts.length === 0) return "";
	if (!form.readsLists(role, calling)) return parts.texts.join(form.separator(role));
	return parts.texts.map(
		(text) =>
			new Map([
				["type", "text"],
				["text", text],
			]),
	);
}

/** Null when there is none beside what the message has already. */
function reasoningOf(
	message: JsonObject,
	parts: Parts | null,
	form: MessageForm,
	lenient: boolean,
): string | null {
	const [field] = reasoningInFields(message).filter(({ text }) => text !== null && text !== "");
	if (field !== undefined) return field.text;
	const thought = parts?.thoughts ?? [];
	const text = thought.map((part) => part.text).join("");
	const [first] = thought;
	if (first !== undefined && text !== "" && !form.showsReasoning && !lenient)
		throw notRendered(
			first.where,
			"is a thought, and this model's prompt has no place for any; leave it out",
		);
	return text === "" ? null : text;
}

/** Tool calls with their arguments parsed. */
function withArguments(
	calls: readonly JsonValue[],
	where: string,
	odd: OddArguments,
	lenient: boolean,
): JsonValue[] {
	return calls.map((call, index) => {
		const place = `${where}.tool_calls[${index}]`;
		if (!(call instanceof Map)) return call;
		const called = call.get("function") ?? null;
		if (called instanceof Map) {
			const parsed = lenientArguments(called.get("arguments"), `${place}.function.arguments`, odd, lenient);
			return new Map(call).set("function", new Map(called).set("arguments", parsed));
		}
		if (typeof call.get("name") === "string") {
			const parsed = lenientArguments(call.get("arguments"), `${place}.arguments`, odd, lenient);
			return new Map(call).set("arguments", parsed);
		}
		if (lenient) return call;
		throw notRendered(place, "has no function with a name; send name and arguments in it");
	});
}

/** Text stays text where the format shows it; what even that refuses is as good as none in a lenient rendering. */
function lenientArguments(
	given: JsonValue | undefined,
	param: string,
	odd: OddArguments,
	lenient: boolean,
): JsonValue {
	try {
		return readArguments(given, param, odd);
	} catch (error) {
		if (lenient && error instanceof RollpinError) return new Map();
		throw error;
	}
}

/**
 * Tool calls of a stored message, for a rendering that is cut off again: arguments that are no JSON object are left out,
 * since a model may well sample such, and its session must go on.
 */
export function stubToolCalls(calls: readonly JsonValue[]): JsonValue[] {
	return withArguments(calls, "", "empty", true);
}
