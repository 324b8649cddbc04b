// The conversation that every way of sending a history back is tried on: what the client says, what the engine answers.
// Its answers have what clients spell anew: reasoning, white space at the ends, numbers, escapes, two calls at once.
import type { SimControl } from "../../src/sim/control/control-client.js";

export interface Call {
	[key: string]: unknown;
	id?: string;
	type?: string;
	function: { [key: string]: unknown; name: string; arguments: unknown };
}

export interface Message {
	[key: string]: unknown;
	role: string;
	content?: unknown;
	tool_calls?: Call[] | null;
}

interface Answer {
	reasoning: string;
	content: string;
	calls: Array<[id: string, name: string, args: string]>;
}

/** Spelled as a model spells JSON: spaces, letters as they are, numbers with a point. */
const ANSWERS: Answer[] = [
	{
		reasoning: "First the weather.\n",
		content: "",
		calls: [["call_1", "get_weather", '{"city": "Tromsø/Nord", "days": 1.0, "exact": true}']],
	},
	{ reasoning: "It is sunny.", content: "\nSunny – all day.\n\n", calls: [] },
	{
		reasoning: "Two at once.",
		content: "I look both up. ",
		calls: [
			["call_2", "get_weather", '{"city": "Oslo", "days": 2}'],
			["call_3", "get_weather", '{"city": "Bergen", "days": 12345678901234567890}'],
		],
	},
	{ reasoning: "Done.", content: "Both are rainy.", calls: [] },
];

/** What stands behind answer n in the next request. */
const AFTER: Message[][] = [
	[{ role: "tool", tool_call_id: "call_1", content: "sunny, 21°" }],
	[
		{ role: "user", content: "And Oslo?" },
		{ role: "user", content: "Bergen too." },
	],
	[
		{ role: "tool", tool_call_id: "call_2", content: "rain" },
		{ role: "tool", tool_call_id: "call_3", content: "more rain" },
	],
];

export const START: Message[] = [
	{ role: "system", content: "You are an agent." },
	{ role: "user", content: "Weather in Tromsø?" },
];

export const TOOLS = [
	{
		type: "function",
		function: {
			name: "get_weather",
			description: "The weather of a city",
			parameters: {
				type: "object",
				properties: {
					city: { type: "string" },
					days: { type: "number" },
					exact: { type: "boolean" },
				},
				required: ["city"],
			},
		},
	},
];

export const CHATS = ANSWERS.length;

/** The next answers of a session, as a model of the toy checkpoint's format would sample them. */
export async function scriptAnswers(sim: SimControl, session: string): Promise<void> {
	for (const { reasoning, content, calls } of ANSWERS) {
		const markup = calls.map(
			([, name, args]) => `\n<tool_call>\n{"name": "${name}", "arguments": ${args}}\n</tool_call>`,
		);
		const message: Message = { role: "assistant", content, reasoning_content: reasoning };
		if (calls.length > 0) {
			message.tool_calls = calls.map(([id, name, args], index) => {
				return { id, index, type: "function", function: { name, arguments: args } };
			});
		}
		await sim.script({
			match: { header: { name: "x-smg-routing-key", value: session } },
			text: `<think>\n${reasoning}\n</think>\n\n${content}${markup.join("")}`,
			message,
			finishReason: calls.length > 0 ? "tool_calls" : "stop",
		});
	}
}

/** The history that follows `answer`, the n-th of the conversation; copies, for a client to change. */
export function afterAnswer(history: readonly Message[], answer: Message, n: number): Message[] {
	return structuredClone([...history, answer, ...(AFTER[n] ?? [])]);
}
