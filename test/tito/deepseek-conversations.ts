// Random conversations for the DeepSeek families: replies, and what may follow upon each.
import fc from "fast-check";
import type { JsonObject, JsonValue } from "../../src/json/value.js";
import type { AppendRole } from "../../src/tito/tito.js";
import { json, list } from "./shared.js";
import { message } from "./toy.js";

export const TOOLS = list(
	json('[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}]'),
);

const anything = fc.string({ unit: "grapheme", maxLength: 20 });
/** May be empty: a reply with reasoning alone, or with calls alone, is one too. */
const spoken = fc.option(anything);
const parameters = fc.dictionary(anything, fc.oneof(anything, fc.double({ noNaN: true }), fc.jsonValue()), {
	maxKeys: 3,
});

interface Round {
	content: string | null;
	reasoning: string | null;
	calls: Record<string, unknown>[];
	/** In which order the calls are answered: the results with the lowest go first. */
	ranks: number[];
	/** Messages after the results. */
	rest: { role: "user" | "system" | "assistant"; content: string }[];
}

const round = (roles: readonly AppendRole[]): fc.Arbitrary<Round> =>
	fc.record({
		content: spoken,
		reasoning: spoken,
		calls: fc.array(parameters, { maxLength: 3 }),
		ranks: fc.array(fc.nat(9), { minLength: 3, maxLength: 3 }),
		rest: fc.array(
			fc.record({
				role: fc.constantFrom(
					...(["user", "system", "assistant"] as const).filter((role) => roles.includes(role)),
				),
				content: anything,
			}),
			{ maxLength: 3 },
		),
	});

/** A reply as the engine stored it, and the messages that a client sent after it. */
export interface Step {
	reply: JsonObject;
	appended: JsonObject[];
}

/** The last message of each step is a user's where nothing else opens the next reply. */
export function conversations(
	roles: readonly AppendRole[],
): fc.Arbitrary<{ first: JsonObject[]; steps: Step[] }> {
	return fc.record({
		first: fc
			.tuple(fc.option(anything), anything)
			.map(([system, user]) => [
				...(system === null ? [] : [message("system", system)]),
				message("user", user),
			]),
		steps: fc.array(round(roles), { minLength: 1, maxLength: 4 }).map((rounds) => rounds.map(step)),
	});
}

function step({ content, reasoning, calls, ranks, rest }: Round, at: number): Step {
	const reply = message("assistant", content ?? "");
	if (content === null) reply.set("content", null);
	if (reasoning !== null) reply.set("reasoning_content", reasoning);
	const made = calls.map((args, index) => ({
		id: `call_${at}_${index}`,
		type: "function",
		function: { name: "f", arguments: JSON.stringify(args) },
	}));
	if (made.length > 0) reply.set("tool_calls", json(JSON.stringify(made)));
	const order = made.map((_, index) => index).sort((a, b) => (ranks[a] ?? 0) - (ranks[b] ?? 0));
	const results = order.map((index) =>
		message("tool", `result ${index}`).set("tool_call_id", `call_${at}_${index}`),
	);
	const others = rest.map(({ role, content: text }) => message(role, text));
	const last = others.at(-1) ?? results.at(-1);
	const opens = last !== undefined && ["user", "tool"].includes(String(last.get("role") as JsonValue));
	return { reply, appended: [...results, ...others, ...(opens ? [] : [message("user", "go on")])] };
}
