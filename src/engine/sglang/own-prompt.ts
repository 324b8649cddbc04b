// Asks an engine for the ids it makes of messages by itself: by POST /tokenize, else by a chat of one token. Records nothing.
import { writeJson } from "../../json/parse.js";
import type { JsonObject, JsonValue } from "../../json/value.js";
import type { OwnPrompt, OwnPromptRequest } from "../engine.js";
import { ask, failureOf, member } from "../http/ask.js";

/** `EngineDialect.ownPrompt`. */
export async function ownPrompt(asked: OwnPromptRequest): Promise<OwnPrompt> {
	const fields: JsonObject = new Map<string, JsonValue>([
		["model", asked.model],
		["messages", [...asked.messages]],
	]);
	if (asked.tools !== undefined) fields.set("tools", [...asked.tools]);
	if (asked.toolChoice !== null) fields.set("tool_choice", asked.toolChoice);
	if (asked.kwargs.size > 0) fields.set("chat_template_kwargs", asked.kwargs);
	try {
		const tokenized = await ask(asked.url, "/tokenize", asked.signal, writeJson(fields));
		const ids = idsOf(member(tokenized.body, "tokens"));
		if (tokenized.status === 200 && ids !== null) return { kind: "ids", ids, by: "tokenize" };
		if (asked.chatTools !== undefined) fields.set("tools", [...asked.chatTools]);
		const text = writeJson(fields).slice(0, -1);
		const chat = await ask(
			asked.url,
			"/v1/chat/completions",
			asked.signal,
			`${text},"max_tokens":1,"temperature":0,"return_prompt_token_ids":true}`,
		);
		const choices = member(chat.body, "choices");
		const first: unknown = Array.isArray(choices) ? choices[0] : undefined;
		const shown = idsOf(member(first, "prompt_token_ids"));
		if (chat.status === 200 && shown !== null) return { kind: "ids", ids: shown, by: "chat" };
		return {
			kind: "refused",
			reason: `/tokenize answered ${tokenized.status}, a chat ${chat.status}${chat.status === 200 ? " without prompt_token_ids" : `: ${chat.text.slice(0, 200)}`}`,
		};
	} catch (error) {
		const reason = asked.signal.aborted ? "no answer in time" : failureOf(error, asked.signal);
		return { kind: "unreachable", reason };
	}
}

/** The first model that it lists; gateways route by it. `default`, which SGLang takes for any, where it lists none. */
export async function modelNameOf(url: string, signal: AbortSignal): Promise<string> {
	try {
		const list = member((await ask(url, "/v1/models", signal)).body, "data");
		const id = Array.isArray(list) ? member(list[0], "id") : undefined;
		return typeof id === "string" ? id : "default";
	} catch {
		return "default";
	}
}

function idsOf(value: unknown): number[] | null {
	return Array.isArray(value) && value.length > 0 && value.every((id) => Number.isSafeInteger(id))
		? (value as number[])
		: null;
}
