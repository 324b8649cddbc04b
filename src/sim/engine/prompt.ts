// Renders a conversation into prompt ids when a request brings none, as SGLang does with the checkpoint's own template.
// Written apart from Rollpin's renderer on purpose: two spellings of one rule can be compared, one cannot.
import { ConfigError } from "../../base/errors.js";
import { ChatTemplate } from "../../jinja/template.js";
import { fromJson, TemplateError, type Value } from "../../jinja/values.js";
import type { JsonObject, JsonValue } from "../../json/value.js";
import { loadCheckpoint } from "../../tito/checkpoint.js";
import { SimRefusal } from "./chat-request.js";
import { type ContentFormat, engineMessages } from "./engine-messages.js";
import type { EngineRelease } from "./engine-release.js";
import { shownTools } from "./engine-tools.js";
import { contentFormat } from "./template-format.js";
import type { Vocabulary } from "./vocabulary.js";

/** @throws SimRefusal 400 when the conversation cannot be rendered */
export type PromptRenderer = (request: JsonObject) => Promise<Int32Array>;

interface Loaded {
	template: ChatTemplate;
	format: ContentFormat;
	specialTokens: ReadonlyMap<string, string>;
}

/** The template is loaded when the first request needs it: most runs never do. */
export function createPromptRenderer(
	checkpointDir: string,
	vocabulary: Vocabulary,
	release: EngineRelease,
): PromptRenderer {
	let loaded: Loaded | null = null;
	return async (request) => {
		loaded ??= load(checkpointDir);
		const given = request.get("messages");
		if (!Array.isArray(given) || given.length === 0) throw new SimRefusal(400, "messages cannot be empty.");
		const messages = engineMessages(given, loaded.format, release);
		const prefix = settleLast(messages, request.get("continue_final_message") === true);
		const tools = shownTools(request.get("tools"), request.get("tool_choice"), release);
		const text = render(loaded, messages, tools, templateKwargs(request));
		const ids = await vocabulary.encode(text);
		return prefix === "" ? ids : Int32Array.of(...ids, ...(await vocabulary.encode(prefix)));
	};
}

function load(checkpointDir: string): Loaded {
	try {
		const { chatTemplate, specialTokens } = loadCheckpoint(checkpointDir, { chatTemplateFile: null });
		if (chatTemplate === null) throw new ConfigError(`${checkpointDir} has no chat template`);
		return {
			template: new ChatTemplate(chatTemplate),
			format: contentFormat(chatTemplate),
			specialTokens,
		};
	} catch (error) {
		if (!(error instanceof ConfigError || error instanceof SyntaxError)) throw error;
		throw new SimRefusal(400, `the simulated engine has no chat template to render with: ${error.message}`);
	}
}

/**
 * An assistant's text at the end: continued, or shown as a user's, as SGLang has it.
 * @returns the text to continue; `messages` is changed in place
 */
function settleLast(messages: JsonObject[], continued: boolean): string {
	const last = messages.at(-1) as JsonObject;
	const content = last.get("content");
	if (last.get("role") !== "assistant" || typeof content !== "string") return "";
	messages.pop();
	if (continued) return content;
	messages.push(
		new Map<string, JsonValue>([
			["role", "user"],
			["content", content],
		]),
	);
	return "";
}

/** `reasoning_effort` and what it says of thinking, under the request's own kwargs. */
function templateKwargs(request: JsonObject): JsonObject {
	const kwargs: JsonObject = new Map();
	const effort = request.get("reasoning_effort") ?? null;
	const own = request.get("chat_template_kwargs");
	if (own instanceof Map && own.has("chat_template")) {
		throw new SimRefusal(400, "Request-supplied chat_template is not allowed.");
	}
	if (effort !== null) {
		kwargs.set("reasoning_effort", effort);
		kwargs.set("thinking", effort !== "none").set("enable_thinking", effort !== "none");
	}
	if (own instanceof Map) for (const [name, value] of own) kwargs.set(name, value);
	return kwargs;
}

function render(
	{ template, specialTokens }: Loaded,
	messages: readonly JsonObject[],
	tools: readonly JsonObject[] | null,
	kwargs: JsonObject,
): string {
	const attempt = (shown: readonly JsonValue[] | null): string => {
		const variables = new Map<string, Value>(specialTokens);
		variables.set("documents", null);
		for (const [name, value] of kwargs) variables.set(name, fromJson(value));
		variables.set("messages", fromJson([...messages]));
		variables.set("tools", shown === null ? null : fromJson([...shown]));
		variables.set("add_generation_prompt", true);
		return template.render(variables);
	};
	try {
		return attempt(tools);
	} catch (first) {
		if (!(first instanceof TemplateError)) throw first;
		try {
			// Some templates want the functions alone.
			return attempt(tools?.map((tool) => tool.get("function") as JsonValue) ?? null);
		} catch (error) {
			if (!(error instanceof TemplateError)) throw error;
			throw new SimRefusal(400, error.message, "BadRequest");
		}
	}
}
