// What scripts/try-clients.js says of a client: nothing is "ok" that lost a turn, answered or broken.
import { describe, expect, test } from "vitest";
import { type LoopEnd, type ReadSession, verdict } from "../../scripts/clients/verdict.js";

/** Records with the given prompts; each samples one id, 100 + its place. */
function session(prompts: number[][], treeNodes?: number): ReadSession {
	return {
		records: prompts.map((ids, at) => ({
			request: { input_ids: ids },
			response: { choices: [{ meta_info: { output_token_logprobs: [[-1, 100 + at, null]] } }] },
		})),
		metadata: treeNodes === undefined ? {} : { tree: { nodes: Array.from({ length: treeNodes }) } },
	};
}

const ONE = [1, 2];
const TWO = [1, 2, 100, 3];
const LINEAR: LoopEnd = { mode: "linear", rewrites: null, error: null };
const TREE: LoopEnd = { mode: "tree", rewrites: null, error: null };
const REWRITES: LoopEnd = { ...LINEAR, rewrites: "writes its calls as text" };
const REFUSAL = '400 history_mismatch: messages[2].content: "a" sent, "b" stored';

describe("a loop that sends its history back as it was", () => {
	test("is good when every chat is a turn and every prompt goes on", () => {
		const counts = { sent: 2, answered: 2, refusals: [] };
		expect(verdict(counts, session([ONE, TWO]), LINEAR)).toEqual({ text: "2 -> 2", good: true });
		expect(verdict(counts, session([ONE, TWO], 2), TREE)).toEqual({ text: "2 -> 2", good: true });
	});

	test.each<[string, Parameters<typeof verdict>, string]>([
		[
			"a turn replaced with a 200",
			[{ sent: 2, answered: 2, refusals: [] }, session([ONE]), LINEAR],
			"2 -> 1, 1 LOST",
		],
		[
			"a turn that no tree node keeps",
			[{ sent: 2, answered: 2, refusals: [] }, session([ONE], 1), TREE],
			"2 -> 1, 1 LOST",
		],
		[
			"a turn on another branch",
			[{ sent: 2, answered: 2, refusals: [] }, session([ONE], 2), TREE],
			"2 -> 1, 1 on other branches",
		],
		[
			"a refusal",
			[{ sent: 2, answered: 1, refusals: [REFUSAL] }, session([ONE]), LINEAR],
			"2 -> 1, 1 refused (400 history_mismatch)",
		],
		[
			"a prompt with a stored token changed",
			[{ sent: 2, answered: 2, refusals: [] }, session([ONE, [1, 2, 9, 3]]), LINEAR],
			"2 -> 2, 1 prompts broken",
		],
		[
			"a prompt shorter than what is stored",
			[{ sent: 2, answered: 2, refusals: [] }, session([ONE, [1, 2]]), LINEAR],
			"2 -> 2, 1 prompts broken",
		],
		["no chat at all", [{ sent: 0, answered: 0, refusals: [] }, session([]), LINEAR], "0 -> 0"],
		[
			"a client that gave up",
			[{ sent: 1, answered: 1, refusals: [] }, session([ONE]), { ...LINEAR, error: "TypeError: x" }],
			"1 -> 1, failed: TypeError: x",
		],
	])("is bad with %s", (_name, given, text) => {
		expect(verdict(...given)).toEqual({ text, good: false });
	});
});

describe("a loop that rewrites its history", () => {
	test("is good when it is refused with a reason, also when the client then gives up", () => {
		const counts = { sent: 2, answered: 1, refusals: [REFUSAL] };
		const end = { ...REWRITES, error: "AgentGenerationError: 400" };
		expect(verdict(counts, session([ONE]), end)).toMatchObject({ good: true });
	});

	test("is good when every turn is kept on some branch", () => {
		const counts = { sent: 3, answered: 3, refusals: [] };
		expect(verdict(counts, session([ONE], 3), { ...REWRITES, mode: "tree" })).toEqual({
			text: "3 -> 1, 2 on other branches",
			good: true,
		});
	});

	test("is bad when a turn is lost with a 200", () => {
		const counts = { sent: 2, answered: 2, refusals: [] };
		expect(verdict(counts, session([ONE]), REWRITES)).toEqual({ text: "2 -> 1, 1 LOST", good: false });
	});

	test("is bad when the cluster failed instead of refusing", () => {
		const counts = { sent: 2, answered: 1, refusals: ["502 upstream_invalid: x"] };
		expect(verdict(counts, session([ONE]), REWRITES)).toMatchObject({ good: false });
	});
});
