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
	role: "user" | "system" | "assistant";
	content: string;
	reasoning: string | null;
}

const anything = fc.string({ unit: "grapheme", maxLength: 20 });

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

/** Turns as a session sees them: tool results right behind calls, one for each, then what else the agent says. */
export function conversations(options: {
	roles: readonly AppendRole[];
	/** Whether each answer has reasoning, or only some. */
	reasoned: boolean;
}): fc.Arbitrary<Turn[]> {
	const asked: fc.Arbitrary<Ask> = fc.record({
		role: fc.constantFrom(
			...(["user", "system", "assistant"] as const).filter((role) => options.roles.includes(role)),
		),
		content: anything,
		reasoning: fc.option(anything),
	});
	const reply: fc.Arbitrary<Reply> = fc.record({
		content: spoken,
		reasoning: options.reasoned ? spoken : fc.option(spoken),
		calls: fc.array(argumentsOfCall, { maxLength: 3 }),
	});
	const turn = fc.record({ asks: fc.array(asked, { maxLength: 2 }), results: anything, reply });
	const opening = fc.record({ system: fc.option(anything), question: anything });
	return fc
		.tuple(opening, fc.array(turn, { minLength: 1, maxLength: 4 }))
		.map(([{ system, question }, turns]) => {
			const opens = [
				...(system === null ? [] : [messageOf({ role: "system", content: system })]),
				messageOf({ role: "user", content: question }),
			];
			let calls: string[] = [];
			let made = 0;
			return turns.map(({ asks, results, reply: said }, at) => {
				const added = at === 0 ? opens : calls.map((id, call) => resultOf(id, `${results}${call}`));
				if (at > 0) added.push(...asks.map(askedMessage));
				if (added.length === 0) added.push(messageOf({ role: "user", content: results }));
				calls = said.calls.map(() => `functions.f:${made++}`);
				return { added, answer: answerOf(said, calls) };
			});
		});
}

function resultOf(id: string, content: string): JsonObject {
	return messageOf({ role: "tool", tool_call_id: id, content });
}

function askedMessage({ role, content, reasoning }: Ask): JsonObject {
	return messageOf(
		role === "assistant" ? { role, content, reasoning_content: reasoning } : { role, content },
	);
}

function answerOf({ content, reasoning, calls }: Reply, ids: readonly string[]): JsonObject {
	const tool_calls = calls.map((args, at) => ({
		id: ids[at],
		type: "function",
		function: { name: "f", arguments: JSON.stringify(args) },
	}));
	return messageOf({
		role: "assistant",
		content: tool_calls.length > 0 && content.length % 2 === 0 ? null : content,
		...(reasoning === null ? {} : { reasoning_content: reasoning }),
		...(tool_calls.length === 0 ? {} : { tool_calls }),
	});
}
