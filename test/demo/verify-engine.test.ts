// What `rollpin verify` says of the engine: its table, its findings, and what fails it.
import { expect, test } from "vitest";
import type { SessionRecords } from "../../src/demo/verify.js";
import { type EngineVerdict, engineReport } from "../../src/demo/verify-engine.js";

/** One turn: prompt 1 2, sampled 3 and 4. */
const SESSION: SessionRecords = {
	session_id: "s",
	records: [
		{
			request: { input_ids: [1, 2] },
			response: {
				choices: [
					{
						meta_info: {
							output_token_logprobs: [
								[-0.5, 3, null],
								[-1, 4, null],
							],
						},
					},
				],
			},
		},
	],
	metadata: { accumulated_token_ids: [1, 2, 3, 4], max_trim_tokens: 0 },
	session: { worker: 0, turns: 1 },
};
const ROW = { conversation: "plain", tokens: 9, template: "same", family: "same", finding: null };
const FINDING = { position: 7, ours: "a b", engine: "a c" };
const OK: EngineVerdict = {
	engine_check: { result: "ok", by: "tokenize", rows: [ROW] },
	rescore: { ids: [1, 2, 3, 4], logprobs: [null, -9, -0.5, -1.004] },
};

const rescored = (rescore: EngineVerdict["rescore"]) => engineReport({ ...OK, rescore }, SESSION);

test("an engine that renders and scores alike is sound, with the largest difference and its bound", () => {
	const { lines, sound } = engineReport(OK, SESSION);
	expect(sound).toBe(true);
	expect(lines.join("\n")).toMatch(/conversation +tokens +template +family\nplain +9 +same +same/);
	expect(lines.at(-1)).toBe(
		"rescored by the engine: same 4 ids; of 2 sampled tokens the largest |dlogprob| is 0.0040 (bound 0.1)",
	);
});

test("a finding is printed with both sides, and fails", () => {
	const rows = [ROW, { ...ROW, conversation: "tools", template: "differs", finding: FINDING }];
	const { lines, sound } = engineReport(
		{ ...OK, engine_check: { result: "differs", by: "chat", rows } },
		SESSION,
	);
	expect(sound).toBe(false);
	expect(lines.join("\n")).toContain(
		'PROBLEM "tools" differs from token 7 on\n  ours:     "a b"\n  engine\'s: "a c"',
	);
});

test.each([
	["another id", { ids: [1, 2, 9, 4], logprobs: [null, -9, -0.5, -1] }, /scored other ids .* from 2 on/],
	["an id less", { ids: [1, 2, 3], logprobs: [null, -9, -0.5] }, /scored other ids .* from 3 on/],
	[
		"an id more",
		{ ids: [1, 2, 3, 4, 5], logprobs: [null, -9, -0.5, -1, -1] },
		/scored other ids .* from 4 on/,
	],
	["another logprob", { ids: [1, 2, 3, 4], logprobs: [null, -9, -0.5, -1.2] }, /\|dlogprob\| is 0\.2000/],
])("%s in the engine's score fails", (_name, rescore, line) => {
	const { lines, sound } = rescored(rescore);
	expect(sound).toBe(false);
	expect(lines.at(-1)).toMatch(/^PROBLEM /);
	expect(lines.at(-1)).toMatch(line);
});

test("an engine that cannot be asked is told of, and fails nothing", () => {
	const { lines, sound } = engineReport(
		{
			engine_check: { result: "skipped", by: "ECONNREFUSED", rows: [] },
			rescore: { error: "ECONNREFUSED" },
		},
		SESSION,
	);
	expect(sound).toBe(true);
	expect(lines).toEqual(["engine's rendering not compared: ECONNREFUSED", "", "not rescored: ECONNREFUSED"]);
});
