// Ways in which clients send a history back, odd and legal, and what must become of each. Plain data and pure functions.
import type { Call, Message } from "./scripted-conversation.js";

/**
 * `same`: every chat is a turn, and the prompts are those of a client that changes nothing. `kept`: every chat is a turn,
 * with prompts of its own from the first on. `edit`: not the same history any more; refused in linear mode, a branch in
 * tree mode. `refused`: 400 with this code in both modes, or one for each.
 */
export type End = "same" | "kept" | "edit" | { refused: string | { linear: string; tree: string } };

export interface Way {
	name: string;
	end: End;
	/** What this client makes of the history it would send. */
	messages?: (messages: Message[]) => unknown[];
	/** The bytes of the body, where JSON.stringify is not what the client does. */
	body?: (body: object) => string | Uint8Array;
}

type Change = (message: Message) => Message;

function on(role: string, change: Change): (messages: Message[]) => Message[] {
	return (messages) => messages.map((message) => (message.role === role ? change(message) : message));
}

const onAnswers = (change: Change) => on("assistant", change);

const onCalls = (change: (call: Call, at: number) => Call) =>
	onAnswers((message) =>
		message.tool_calls ? { ...message, tool_calls: message.tool_calls.map(change) } : message,
	);

const onArguments = (respell: (text: string) => unknown) =>
	onCalls((call) => ({
		...call,
		function: { ...call.function, arguments: respell(String(call.function.arguments)) },
	}));

const onContent = (change: (text: string) => unknown) => (message: Message) =>
	typeof message.content === "string" ? { ...message, content: change(message.content) } : message;

const without =
	(...keys: string[]): Change =>
	(message) =>
		Object.fromEntries(Object.entries(message).filter(([key]) => !keys.includes(key))) as Message;

const parts = (text: string) => [{ type: "text", text }];

const reversedKeys = (value: object) => Object.fromEntries(Object.entries(value).reverse());

/** Every letter beyond ASCII as \uXXXX, as Python's json.dumps writes it. */
function ascii(text: string): string {
	return text.replaceAll(
		/[\u0080-\uffff]/g,
		(unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
	);
}

function reasoningAs(change: (reasoning: string) => object): (messages: Message[]) => Message[] {
	return onAnswers((message) => ({
		...without("reasoning_content")(message),
		...change(String(message["reasoning_content"])),
	}));
}

const CONTENT: Way[] = [
	{ name: "as it came", end: "same" },
	{
		name: "user and system content as parts",
		end: "same",
		messages: (messages) => on("system", onContent(parts))(on("user", onContent(parts))(messages)),
	},
	{ name: "answers as parts", end: "same", messages: onAnswers(onContent(parts)) },
	{ name: "tool results as parts", end: "same", messages: on("tool", onContent(parts)) },
	{
		// SGLang joins parts with a space, also an empty one: the model sees it.
		name: "an empty part behind the text",
		end: "kept",
		messages: on(
			"user",
			onContent((text) => [...parts(text), { type: "text", text: "" }]),
		),
	},
	{
		name: "cache_control on the newest message, moving with every chat",
		end: "same",
		messages: (messages) =>
			messages.map((message, at) => {
				if (at < messages.length - 1) return message;
				const text = String(message.content);
				return { ...message, content: [{ type: "text", text, cache_control: { type: "ephemeral" } }] };
			}),
	},
	{ name: "empty content as null", end: "same", messages: onAnswers(onContent((text) => text || null)) },
	{
		name: "empty content left out",
		end: "same",
		messages: onAnswers((message) => (message.content ? message : without("content")(message))),
	},
	{
		name: "white space at the ends of answers trimmed",
		end: "same",
		messages: onAnswers(onContent((text) => text.trim())),
	},
	{
		name: "CRLF for the newlines behind an answer",
		end: "same",
		messages: onAnswers(onContent((text) => text.replaceAll("\n", "\r\n"))),
	},
	{
		name: "another dash in an answer",
		end: "edit",
		messages: onAnswers((message) =>
			String(message.content).startsWith("\nSunny")
				? { ...message, content: String(message.content).replace("–", "\u2010") }
				: message,
		),
	},
	{
		name: "reasoning written into the content",
		end: "edit",
		messages: onAnswers((message) => ({
			...without("reasoning_content")(message),
			content: `<think>${message["reasoning_content"]}</think>${message.content}`,
		})),
	},
];

const REASONING: Way[] = [
	{ name: "reasoning left out", end: "same", messages: onAnswers(without("reasoning_content")) },
	{ name: "reasoning null", end: "same", messages: reasoningAs(() => ({ reasoning_content: null })) },
	{ name: "reasoning empty", end: "same", messages: reasoningAs(() => ({ reasoning_content: "" })) },
	{
		name: "reasoning trimmed",
		end: "same",
		messages: reasoningAs((text) => ({ reasoning_content: text.trim() })),
	},
	{
		name: "reasoning named `reasoning`",
		end: "same",
		messages: reasoningAs((text) => ({ reasoning: text })),
	},
	{
		name: "reasoning under two names",
		end: "same",
		messages: reasoningAs((text) => ({ reasoning: text, reasoning_content: text })),
	},
	{
		name: "reasoning as `reasoning_details`",
		end: "same",
		messages: reasoningAs((text) => ({ reasoning_details: [{ type: "reasoning.text", text }] })),
	},
	{
		name: "reasoning as thinking blocks of the content",
		end: "same",
		messages: onAnswers((message) => ({
			...without("reasoning_content")(message),
			content: [
				{ type: "thinking", thinking: message["reasoning_content"], signature: "c2ln" },
				...parts(String(message.content)),
			],
		})),
	},
	{
		name: "reasoning shortened",
		end: "edit",
		messages: reasoningAs((text) => ({ reasoning_content: text.slice(0, 5) })),
	},
];

const CALLS: Way[] = [
	{
		name: "arguments without spaces",
		end: "same",
		messages: onArguments((text) => text.replaceAll(/(?<=[,:]) /g, "")),
	},
	{
		name: "arguments through JavaScript's JSON: 1.0 is 1, a long integer a float64",
		end: "same",
		messages: onArguments((text) => JSON.stringify(JSON.parse(text))),
	},
	{
		name: "arguments printed over several lines",
		end: "same",
		messages: onArguments((text) => JSON.stringify(JSON.parse(text), null, 2)),
	},
	{
		name: "arguments with keys in another order",
		end: "same",
		messages: onArguments((text) => JSON.stringify(reversedKeys(JSON.parse(text) as object))),
	},
	{
		name: "arguments with letters and slashes as escapes",
		end: "same",
		messages: onArguments((text) => ascii(text).replaceAll("/", "\\/")),
	},
	{
		name: "arguments with 1.0 as 1e0",
		end: "same",
		messages: onArguments((text) => text.replace("1.0", "1e0")),
	},
	{
		name: "another value in the arguments",
		end: "edit",
		messages: onArguments((text) => text.replace("Oslo", "OSLO")),
	},
	{
		name: "a number as a string in the arguments",
		end: "edit",
		messages: onArguments((text) => text.replace('"days": 2', '"days": "2"')),
	},
	{
		name: "parsed_arguments and index in calls",
		end: "same",
		messages: onCalls((call, at) => ({
			...call,
			index: at,
			provider_specific_fields: null,
			function: { ...call.function, parsed_arguments: JSON.parse(String(call.function.arguments)) },
		})),
	},
	{
		name: "calls without index",
		end: "same",
		messages: onCalls(({ index: _, ...call }) => call as Call),
	},
	{ name: "calls without ids", end: "same", messages: onCalls(({ id: _, ...call }) => call as Call) },
	{ name: "calls without type", end: "same", messages: onCalls(({ type: _, ...call }) => call as Call) },
	{
		name: "calls with ids of the client's own",
		end: "edit",
		messages: onCalls((call) => ({ ...call, id: `mine-${call.id}` })),
	},
	{
		name: "two calls in another order",
		end: "edit",
		messages: onAnswers((message) =>
			message.tool_calls ? { ...message, tool_calls: [...message.tool_calls].reverse() } : message,
		),
	},
	{
		name: "one of two calls left out",
		end: "edit",
		messages: onAnswers((message) =>
			message.tool_calls ? { ...message, tool_calls: message.tool_calls.slice(-1) } : message,
		),
	},
	{
		name: "an empty list of calls where there are none",
		end: "same",
		messages: onAnswers((message) => ({ tool_calls: [], ...message })),
	},
	{
		name: "calls null where there are none",
		end: "same",
		messages: onAnswers((message) => ({ tool_calls: null, ...message })),
	},
	{
		name: "a call as the old function_call",
		// No template reads it; a branch would render it.
		end: { refused: { linear: "history_mismatch", tree: "not_rendered" } },
		messages: onAnswers((message) =>
			message.tool_calls
				? { ...without("tool_calls")(message), function_call: message.tool_calls[0]?.function }
				: message,
		),
	},
];

const FIELDS: Way[] = [
	{
		name: "refusal, audio, annotations and function_call null",
		end: "same",
		messages: onAnswers((message) => ({
			...message,
			refusal: null,
			audio: null,
			annotations: [],
			function_call: null,
		})),
	},
	{
		name: "names of the speakers",
		end: "same",
		messages: (messages) => messages.map((message) => ({ ...message, name: `the_${message.role}` })),
	},
	{
		name: "fields of a provider",
		end: "same",
		messages: (messages) =>
			messages.map((message) => ({ ...message, id: "msg_1", provider_specific_fields: { cached: true } })),
	},
	{
		name: "tool results without tool_call_id",
		end: "same",
		messages: on("tool", without("tool_call_id")),
	},
	{
		name: "keys of messages in another order",
		end: "same",
		messages: (messages) => messages.map(reversedKeys),
	},
];

const ROLES: Way[] = [
	{
		name: "developer for system",
		end: "same",
		messages: on("system", (message) => ({ ...message, role: "developer" })),
	},
	{
		name: "developer for system from the second chat on",
		end: "edit",
		messages: (messages) =>
			messages.length > 2
				? on("system", (message) => ({ ...message, role: "developer" }))(messages)
				: messages,
	},
	{
		name: "an answer split in two: its content, then its calls",
		end: "edit",
		messages: (messages) =>
			messages.flatMap((message) =>
				message.role === "assistant" && message.content !== "" && message.tool_calls
					? [without("tool_calls")(message), { ...message, content: "" }]
					: [message],
			),
	},
	{
		name: "two user messages merged once they are history",
		end: "edit",
		messages: (messages) => {
			const at = messages.findIndex(
				({ role }, place) => role === "user" && messages[place + 1]?.role === "user",
			);
			if (at < 0 || messages.length < at + 3) return messages;
			const content = `${messages[at]?.content}\n${messages[at + 1]?.content}`;
			return messages.toSpliced(at, 2, { role: "user", content });
		},
	},
	{
		name: "the system message behind the first user message",
		end: "edit",
		messages: (messages) =>
			messages.length > 2
				? [...messages.slice(1, 2), ...messages.slice(0, 1), ...messages.slice(2)]
				: messages,
	},
	{
		name: "the system message left out after the first chat",
		end: "edit",
		messages: (messages) => (messages.length > 2 ? messages.slice(1) : messages),
	},
	{
		name: "the oldest answer cut away",
		end: "edit",
		messages: (messages) =>
			messages.length > 5 ? [...messages.slice(0, 2), ...messages.slice(4)] : messages,
	},
	{
		name: "an answer replaced by a summary",
		end: "edit",
		messages: onAnswers(onContent((text) => (text.includes("Sunny") ? "(shortened)" : text))),
	},
];

const BYTES: Way[] = [
	{ name: "letters beyond ASCII as escapes", end: "same", body: (body) => ascii(JSON.stringify(body)) },
	{
		name: "white space between the JSON tokens",
		end: "same",
		body: (body) => `\r\n\t${JSON.stringify(body, null, "\t")}\n `,
	},
	{
		name: "every key escaped",
		end: "same",
		body: (body) =>
			JSON.stringify(body)
				.replaceAll('"content":', '"\\u0063ontent":')
				.replaceAll('"role":', '"\\u0072ole":'),
	},
	{
		name: "a byte order mark",
		end: { refused: "invalid_json" },
		body: (body) => `\ufeff${JSON.stringify(body)}`,
	},
	{
		name: "a key twice in a message",
		end: "same",
		body: (body) => JSON.stringify(body).replaceAll('"role":"user"', '"role":"user","role":"user"'),
	},
];

export const WAYS: Way[] = [...CONTENT, ...REASONING, ...CALLS, ...FIELDS, ...ROLES, ...BYTES];
