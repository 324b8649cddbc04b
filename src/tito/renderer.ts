// Conversations to prompt text through one chat template. Encodes nothing and keeps no conversation.
import { BoundedCache } from "../base/bounded-cache.js";
import { RollpinError } from "../base/errors.js";
import type { ChatTemplate } from "../jinja/template.js";
import { fromJson, TemplateError, type Value } from "../jinja/values.js";
import { writeJson } from "../json/parse.js";
import type { JsonObject, JsonValue } from "../json/value.js";
import type { ConversationRenderer } from "./family.js";
import { type NamedMessage, roleAs, shownMessage, stubToolCalls } from "./messages.js";
import { checkRendered } from "./rendered-text.js";
import { TemplateForm } from "./template-form.js";
import type { PromptInput, SuffixInput, TemplateKwargs } from "./tito.js";
import { type CanonicalTools, canonicalTools, type ToolSchemaVersion } from "./tools.js";
import { wellFormed } from "./well-formed.js";

const PROBED_TOOL: JsonObject = new Map<string, JsonValue>([
	["type", "function"],
	["function", new Map([["name", "probeq"]])],
]);

const MAX_CACHED = 64;
const MAX_KEY_LENGTH = 256 * 1024;

export class PromptRenderer implements ConversationRenderer {
	readonly #template: ChatTemplate;
	readonly #toolSchemaVersion: ToolSchemaVersion;
	readonly #specialTokens: ReadonlyMap<string, string>;
	/** By identity for one request, by text for the next one of the same agent. */
	readonly #toolsOfList = new WeakMap<readonly JsonValue[], { key: string; tools: CanonicalTools | null }>();
	readonly #toolsOfText = new BoundedCache<CanonicalTools | null>(MAX_CACHED, MAX_KEY_LENGTH);
	readonly #form: TemplateForm;
	readonly #bases = new BoundedCache<string>(MAX_CACHED, MAX_KEY_LENGTH);

	constructor(
		template: ChatTemplate,
		specialTokens: ReadonlyMap<string, string>,
		toolSchemaVersion: ToolSchemaVersion = 1,
		kwargs: TemplateKwargs = new Map(),
	) {
		this.#toolSchemaVersion = toolSchemaVersion;
		this.#template = template;
		this.#specialTokens = specialTokens;
		this.#form = new TemplateForm((messages, withTools) => this.#tried(messages, kwargs, withTools));
	}

	/** Text of a whole conversation. @throws RollpinError `invalid_messages`, `not_rendered`, `invalid_request` */
	prompt(input: PromptInput, addGenerationPrompt = true): string {
		const named = this.#named(input.messages, "messages[", "]");
		const { tools } = this.#tools(input.tools);
		const text = this.#render(named.map(asValue), tools, input.kwargs, addGenerationPrompt);
		checkRendered(wellFormed(text, named), named, this.#form, true, undefined);
		return text;
	}

	comparable(input: PromptInput, addGenerationPrompt = false): string {
		const steps = this.comparing(input, addGenerationPrompt);
		for (;;) {
			const { done, value } = steps.next();
			if (done === true) return value;
		}
	}

	*comparing(input: PromptInput, addGenerationPrompt = false): Generator<undefined, string, void> {
		const messages: Value[] = [];
		for (const [at, message] of input.messages.entries()) {
			messages.push(fromJson(this.#shown(message, `messages[${at}]`, true)));
			yield;
		}
		const { tools } = this.#tools(input.tools);
		const attempt = (given: Value) =>
			this.#template.renderSteps(this.#variables(messages, given, input.kwargs, addGenerationPrompt));
		try {
			return wellFormed(yield* this.#withTools(tools, attempt));
		} catch (error) {
			throw refusal(error);
		}
	}

	*#withTools(
		tools: CanonicalTools | null,
		attempt: (given: Value) => Generator<undefined, string, void>,
	): Generator<undefined, string, void> {
		if (tools === null) return yield* attempt(null);
		try {
			return yield* attempt(tools.full);
		} catch (first) {
			if (!(first instanceof TemplateError)) throw first;
			try {
				return yield* attempt(tools.bare);
			} catch (error) {
				throw error instanceof TemplateError ? first : error;
			}
		}
	}

	/**
	 * Text of the appended messages and the generation prompt: what they add to a short made-up conversation that ends
	 * in the same tool calls, so that history is not rendered.
	 */
	suffix(input: SuffixInput): string {
		const calls = input.lastAssistant.get("tool_calls");
		const toolCalls = stubToolCalls(Array.isArray(calls) ? calls : []);
		const { tools, key } = this.#tools(input.tools);
		const base = dummyConversation(toolCalls);
		const baseKey = `${key}\n${writeJson(input.kwargs)}\n${writeJson(toolCalls)}`;
		const before = this.#bases.getOrMake(baseKey, () => this.#render(base, tools, input.kwargs, false));
		const appended = this.#named(input.appended, "appended message ", "");
		const after = this.#render([...base, ...appended.map(asValue)], tools, input.kwargs, true);
		if (!after.startsWith(before))
			throw new RollpinError(
				"invalid_messages",
				"the chat template renders earlier turns differently when messages follow, so stored tokens cannot be kept; use a template that only appends, or the model's family",
			);
		const text = wellFormed(after.slice(before.length), appended);
		checkRendered(text, appended, this.#form, false, calls);
		return text;
	}

	shownRole(role: string): string {
		return roleAs(role, this.#form);
	}

	#named(messages: readonly JsonObject[], before: string, after: string): NamedMessage[] {
		return messages.map((message, at) => {
			const where = `${before}${at}${after}`;
			return { message: this.#shown(message, where, false), where };
		});
	}

	#shown(message: JsonObject, where: string, lenient: boolean): JsonObject {
		return shownMessage(message, where, this.#form, lenient);
	}

	/** What is wrong with a probe the first prompt will say, in terms of its own messages. */
	#tried(messages: JsonObject[], kwargs: TemplateKwargs, withTools = false): string | null {
		const tools = withTools ? canonicalTools([PROBED_TOOL], this.#toolSchemaVersion) : null;
		try {
			return this.#render(messages.map(fromJson), tools, kwargs, true);
		} catch {
			return null;
		}
	}

	#tools(list: readonly JsonValue[] | undefined): { key: string; tools: CanonicalTools | null } {
		if (list === undefined || list.length === 0) return { key: "", tools: null };
		const known = this.#toolsOfList.get(list);
		if (known !== undefined) return known;
		const key = writeJson([...list]);
		const found = {
			key,
			tools: this.#toolsOfText.getOrMake(key, () => canonicalTools(list, this.#toolSchemaVersion)),
		};
		this.#toolsOfList.set(list, found);
		return found;
	}

	#render(
		messages: Value[],
		tools: CanonicalTools | null,
		kwargs: TemplateKwargs,
		addGenerationPrompt: boolean,
	): string {
		const attempt = (given: Value) => this.#attempt(messages, given, kwargs, addGenerationPrompt);
		if (tools === null) return this.#refusable(() => attempt(null));
		return this.#refusable(() => {
			try {
				return attempt(tools.full);
			} catch (error) {
				if (!(error instanceof TemplateError)) throw error;
				return this.#orFirst(error, () => attempt(tools.bare));
			}
		});
	}

	#attempt(messages: Value[], tools: Value, kwargs: TemplateKwargs, addGenerationPrompt: boolean): string {
		return this.#template.render(this.#variables(messages, tools, kwargs, addGenerationPrompt));
	}

	#variables(
		messages: Value[],
		tools: Value,
		kwargs: TemplateKwargs,
		addGenerationPrompt: boolean,
	): Map<string, Value> {
		const variables = new Map<string, Value>(this.#specialTokens);
		variables.set("documents", null);
		for (const [name, value] of kwargs) variables.set(name, fromJson(value));
		variables.set("messages", messages);
		variables.set("tools", tools);
		variables.set("add_generation_prompt", addGenerationPrompt);
		return variables;
	}

	/** When bare functions fail too, what the full tools met is the better explanation. */
	#orFirst(first: TemplateError, attempt: () => string): string {
		try {
			return attempt();
		} catch (error) {
			throw error instanceof TemplateError ? first : error;
		}
	}

	#refusable(render: () => string): string {
		try {
			return render();
		} catch (error) {
			throw refusal(error);
		}
	}
}

function refusal(error: unknown): unknown {
	if (!(error instanceof TemplateError)) return error;
	return new RollpinError("invalid_messages", `the chat template refuses the messages: ${error.message}`, {
		cause: error,
	});
}

/** A reasoning of one space makes thinking templates open and close their block as they do for a real turn. */
function dummyConversation(toolCalls: JsonValue[]): Value[] {
	const system: JsonObject = new Map([
		["role", "system"],
		["content", "dummy system"],
	]);
	const assistant: JsonObject = new Map<string, JsonValue>([
		["role", "assistant"],
		["content", ""],
		["reasoning_content", " "],
		["tool_calls", toolCalls],
	]);
	return [fromJson(system), fromJson(assistant)];
}

function asValue({ message }: NamedMessage): Value {
	return fromJson(message);
}
