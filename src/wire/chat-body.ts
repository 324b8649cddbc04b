// The chat that a front end decoded, into plain values: the same for every wire. Validates before anything is locked or changed; parses only what is new.
import { RollpinError } from "../base/errors.js";
import { parseJson, type ValueBudget } from "../json/parse.js";
import { type ObjectScan, scanObject } from "../json/scan.js";
import { JsonNumber, type JsonValue } from "../json/value.js";
import { elementRanges } from "../session/path/request-elements.js";
import { type EarlierMessages, RequestMessages } from "../session/path/request-messages.js";
import type { TemplateInput } from "../session/turn/generation.js";
import { templateInput } from "../session/turn/template-input.js";
import { toolsHash } from "./tools-hash.js";

export interface ChatBody {
	body: Buffer;
	scan: ObjectScan;
	messages: RequestMessages;
	template: TemplateInput;
	/** Of the tools that the template is given; null without any. */
	toolsHash: string | null;
	/** A top-level field's value, of the last one where there are several; undefined without it. */
	field(key: string): JsonValue | undefined;
}

/** JSON values of one request that are read as such: far more than any history has, and less than a second's work. */
const MAX_VALUES = 1_000_000;

/** Of one request, through all that reads it. */
export interface ChatBodyLimits {
	maxMessages: number;
	maxDepth: number;
	budget: ValueBudget;
}

/** For each request anew: its budget is used up. */
export function chatBodyLimits(limits: { maxMessages: number; maxJsonDepth: number }): ChatBodyLimits {
	const { maxMessages, maxJsonDepth } = limits;
	return { maxMessages, maxDepth: maxJsonDepth, budget: { values: MAX_VALUES } };
}

/**
 * @param earlier the session's last request; when this one repeats its messages, those are not read again
 * @throws RollpinError `invalid_json`, `invalid_messages`, `invalid_request`, `body_too_large`
 */
export function parseChatBody(
	body: Buffer,
	earlier: EarlierMessages | null,
	limits: ChatBodyLimits,
): ChatBody {
	const { budget, maxDepth } = limits;
	const scan = scanObject(body, {
		maxDepth,
		...(earlier === null ? {} : { sharedPrefix: { content: earlier.content, elementCount: earlier.count } }),
	});
	const list = scan.messages;
	if (list === null)
		throw invalidMessages("messages is missing or no list; send a list with at least one message");
	const content = body.subarray(list.contentStart, list.contentEnd);
	const messages = new RequestMessages({
		content,
		tail: list.elements.map(({ start, end }) => ({
			start: start - list.contentStart,
			end: end - list.contentStart,
		})),
		earlier: list.sharedBytes > 0 ? earlier : null,
		rescan: () => elementRanges(content),
		maxDepth,
		budget,
	});
	if (messages.count === 0) throw invalidMessages("messages is empty; send at least one message");
	if (messages.count > limits.maxMessages) {
		throw new RollpinError(
			"body_too_large",
			`messages has ${messages.count} elements, over the limit of ${limits.maxMessages}; raise --max-messages`,
			{ param: "messages" },
		);
	}
	messages.validate();
	const spelled = (key: string): Buffer | null => {
		const range = scan.fields.findLast((candidate) => candidate.key === key);
		return range === undefined ? null : body.subarray(range.valueStart, range.valueEnd);
	};
	const field = (key: string): JsonValue | undefined => {
		const bytes = spelled(key);
		return bytes === null ? undefined : parseJson(bytes, { maxDepth, budget });
	};
	const n = field("n") ?? null;
	if (n !== null && !(n instanceof JsonNumber && n.value === 1)) {
		throw invalid("n", "must be 1: a session records one generation per turn");
	}
	const kwargs = field("chat_template_kwargs") ?? null;
	if (kwargs !== null && !(kwargs instanceof Map)) {
		throw new RollpinError("invalid_request", "chat_template_kwargs must be an object", {
			param: "chat_template_kwargs",
		});
	}
	const tools = checkTools(field("tools") ?? null);
	const template = templateInput({
		tools,
		toolChoice: field("tool_choice"),
		reasoningEffort: field("reasoning_effort"),
		reasoning: field("reasoning"),
		kwargs: kwargs ?? undefined,
		continueFinalMessage: field("continue_final_message"),
		addGenerationPrompt: field("add_generation_prompt"),
	});
	return {
		body,
		scan,
		messages,
		template,
		toolsHash: toolsHash(chosenBytes(spelled, template.tools === tools), template.tools),
		field,
	};
}

/** Tells this request's tools from another's: their own bytes, and those of the choice where it matters. */
function chosenBytes(spelled: (key: string) => Buffer | null, all: boolean): Buffer | null {
	const tools = spelled("tools");
	return all || tools === null ? tools : Buffer.concat([tools, spelled("tool_choice") ?? Buffer.alloc(0)]);
}

function checkTools(tools: JsonValue): readonly JsonValue[] | undefined {
	if (tools === null) return undefined;
	if (!Array.isArray(tools)) throw invalid("tools", "must be a list of tools");
	tools.forEach((tool, index) => {
		const definition = tool instanceof Map ? (tool.get("function") ?? tool) : null;
		const name = definition instanceof Map ? definition.get("name") : undefined;
		if (typeof name !== "string" || name === "") {
			throw invalid(
				`tools[${index}]`,
				'has no function name; send {"type": "function", "function": {"name": ...}}',
			);
		}
	});
	return tools;
}

function invalid(param: string, rule: string): RollpinError {
	return new RollpinError("invalid_request", `${param} ${rule}`, { param });
}

function invalidMessages(message: string): RollpinError {
	return new RollpinError("invalid_messages", message, { param: "messages" });
}
