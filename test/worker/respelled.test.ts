// Random histories through a real worker: respelled ones keep every turn and every prompt, edited ones never pass for them.
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startRig, type WorkerRig } from "../support/worker-rig.js";

let rig: WorkerRig;
beforeAll(async () => {
	rig = await startRig();
});
afterAll(() => rig.close());

type Message = Record<string, unknown>;
interface Turn {
	ask: Message;
	answer: Message;
}

const word = fc.constantFrom("alpha", "Zürich", "x < y", 'say "so"', "\n two lines\n", "🙂");
const args = fc.dictionary(
	fc.constantFrom("city", "a b", "__proto__", "n"),
	fc.oneof(
		word,
		fc.integer(),
		fc.double({ noNaN: true, noDefaultInfinity: true }),
		fc.boolean(),
		fc.constant(null),
	),
	{ maxKeys: 3 },
);
const answer: fc.Arbitrary<Message> = fc.record({
	role: fc.constant("assistant"),
	content: fc.oneof(word, fc.constant("")),
	reasoning_content: fc.option(word),
	tool_calls: fc.option(
		args.map((given) => [
			{ id: "call_1", type: "function", function: { name: "look", arguments: JSON.stringify(given) } },
		]),
	),
});
const turn: fc.Arbitrary<Turn> = fc.record({
	ask: word.map((content) => ({ role: "user", content })),
	answer,
});
const history = fc.array(turn, { minLength: 2, maxLength: 4 });

/** Spellings of a message that change nothing of what the model sees; `n` chooses. */
function respelled(message: Message, n: number): Message {
	const copy: Message = { ...message };
	if (n & 1 && typeof copy.content === "string")
		copy.content = [{ type: "text", text: copy.content, cache_control: {} }];
	if (n & 2) Object.assign(copy, { refusal: null, annotations: [], provider: { trace: n } });
	if (copy.role !== "assistant") return copy;
	const reasoning = copy.reasoning_content;
	if (n & 4) delete copy.reasoning_content;
	if (n & 8 && typeof reasoning === "string") {
		delete copy.reasoning_content;
		copy.reasoning = ` ${reasoning} `;
	}
	if (n & 16 && typeof copy.content === "string") copy.content = `${copy.content}\n`;
	if (n & 32 && Array.isArray(copy.tool_calls)) copy.tool_calls = copy.tool_calls.map(anew);
	return copy;
}

function anew(call: { function: { arguments: string } }): object {
	const given = Object.entries(JSON.parse(call.function.arguments) as object).reverse();
	const text = given.map(([key, value]) => `${JSON.stringify(key)} : ${JSON.stringify(value)}`).join(" , ");
	return {
		...call,
		index: 0,
		function: { ...call.function, arguments: `{ ${text} }`, parsed_arguments: {} },
	};
}

const answered = (turns: readonly Turn[], spell: (message: Message, at: number) => Message) =>
	turns.flatMap(({ answer: given, ask }, at) => [spell(ask, 2 * at), spell(given, 2 * at + 1)]);

async function chat(id: string, messages: readonly Message[], message: Message) {
	await rig.control.reset();
	await rig.control.script({ message, finishReason: "stop" });
	return rig.chat(id, { model: "m", messages, max_tokens: 8 });
}

/** Runs a whole history; the status of each chat and every prompt's ids. */
async function run(mode: string, turns: readonly Turn[], spell: (message: Message, at: number) => Message) {
	const id = await rig.create({ mode });
	const statuses: number[] = [];
	for (const [at, { answer: given, ask }] of turns.entries()) {
		const messages = [...answered(turns.slice(0, at), spell), ask];
		statuses.push((await chat(id, messages, given)).status);
	}
	const { json } = await rig.request("GET", `/sessions/${id}`);
	return { id, statuses, prompts: json.records.map(({ request }) => request.input_ids.slice(0)), json };
}

const SETTINGS = { seed: 11, numRuns: 25 };

describe.each(["linear", "tree"])("In %s mode", (mode) => {
	it("a history in any other spelling keeps one turn a chat, with the prompts of one sent back byte for byte", async () => {
		await fc.assert(
			fc.asyncProperty(history, fc.array(fc.nat(63), { minLength: 8, maxLength: 8 }), async (turns, how) => {
				const same = await run(mode, turns, (message) => message);
				const other = await run(mode, turns, (message, at) => respelled(message, how[at] ?? 0));
				expect(other.statuses).toEqual(turns.map(() => 200));
				expect(other.prompts).toHaveLength(turns.length);
				expect(other.prompts).toEqual(same.prompts);
				expect(other.json.metadata).toMatchObject({ history: { rollbacks: 0, refused: 0, branches: 0 } });
			}),
			SETTINGS,
		);
	}, 60_000);

	it("an edit is never a 200 in a line, and always a branch of a tree", async () => {
		const edit = fc.constantFrom("content", "reasoning", "argument", "call id", "earlier question");
		await fc.assert(
			fc.asyncProperty(history, edit, fc.nat(3), async (turns, what, where) => {
				const { id } = await run(mode, turns, (message) => message);
				const messages = answered(turns, (message) => ({ ...message }));
				const at = Math.min(where, turns.length - 1) * 2;
				const edited = messages[at + 1] as Message;
				if (what === "earlier question") (messages[at] as Message).content = "never asked";
				else if (what === "reasoning") edited.reasoning_content = "never thought";
				else if (what === "content" || !Array.isArray(edited.tool_calls)) edited.content = "never said";
				else {
					const [call] = edited.tool_calls as [{ id: string; function: object }];
					const changed =
						what === "call id"
							? { ...call, id: "call_2" }
							: { ...call, function: { ...call.function, arguments: '{"never":1}' } };
					edited.tool_calls = [changed];
				}
				const done = await chat(id, [...messages, { role: "user", content: "go on" }], {
					role: "assistant",
					content: "x",
				});
				const { json } = await rig.request("GET", `/sessions/${id}`);
				const seen = json.metadata as unknown as {
					history: { refused: number; branches: number };
					tree?: { nodes: unknown[] };
				};
				if (mode === "linear") {
					expect([done.status, done.json.error?.code]).toEqual([400, "history_mismatch"]);
					expect(json.records).toHaveLength(turns.length);
					expect(seen.history).toMatchObject({ refused: 1, rollbacks: 0 });
				} else {
					expect(done.status).toBe(200);
					expect(seen.tree?.nodes).toHaveLength(turns.length + 1);
					expect(seen.history).toMatchObject({ branches: 1, last: { kind: "edit" } });
				}
			}),
			SETTINGS,
		);
	}, 60_000);
});
