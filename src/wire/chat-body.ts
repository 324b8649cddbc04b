// The chat that a front end decoded, into plain values: the same for every wire. Validates before anything is locked or changed; parses only what is new.
import { RollpinError } from "../base/errors.js";
import { foreground } from "../base/pace.js";
import { parseJsonPart, type ValueBudget } from "../json/parse.js";
import { type ObjectScan, type ScanOptions, scanSteps, TooManyMessages } from "../json/scan.js";
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

/** JSON values and keys of one request: far more than any history has. */
const MAX_VALUES = 1_000_000;
/** Of one field, such as the tools: it is read in one go, and nobody else is served meanwhile. */
const MAX_FIELD_VALUES = 100_000;
/** Of one field that is read, as it is spelled; the engine's own fields are not. */
const MAX_FIELD_BYTES = 4 * 1024 * 1024;
/** SGLang's request has about a hundred. */
const MAX_FIELDS = 1_000;

/** Of one request, through all that reads it. */
export interface ChatBodyLimits {
	maxMessages: number;
	/** Of one message as it is spelled. */
	maxMessageBytes: number;
	/** Of all of them, with what stands between. */
	maxMessagesBytes: number;
	maxDepth: number;
	budget: ValueBudget;
}

/**
 * No text of a session is longer than eight bytes a token, and no spelling of it than three times that: a character of n
 * bytes is escaped in 3n. What is longer can't fit, and would cost time and memory before anybody noticed.
 */
const MESSAGE_BYTES_PER_TOKEN = 24;
const LEAST_MESSAGE_BYTES = 1024 * 1024;
/** A history may bring much that is in no prompt. */
const LEAST_MESSAGES_BYTES = 16 * 1024 * 1024;

/** For each request anew: its budget is used up. */
export function chatBodyLimits(limits: {
	maxMessages: number;
	maxJsonDepth: number;
	maxTokensPerSession: number;
}): ChatBodyLimits {
	const { maxMessages, maxJsonDepth, maxTokensPerSession } = limits;
	return {
		maxMessages,
		maxMessageBytes: Math.max(LEAST_MESSAGE_BYTES, MESSAGE_BYTES_PER_TOKEN * maxTokensPerSession),
		maxMessagesBytes: Math.max(LEAST_MESSAGES_BYTES, MESSAGE_BYTES_PER_TOKEN * maxTokensPerSession),
		maxDepth: maxJsonDepth,
		budget: { values: MAX_VALUES },
	};
}

/**
 * As `parseChatBody`; long histories in slices of the loop, between which others are served.
 * @throws as `parseChatBody` does
 */
export async function readChatBody(
	body: Buffer,
	earlier: EarlierMessages | null,
	limits: ChatBodyLimits,
): Promise<ChatBody> {
	const steps = chatBodySteps(body, earlier, limits);
	for (let startedMs = performance.now(); ; ) {
		const { done, value } = steps.next();
		if (done === true) return value;
		if (performance.now() - startedMs < SLICE_MS) continue;
		await foreground.breathe();
		startedMs = performance.now();
	}
}

/** Most histories take less, and wait for nobody. */
const SLICE_MS = 3;

/**
 * @param earlier the session's last request; when this one repeats its messages, those are not read again
 * @throws RollpinError `invalid_json`, `invalid_messages`, `invalid_request`, `body_too_large`
 */
export function parseChatBody(
	body: Buffer,
	earlier: EarlierMessages | null,
	limits: ChatBodyLimits,
): ChatBody {
	const steps = chatBodySteps(body, earlier, limits);
	for (;;) {
		const { done, value } = steps.next();
		if (done === true) return value;
	}
}

function* chatBodySteps(
	body: Buffer,
	earlier: EarlierMessages | null,
	limits: ChatBodyLimits,
): Generator<undefined, ChatBody, void> {
	const { budget, maxDepth, maxMessages } = limits;
	const scan = yield* scanWithin(body, {
		maxDepth,
		maxMessages,
		maxFields: MAX_FIELDS,
		// Of its own: what is walked over here is read once more, or never.
		budget: { values: MAX_VALUES },
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
	const large = list.elements.findIndex(({ start, end }) => end - start > limits.maxMessageBytes);
	if (large !== -1)
		throw messageTooLarge(
			`messages[${messages.count - list.elements.length + large}]`,
			limits.maxMessageBytes,
		);
	// White space between them counts: all of it is copied and kept.
	if (content.length > limits.maxMessagesBytes) throw messageTooLarge("messages", limits.maxMessagesBytes);
	yield* messages.validate();
	const spelled = (key: string): Buffer | null => {
		const range = scan.fields.findLast((candidate) => candidate.key === key);
		return range === undefined ? null : body.subarray(range.valueStart, range.valueEnd);
	};
	const field = (key: string): JsonValue | undefined => {
		const bytes = spelled(key);
		if (bytes === null) return undefined;
		if (bytes.length > MAX_FIELD_BYTES)
			throw new RollpinError("body_too_large", `${key} has more than ${MAX_FIELD_BYTES} bytes; send less`, {
				param: key,
			});
		return parseJsonPart(bytes, MAX_FIELD_VALUES, { maxDepth, budget });
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

/** @throws RollpinError `body_too_large`; JsonSyntaxError */
function* scanWithin(
	body: Buffer,
	options: ScanOptions & { maxMessages: number },
): Generator<undefined, ObjectScan, void> {
	try {
		return yield* scanSteps(body, options);
	} catch (error) {
		if (!(error instanceof TooManyMessages)) throw error;
		throw new RollpinError(
			"body_too_large",
			`messages has more elements than the limit of ${options.maxMessages}; raise --max-messages`,
			{ param: "messages" },
		);
	}
}

function messageTooLarge(param: string, maxBytes: number): RollpinError {
	return new RollpinError(
		"session_too_large",
		`${param} has more than ${maxBytes} bytes, which no session of --max-session-tokens can hold`,
		{ param },
	);
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
