// Random conversations of an agent: what it appends, what the model answers. For properties of every family.
import fc from "fast-check";
import type { JsonObject } from "../../src/json/value.js";
import type { AppendRole } from "../../src/tito/tito.js";
import { json, list, object } from "./shared.js";

export interface Turn {
	/** Messages since the last answer: at least one. */
	added: JsonObject[];
	answer: JsonObject;
}

export const TOOLS = list(
	json(
		'[{"type":"function","function":{"name":"f","description":"does it","parameters":{"type":"object","properties":{"x":{"type":"string"}}}}}]',
	),
);

interface Reply {
	content: string;
	reasoning: string | null;
	calls: object[];
}

interface Ask {
	role: AppendRole;
	content: unknown;
	reasoning: string | null;
	/** Of an assistant that the agent wrote itself: its call, whose result follows. */
	call: object | null;
}

const anything = fc.string({ unit: "grapheme", maxLength: 20 });

/** What an agent says: text, or text in parts. */
const content = fc.oneof(
	{ weight: 5, arbitrary: anything },
	{
		weight: 1,
		arbitrary: fc.array(
			anything.map((text) => ({ type: "text", text })),
			{ maxLength: 2 },
		),
	},
);

/** Starts and ends with a letter: templates strip what a model says, and no token may reach over the end of a prompt. */
const spoken = anything.map((text) => `a${text}z`);

const scalar = fc.oneof(anything, fc.double({ noNaN: true, noDefaultInfinity: true }), fc.boolean());
const argumentsOfCall = fc.dictionary(
	fc.stringMatching(/^[a-z]{1,5}$/),
	fc.oneof(scalar, fc.constant(null), fc.array(scalar, { maxLength: 2 }), fc.record({ nested: scalar })),
	{ maxKeys: 3 },
);

function messageOf(fields: object): JsonObject {
	return object(json(JSON.stringify(fields)));
}

/**
 * Turns as a session sees them: tool results right after calls, one for each, then what else the agent says.
 * The first message is a system message or a question.
 */
export function conversations(options: {
	/** What may be appended; `tool` means results that no call asked for. */
	roles: readonly AppendRole[];
	/** Whether each answer has reasoning, or only some. */
	reasoned: boolean;
}): fc.Arbitrary<Turn[]> {
	const asked: fc.Arbitrary<Ask> = fc.record({
		role: fc.constantFrom(...options.roles),
		content,
		reasoning: fc.option(anything),
		call: fc.option(argumentsOfCall),
	});
	const reply: fc.Arbitrary<Reply> = fc.record({
		content: spoken,
		reasoning: options.reasoned ? spoken : fc.option(spoken),
		calls: fc.array(argumentsOfCall, { maxLength: 3 }),
	});
	const turn = fc.record({ asks: fc.array(asked, { maxLength: 2 }), result: content, reply });
	const opening = fc.record({ system: fc.option(anything), question: content });
	return fc
		.tuple(opening, fc.array(turn, { minLength: 1, maxLength: 4 }))
		.map(([{ system, question }, turns]) => {
			const opens = [
				...(system === null ? [] : [messageOf({ role: "system", content: system })]),
				messageOf({ role: "user", content: question }),
			];
			let made = 0;
			const newId = () => `functions.f:${made++}`;
			let calls: string[] = [];
			return turns.map(({ asks, result, reply: said }, at) => {
				const added = at === 0 ? opens : calls.map((id) => resultOf(id, result));
				if (at > 0) added.push(...asks.flatMap((ask) => askedMessages(ask, newId)));
				if (added.length === 0) added.push(messageOf({ role: "user", content: result }));
				calls = said.calls.map(newId);
				return { added, answer: answerOf(said, calls) };
			});
		});
}

function resultOf(id: string, content: unknown): JsonObject {
	return messageOf({ role: "tool", tool_call_id: id, content });
}

function askedMessages({ role, content, reasoning, call }: Ask, newId: () => string): JsonObject[] {
	if (role === "tool") return [resultOf(newId(), content)];
	if (role !== "assistant") return [messageOf({ role, content })];
	// An assistant's content is text or null: engines take nothing else.
	const text = typeof content === "string" ? content : null;
	if (call === null) return [messageOf({ role, content: text, reasoning_content: reasoning })];
	const id = newId();
	return [
		messageOf({ role, content: text, reasoning_content: reasoning, tool_calls: [callOf(id, call)] }),
		resultOf(id, content),
	];
}

function callOf(id: string | undefined, args: object): object {
	return { id, type: "function", function: { name: "f", arguments: JSON.stringify(args) } };
}

function answerOf({ content, reasoning, calls }: Reply, ids: readonly string[]): JsonObject {
	const tool_calls = calls.map((args, at) => callOf(ids[at], args));
	return messageOf({
		role: "assistant",
		content: tool_calls.length > 0 && content.length % 2 === 0 ? null : content,
		...(reasoning === null ? {} : { reasoning_content: reasoning }),
		...(tool_calls.length === 0 ? {} : { tool_calls }),
	});
}
