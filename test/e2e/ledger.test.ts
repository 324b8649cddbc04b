// The fault suite's own judge: what it must find in a session's records, so that "0 lost" means something.
import { describe, expect, test } from "vitest";
import { type Ack, judge, type SessionLedger } from "../faults/ledger.js";

type Turn = { id: string; prompt: number[]; sampled: number[] };
const TURNS: Turn[] = [
	{ id: "a", prompt: [1, 2], sampled: [3, 4] },
	{ id: "b", prompt: [1, 2, 3, 4, 5], sampled: [6] },
	{ id: "c", prompt: [1, 2, 3, 4, 5, 6, 7], sampled: [8, 9] },
];
const message = (turn: Turn) => ({ role: "assistant", content: turn.id });

const ledgerOf = (turns: readonly Turn[]): SessionLedger => ({
	id: "s",
	worker: 0,
	deleted: false,
	acks: turns.map(
		(turn): Ack => ({
			responseId: turn.id,
			message: JSON.stringify(message(turn)),
			promptIds: turn.prompt,
			completionIds: turn.sampled,
			attempts: 1,
			latencyMs: 1,
			toolCalls: 0,
			finishReason: "stop",
		}),
	),
});

function toldOf(turns: readonly Turn[]): unknown {
	const last = turns.at(-1);
	return {
		session_id: "s",
		records: turns.map((turn) => ({
			request: { input_ids: turn.prompt },
			response: {
				id: turn.id,
				choices: [
					{
						message: message(turn),
						meta_info: { output_token_logprobs: turn.sampled.map((id) => [-1, id, null]) },
					},
				],
			},
		})),
		metadata: {
			accumulated_token_ids: [...(last?.prompt ?? []), ...(last?.sampled ?? [])],
			max_trim_tokens: 0,
		},
		session: { worker: 0, turns: turns.length },
	};
}

const [A, B, C] = TURNS as [Turn, Turn, Turn];

describe("the judge", () => {
	test("finds nothing in a session that is as it was acknowledged", () => {
		expect(judge(ledgerOf(TURNS), toldOf(TURNS))).toEqual({ lost: 0, doubled: 0, problems: [] });
	});

	test("finds a replay payload that is not the one of its tokens, or is missing", () => {
		const payloadOf = (ids: Int32Array) => ids.join(" ");
		const told = (...payloads: string[]) => {
			const session = toldOf(TURNS) as {
				records: Array<{ response: { choices: Array<{ meta_info: object }> } }>;
			};
			session.records.forEach(({ response }, index) => {
				Object.assign(response.choices[0]?.meta_info ?? {}, { routed_experts: payloads[index] });
			});
			return session;
		};
		const own = TURNS.map(({ prompt, sampled }) => [...prompt, ...sampled].join(" "));
		expect(judge(ledgerOf(TURNS), told(...own), payloadOf).problems).toEqual([]);
		const [a = "", b = "", c = ""] = own;
		for (const [index, wrong] of [told(b, b, c), told(a, `${b} `, c), told(a, b)].entries()) {
			expect(judge(ledgerOf(TURNS), wrong, payloadOf).problems).toEqual([
				`s: turn ${index}: the recorded replay payload is not the engine's`,
			]);
		}
	});

	test.each<[string, Turn[], { lost: number; doubled: number }]>([
		["the last turn lost", [A, B], { lost: 1, doubled: 0 }],
		["a turn in the middle lost", [A, C], { lost: 1, doubled: 0 }],
		["everything lost", [], { lost: 3, doubled: 0 }],
		["a turn twice", [A, B, B, C], { lost: 0, doubled: 1 }],
		["a turn nobody was told of", [A, B, C, { ...C, id: "d" }], { lost: 0, doubled: 1 }],
		["a turn generated again", [A, B, { ...C, id: "d" }], { lost: 1, doubled: 1 }],
		["turns in another order", [B, A, C], { lost: 0, doubled: 0 }],
		["another sampled token", [A, B, { ...C, sampled: [8, 8] }], { lost: 0, doubled: 0 }],
		["a prompt that does not continue", [A, { ...B, prompt: [1, 2, 3, 0, 5] }, C], { lost: 0, doubled: 0 }],
	])("finds %s", (_title, turns, counts) => {
		const verdict = judge(ledgerOf(TURNS), toldOf(turns));
		expect(verdict).toMatchObject(counts);
		expect(verdict.problems.length).toBeGreaterThan(0);
	});
});
