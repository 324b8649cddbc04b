// What stands between client and engine when the simulator misbehaves: changes requests and replies, never the sampling. Pure.
import { parseJson, writeJson } from "../../json/parse.js";
import type { JsonObject, JsonValue } from "../../json/value.js";
import { losslessBody } from "./chat-request.js";
import type { Misbehaviour } from "./misbehaviour.js";
import { json, type ServiceAnswer } from "./service-answer.js";

type Active = ReadonlySet<Misbehaviour>;

/** What sglang-router 0.3 passes on of a chat request, in its order; of anything else it knows nothing. */
const KNOWN_FIELDS = [
	"messages",
	"model",
	"frequency_penalty",
	"logit_bias",
	"logprobs",
	"max_tokens",
	"max_completion_tokens",
	"n",
	"presence_penalty",
	"response_format",
	"seed",
	"stop",
	"stream",
	"temperature",
	"tool_choice",
	"tools",
	"top_logprobs",
	"top_p",
	"user",
	"top_k",
	"min_p",
	"min_tokens",
	"repetition_penalty",
	"regex",
	"ebnf",
	"stop_token_ids",
	"no_stop_trim",
	"ignore_eos",
	"continue_final_message",
	"skip_special_tokens",
	"chat_template_kwargs",
];
const ENGINE_ROUTES = /^\/(v1\/)?(tokenize|detokenize|server_info|abort_request)$/;
/** What sglang-router 0.3 says of itself where an engine would say its version. */
const ROUTER_INFO = { router_manager: true, routers_count: 1, workers_count: 2 };
const MAX_DEPTH = 200;

/** What a gateway in front answers by itself to a path that is no generation; null: it passes the request on. */
export function gatewayAnswer(active: Active, method: string, path: string): ServiceAnswer | null {
	if (active.has("hides-engine-version") && path === "/get_server_info") return json(ROUTER_INFO);
	if (!active.has("hides-engine-routes") || !ENGINE_ROUTES.test(path)) return null;
	return openAiError(404, "unknown_url", `Invalid URL (${method} ${path})`);
}

/** The gateway's own refusal of a chat; null: it passes the request on. */
export function gatewayRefusal(active: Active, body: Buffer): ServiceAnswer | null {
	if (!active.has("refuses-default-model")) return null;
	if ((losslessBody(body).get("model") ?? "default") !== "default") return null;
	return openAiError(404, "model_not_found", "No worker available for model 'default'");
}

function openAiError(status: number, code: string, message: string): ServiceAnswer {
	return json({ error: { type: "invalid_request_error", code, message, param: null } }, status);
}

/** The request as it is passed on. */
export function forwardedRequest(active: Active, body: Buffer): Buffer {
	if (active.size === 0) return body;
	let request = losslessBody(body);
	if (active.has("drops-unknown-fields")) request = onlyKnown(request);
	if (active.has("drops-input-ids")) request.delete("input_ids");
	if (active.has("drops-rid")) request.delete("rid");
	return Buffer.from(active.has("rewrites-request-json") ? rewritten(request) : writeJson(request));
}

function onlyKnown(request: JsonObject): JsonObject {
	const kept: JsonObject = new Map();
	for (const name of KNOWN_FIELDS) {
		const value = request.get(name);
		if (value !== undefined) kept.set(name, value);
	}
	return kept;
}

/** Whether any of the active ones changes replies. */
export function changesReplies(active: Active): boolean {
	return REPLY_CHANGES.some(([name]) => active.has(name)) || active.has("rewrites-reply-json");
}

/** A reply of status 200 as the client gets it. */
export function returnedReply(active: Active, body: Buffer): Buffer {
	const reply = parseJson(body, { maxDepth: MAX_DEPTH }) as JsonObject;
	const choices = reply.get("choices");
	const choice = Array.isArray(choices) ? (choices[0] as JsonObject) : null;
	for (const [name, change] of REPLY_CHANGES) if (active.has(name)) change(reply, choice);
	return Buffer.from(active.has("rewrites-reply-json") ? rewritten(reply) : writeJson(reply));
}

type Change = (reply: JsonObject, choice: JsonObject | null) => void;

/** Tokens that an engine's count leaves out: the length of Kimi K3's opening of an answer, which SGLang does not report. */
const UNCOUNTED_TOKENS = 3;

const REPLY_CHANGES: ReadonlyArray<readonly [Misbehaviour, Change]> = [
	["strips-prompt-token-ids", (_, choice) => choice?.delete("prompt_token_ids")],
	["strips-prompt-tokens", (_, choice) => member(choice, "meta_info")?.delete("prompt_tokens")],
	[
		"wrong-prompt-tokens",
		(reply, choice) => {
			for (const holder of [member(choice, "meta_info"), member(reply, "usage")]) {
				const count = Number(writeJson(holder?.get("prompt_tokens") ?? null));
				holder?.set("prompt_tokens", parseJson(String(Math.max(0, count - UNCOUNTED_TOKENS))));
			}
		},
	],
	["strips-meta-info", (_, choice) => choice?.delete("meta_info")],
	[
		"null-tool-calls",
		(_, choice) => {
			const message = member(choice, "message");
			if (message?.has("tool_calls") === false) message.set("tool_calls", null);
		},
	],
	["null-content", (_, choice) => member(choice, "message")?.set("content", null)],
	["rewrites-reply-id", (reply) => reply.set("id", `chatcmpl-${writeJson(reply.get("created") ?? null)}`)],
];

function member(holder: JsonObject | null, name: string): JsonObject | null {
	const value = holder?.get(name);
	return value instanceof Map ? value : null;
}

/** Through a JSON library that keeps neither: keys in alphabetical order, numbers as JavaScript spells them. */
function rewritten(value: JsonValue): string {
	return JSON.stringify(JSON.parse(writeJson(value)), (_, item: unknown) =>
		typeof item === "object" && item !== null && !Array.isArray(item)
			? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
			: item,
	);
}
