// What DeepSeek's encoders share: kwargs, tools in the system message, suffixes without history. Keeps no conversation.
import { RollpinError } from "../../base/errors.js";
import { jsonText } from "../../jinja/spelling.js";
import { writeJson } from "../../json/parse.js";
import type { JsonObject, JsonValue } from "../../json/value.js";
import type { ConversationEncoder, ConversationRenderer } from "../family.js";
import { type MessageForm, type NamedMessage, roleAs, shownMessage } from "../messages.js";
import { checkRendered, type Spelling } from "../rendered-text.js";
import type { PromptInput, SuffixInput, TemplateKwargs } from "../tito.js";
import { canonicalTools, type ToolSchemaVersion } from "../tools.js";
import { wellFormed } from "../well-formed.js";
import { ASSISTANT, BEGIN, thinkingOpener } from "./dsml.js";
import { MESSAGE_FIELDS } from "./fields.js";

export interface TurnOptions {
	thinking: boolean;
	addGenerationPrompt: boolean;
}

/** One version of the prompt format. */
export interface PromptFormat {
	/** The section that lists the tools, from one JSON object a line. */
	toolSection(schemas: string): string;
	/** Template kwargs beside `thinking`, with every value each may have. */
	kwargs: ReadonlyMap<string, readonly JsonValue[]>;
	/** What stands between the first token and the first message. */
	preamble(kwargs: TemplateKwargs, thinking: boolean): string;
	/**
	 * Texts of the messages, in order, that make the conversation when joined. `tools` is the section after the
	 * first message, which is then a system message.
	 */
	texts(messages: readonly NamedMessage[], options: TurnOptions, tools: string): string[];
	/** Roles after whose message the format itself opens the reply. */
	opensReply: ReadonlySet<string>;
	/** The messages in the order in which `texts` puts their contents. */
	inWrittenOrder(messages: readonly NamedMessage[]): readonly NamedMessage[];
	/** What stands between the texts of parts of one message. */
	separator(role: string): string;
	/** Arguments of a call that are not JSON. */
	oddArguments: MessageForm["oddArguments"];
}

/** How these formats write texts: as they are, every message in its place, and never one left out on purpose. */
const SPELLING: Spelling = {
	asciiOnly: false,
	calls: { by: "name", sorted: false, sortedWithin: false },
	resultsInCallOrder: false,
	writes: () => true,
};

const BOOLEANS = [true, false];

/** Kwargs of every version. `drop_thinking` is pinned: only with reasoning kept does a prompt merely grow. */
const COMMON_KWARGS: ReadonlyMap<string, readonly JsonValue[]> = new Map([
	["thinking", BOOLEANS],
	["drop_thinking", [false]],
	["add_default_bos_token", BOOLEANS],
]);

/** Renders conversations in one format. Its kwargs must have their aliases resolved to `thinking`. */
export class EncodedConversation implements ConversationEncoder {
	readonly fields = [...MESSAGE_FIELDS];
	readonly #format: PromptFormat;
	readonly #toolSchemaVersion: ToolSchemaVersion;
	readonly #form: MessageForm;

	constructor(format: PromptFormat, toolSchemaVersion: ToolSchemaVersion = 1) {
		this.#format = format;
		this.#form = {
			readsLists: () => false,
			knowsRole: (role) => role === "developer",
			showsReasoning: true,
			separator: (role) => format.separator(role),
			oddArguments: format.oddArguments,
		};
		this.#toolSchemaVersion = toolSchemaVersion;
	}

	forToolSchema(version: ToolSchemaVersion): ConversationRenderer {
		return new EncodedConversation(this.#format, version);
	}

	prompt(input: PromptInput, addGenerationPrompt = true): string {
		const { text, named } = this.#conversation(input, addGenerationPrompt, false);
		checkRendered(text, this.#format.inWrittenOrder(named), SPELLING, true, undefined);
		return text;
	}

	comparable(input: PromptInput, addGenerationPrompt = false): string {
		return this.#conversation(input, addGenerationPrompt, true).text;
	}

	#conversation(
		{ messages, tools, kwargs }: PromptInput,
		addGenerationPrompt: boolean,
		lenient: boolean,
	): { text: string; named: readonly NamedMessage[] } {
		const thinking = this.#thinking(kwargs);
		const named = messages.map((message, at) => this.#named(message, `messages[${at}]`, lenient));
		const schemas = toolSchemas(tools, this.#toolSchemaVersion);
		if (schemas.length > 0 && messages[0]?.get("role") !== "system") named.unshift(emptySystem());
		const section = schemas.length > 0 ? `\n\n${this.#format.toolSection(schemas.join("\n"))}` : "";
		const texts = this.#format.texts(named, { thinking, addGenerationPrompt }, section);
		const begin = kwargs.get("add_default_bos_token") === false ? "" : BEGIN;
		const opener = addGenerationPrompt ? this.#opener(named.at(-1), thinking) : "";
		const text = begin + this.#format.preamble(kwargs, thinking) + texts.join("") + opener;
		return { text: wellFormed(text, named), named };
	}

	/**
	 * The formats write one text for each message and look back no further than the last reply, to count its tool
	 * calls or to order their results. So a stand-in for that reply is enough, and its own text is cut off.
	 */
	suffix({ lastAssistant, appended, tools, kwargs }: SuffixInput): string {
		const thinking = this.#thinking(kwargs);
		toolSchemas(tools, this.#toolSchemaVersion);
		const named = appended.map((message, at) => this.#named(message, `appended message ${at}`, false));
		const conversation = [standIn(lastAssistant), ...named];
		const [, ...texts] = this.#format.texts(conversation, { thinking, addGenerationPrompt: true }, "");
		const text = wellFormed(texts.join("") + this.#opener(conversation.at(-1), thinking), named);
		const [, ...written] = this.#format.inWrittenOrder(conversation);
		checkRendered(text, written, SPELLING, false, undefined);
		return text;
	}

	shownRole(role: string): string {
		return roleAs(role, this.#form);
	}

	#named(message: JsonObject, where: string, lenient: boolean): NamedMessage {
		return { message: shownMessage(message, where, this.#form, lenient), where };
	}

	/** The published code opens a reply after a user or a result only: after any other message it is opened here. */
	#opener(last: NamedMessage | undefined, thinking: boolean): string {
		const role = last?.message.get("role");
		return typeof role !== "string" || this.#format.opensReply.has(role)
			? ""
			: ASSISTANT + thinkingOpener(thinking);
	}

	#thinking(kwargs: TemplateKwargs): boolean {
		for (const [name, value] of kwargs) {
			const allowed = COMMON_KWARGS.get(name) ?? this.#format.kwargs.get(name);
			if (allowed === undefined)
				throw badKwarg(name, "is not known to the model's prompt format; leave it out");
			if (allowed.includes(value)) continue;
			const choices = allowed.map((choice) => writeJson(choice)).join(", ");
			throw badKwarg(name, `is ${writeJson(value)}; send one of ${choices}`);
		}
		return kwargs.get("thinking") !== false;
	}
}

function badKwarg(name: string, what: string): RollpinError {
	return new RollpinError("invalid_request", `${name} ${what}`, {
		param: `chat_template_kwargs.${name}`,
	});
}

/** The functions as the engine's schema spells them. A bare function is refused, as the engine does for these models. */
function toolSchemas(tools: readonly JsonValue[] | undefined, version: ToolSchemaVersion): string[] {
	const bare = (tools ?? []).findIndex((tool) => tool instanceof Map && !tool.has("function"));
	if (bare !== -1)
		throw new RollpinError(
			"invalid_request",
			`tools[${bare}] has no function; send {"type": "function", "function": {"name": ..., "parameters": ...}}`,
			{ param: `tools[${bare}]` },
		);
	return (canonicalTools(tools, version)?.bare ?? []).map((described) => jsonText(described));
}

function emptySystem(): NamedMessage {
	return { message: systemMessage(), where: "the system message" };
}

function systemMessage(): JsonObject {
	return new Map([
		["role", "system"],
		["content", ""],
	]);
}

/** The stored reply without its texts and arguments, which may be anything a model samples. */
function standIn(stored: JsonObject): NamedMessage {
	const calls = stored.get("tool_calls");
	const message: JsonObject = new Map<string, JsonValue>([
		["role", "assistant"],
		["content", ""],
		["tool_calls", Array.isArray(calls) ? calls.map(emptyCall) : []],
	]);
	return { message, where: "the stored reply" };
}

function emptyCall(call: JsonValue): JsonValue {
	const id = call instanceof Map ? (call.get("id") ?? null) : null;
	const called: JsonObject = new Map<string, JsonValue>([
		["name", ""],
		["arguments", new Map()],
	]);
	return new Map<string, JsonValue>([
		["id", id],
		["function", called],
	]);
}
