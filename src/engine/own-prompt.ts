// Asks an engine for the ids it makes of messages by itself: by POST /tokenize, else by a chat of one token. Records nothing.
import { request } from "undici";
import { writeJson } from "../json/parse.js";
import type { JsonObject, JsonValue } from "../json/value.js";

export type OwnPrompt =
	| { kind: "ids"; ids: number[]; by: "tokenize" | "chat" }
	/** It answered, but not with ids. */
	| { kind: "refused"; reason: string }
	| { kind: "unreachable"; reason: string };

export interface OwnPromptRequest {
	/** Base URL. */
	url: string;
	model: string;
	messages: readonly JsonObject[];
	tools: readonly JsonValue[] | undefined;
	toolChoice: JsonValue | null;
	kwargs: JsonObject;
	signal: AbortSignal;
}

/** Never throws; ends with `signal`. */
export async function ownPrompt(asked: OwnPromptRequest): Promise<OwnPrompt> {
	const fields: JsonObject = new Map<string, JsonValue>([
		["model", asked.model],
		["messages", [...asked.messages]],
	]);
	if (asked.tools !== undefined) fields.set("tools", [...asked.tools]);
	if (asked.toolChoice !== null) fields.set("tool_choice", asked.toolChoice);
	if (asked.kwargs.size > 0) fields.set("chat_template_kwargs", asked.kwargs);
	try {
		const tokenized = await post(asked.url, "/tokenize", writeJson(fields), asked.signal);
		const ids = idsOf(member(tokenized.body, "tokens"));
		if (tokenized.status === 200 && ids !== null) return { kind: "ids", ids, by: "tokenize" };
		const text = writeJson(fields).slice(0, -1);
		const chat = await post(
			asked.url,
			"/v1/chat/completions",
			`${text},"max_tokens":1,"temperature":0,"return_prompt_token_ids":true}`,
			asked.signal,
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
		if (asked.signal.aborted) return { kind: "unreachable", reason: "no answer in time" };
		const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
		return { kind: "unreachable", reason: code };
	}
}

/** The first model that it lists; gateways route by it. `default`, which SGLang takes for any, where it lists none. */
export async function modelNameOf(url: string, signal: AbortSignal): Promise<string> {
	try {
		const reply = await request(`${url}/v1/models`, { signal });
		const list = member(await reply.body.json(), "data");
		const id = Array.isArray(list) ? member(list[0], "id") : undefined;
		return typeof id === "string" ? id : "default";
	} catch {
		return "default";
	}
}

/** @throws what undici throws */
export async function post(
	url: string,
	path: string,
	body: string,
	signal: AbortSignal,
): Promise<{ status: number; text: string; body: unknown }> {
	const reply = await request(url + path, {
		method: "POST",
		headers: { "content-type": "application/json" },
		body,
		signal,
	});
	const text = await reply.body.text();
	try {
		return { status: reply.statusCode, text, body: JSON.parse(text) };
	} catch {
		return { status: reply.statusCode, text, body: undefined };
	}
}

/** Of anything; undefined where there is no such member. */
export function member(value: unknown, name: string): unknown {
	if (typeof value !== "object" || value === null) return undefined;
	return (value as Readonly<Record<string, unknown>>)[name];
}

function idsOf(value: unknown): number[] | null {
	return Array.isArray(value) && value.length > 0 && value.every((id) => Number.isSafeInteger(id))
		? (value as number[])
		: null;
}
