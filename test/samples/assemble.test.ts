import { describe, expect, it } from "vitest";
import { writeJson } from "../../src/json/parse.js";
import { JsonNumber } from "../../src/json/value.js";
import { type AssembleOptions, assemblePath } from "../../src/samples/assemble.js";
import { type Sample, SampleError } from "../../src/samples/sample.js";
import { base64Of, type Given, path } from "./paths.js";

const OPTIONS: AssembleOptions = {
	maxTrimTokens: 0,
	maxSeqLen: null,
	r3: "off",
	samplingMask: false,
	numLayers: 1,
};

interface Extra extends Partial<AssembleOptions> {
	payloads?: Record<number, readonly number[]>;
	/** JSON text of masks between the outer brackets, by payload. */
	masks?: Record<number, string>;
}

function inPieces(bytes: Uint8Array, length: number, take: (piece: Uint8Array) => void): void {
	for (let at = 0; at < bytes.length; at += length) take(bytes.subarray(at, at + length));
}

/** Texts are the ids in brackets, so that every range that was decoded shows. */
function assemble(
	turns: Given[],
	{ payloads = {}, masks = {}, ...options }: Extra = {},
): Promise<Sample | null> {
	return assemblePath(
		path(...turns),
		{ ...OPTIONS, ...options },
		{
			decode: async (lists) => lists.map((ids) => `[${ids.join(" ")}]`),
			payload: async (_turn, index, take) =>
				inPieces(
					masks[index] === undefined ? base64Of(payloads[index] ?? []) : Buffer.from(masks[index]),
					5,
					take,
				),
		},
	);
}

const summary = (sample: Sample | null) =>
	sample && {
		tokens: [...sample.tokens],
		mask: [...sample.lossMask].join(""),
		logprobs: [...sample.logprobs],
		status: sample.status,
		response: sample.response,
	};

describe("a path of turns", () => {
	it("becomes one sample: prompts between turns have mask 0 and logprob 0", async () => {
		const sample = await assemble([
			{ prompt: [1, 2], out: [3, 4] },
			{ prompt: [5], out: [6] },
		]);
		expect(summary(sample)).toEqual({
			tokens: [1, 2, 3, 4, 5, 6],
			mask: "1101",
			logprobs: [-0, -1, 0, -0],
			status: "completed",
			response: "[3 4][5][6]",
		});
		expect(Object.is(sample?.logprobs[2], 0)).toBe(true);
		expect(Object.is(sample?.logprobs[3], -0)).toBe(true);
	});

	it("drops the id that the family trims before another one follows", async () => {
		const turns = [
			{ prompt: [1], out: [2, 9] },
			{ prompt: [8], out: [3], trim: 1 },
		];
		expect(summary(await assemble(turns, { maxTrimTokens: 1 }))).toMatchObject({
			tokens: [1, 2, 8, 3],
			mask: "101",
			response: "[2][8][3]",
		});
	});

	it("keeps a trimmed id that the next turn begins with: it stays trainable", async () => {
		const turns = [
			{ prompt: [1], out: [2, 9] },
			{ prompt: [9, 8], out: [3], trim: 1 },
		];
		expect(summary(await assemble(turns, { maxTrimTokens: 1 }))).toMatchObject({
			tokens: [1, 2, 9, 8, 3],
			mask: "1101",
		});
	});

	const truncated: Array<[string, number, object | null]> = [
		["a limit nobody reaches", 8, { tokens: [1, 2, 3, 4, 5, 6, 7], status: "completed" }],
		["exactly the whole length", 7, { tokens: [1, 2, 3, 4, 5, 6, 7], status: "completed" }],
		["inside the last turn's output", 6, { tokens: [1, 2, 3, 4, 5, 6], status: "truncated", mask: "1101" }],
		["at a turn boundary", 4, { tokens: [1, 2, 3, 4], status: "completed" }],
		["inside the next prompt", 5, { tokens: [1, 2, 3, 4], status: "completed" }],
		["inside the first turn's output", 3, { tokens: [1, 2, 3], status: "truncated", mask: "1" }],
		["at the first prompt", 2, null],
		["nothing at all", 0, null],
	];
	it.each(truncated)("is cut to max_seq_len before merging: %s", async (_, maxSeqLen, expected) => {
		const turns = [
			{ prompt: [1, 2], out: [3, 4] },
			{ prompt: [5], out: [6, 7] },
		];
		const sample = summary(await assemble(turns, { maxSeqLen }));
		if (expected === null) expect(sample).toBeNull();
		else expect(sample).toMatchObject(expected);
	});

	const statuses: Array<[string | null, string, number]> = [
		["stop", "completed", 4],
		["tool_calls", "completed", 4],
		["length", "truncated", 2],
		["abort", "aborted", 2],
		["content_filter", "pending", 2],
		[null, "pending", 2],
	];
	it.each(statuses)("a middle turn that ended by %s is %s", async (finish, status, length) => {
		const turns = [
			{ prompt: [1], out: [2], finish },
			{ prompt: [3], out: [4] },
		];
		const sample = await assemble(turns);
		expect(sample?.tokens).toHaveLength(length);
		expect((await assemble(turns.slice(0, 1)))?.status).toBe(status);
	});

	it("ends with an aborted turn", async () => {
		const turns = [
			{ prompt: [1], out: [2] },
			{ prompt: [3], out: [4], finish: "abort" },
		];
		expect(summary(await assemble(turns))).toMatchObject({ tokens: [1, 2, 3, 4], status: "aborted" });
	});

	it("tells of each turn's life, an object for one and a list for several", async () => {
		const meta = { e2eLatencyS: 4.5, weightVersion: new JsonNumber("7"), cachedTokens: 3, promptTokens: 5 };
		const one = await assemble([{ prompt: [1], out: [2], meta }]);
		expect(JSON.parse(writeJson(one?.metadata ?? null))).toEqual({
			lifecycle: { t0: 95.5, t1: 100, turn: 1, req_ts: 90 },
		});
		const two = await assemble([
			{ prompt: [1], out: [2], meta },
			{ prompt: [3], out: [4] },
		]);
		expect(JSON.parse(writeJson(two?.metadata ?? null))).toEqual({
			lifecycle: [
				{ t0: 95.5, t1: 100, turn: 1, req_ts: 90 },
				{ t0: null, t1: 200, turn: 2, req_ts: 190, prev_t1: 100 },
			],
		});
		expect(two?.prefixCache).toEqual({ cachedTokens: 3, totalPromptTokens: 5 });
		expect(writeJson(two?.weightVersions ?? null)).toBe("[7]");
	});

	const refused: Array<[string, Given[], Extra, RegExp]> = [
		[
			"more trimmed than the family allows",
			[
				{ prompt: [1], out: [2, 9] },
				{ prompt: [8], out: [3], trim: 1 },
			],
			{},
			/trim_count=1 exceeds allowed=0/,
		],
		[
			"a turn that drops ids of the prompt before it",
			[
				{ prompt: [1, 2], out: [3] },
				{ prompt: [8], out: [3], trim: 2 },
			],
			{ maxTrimTokens: 9 as 0 },
			/b\.tokens must start with a\.tokens/,
		],
		[
			"a turn without a prompt of its own",
			[
				{ prompt: [1], out: [2] },
				{ prompt: [], out: [3] },
			],
			{},
			/obs_len must be > 0/,
		],
	];
	it.each(refused)("is refused: %s", async (_, turns, extra, reason) => {
		await expect(assemble(turns, extra)).rejects.toThrow(SampleError);
		await expect(assemble(turns, extra)).rejects.toThrow(reason);
	});
});

const ref = (index: number, values: number) => ({
	index,
	length: base64Of(Array.from({ length: values }, () => 0)).length,
});

describe("full replay payloads", () => {
	const two: Given[] = [
		{ prompt: [1, 2], out: [3], meta: { routedExperts: ref(0, 4) } },
		{ prompt: [4], out: [5], meta: { routedExperts: ref(1, 8) } },
	];
	const payloads = { 0: [1, 2, 3, 4], 1: [1, 2, 3, 4, 5, 6, 7, 8] };

	it("are those of the last turn, top-k inferred from their size", async () => {
		const sample = await assemble(two, { r3: "full", payloads });
		expect(sample?.routedExperts?.shape).toEqual([4, 1, 2]);
		expect([...(sample?.routedExperts?.values ?? [])]).toEqual(payloads[1]);
		expect(sample?.indexerTopk).toBeNull();
	});

	it("lose the rows of ids that max_seq_len cuts", async () => {
		const turns: Given[] = [{ prompt: [1], out: [2, 3, 4], meta: { routedExperts: ref(0, 6) } }];
		const sample = await assemble(turns, { r3: "full", maxSeqLen: 3, payloads: { 0: [1, 2, 3, 4, 5, 6] } });
		expect(sample?.routedExperts?.shape).toEqual([2, 1, 2]);
		expect([...(sample?.routedExperts?.values ?? [])]).toEqual([1, 2, 3, 4]);
	});

	it("end the sample before a turn that lacks its own", async () => {
		const gap = [two[0] as Given, { prompt: [4], out: [5] }];
		const sample = await assemble(gap, { r3: "full", payloads });
		expect(sample?.tokens).toHaveLength(3);
		expect(sample?.routedExperts?.shape).toEqual([2, 1, 2]);
	});

	it("of no rows are an empty tensor, not null", async () => {
		const meta = { routedExperts: { index: 0, length: 0 } };
		const sample = await assemble([{ prompt: [1], out: [], meta }], { r3: "full", numLayers: 3 });
		expect(sample?.routedExperts?.shape).toEqual([0, 3, 0]);
	});

	it("of the indexer have their own number of layers", async () => {
		const meta = { indexerTopk: ref(0, 4), indexerLayers: 2 };
		const sample = await assemble([{ prompt: [1, 2], out: [3], meta }], { payloads });
		expect(sample?.indexerTopk?.shape).toEqual([2, 2, 1]);
		const without = [{ prompt: [1, 2], out: [3], meta: { indexerTopk: ref(0, 4) } }];
		await expect(assemble(without, { payloads })).rejects.toThrow(/number of layers is not known/);
	});

	it.each([
		["of the wrong size", ref(0, 3), /no multiple of 2 rows x 1 layers/],
		["that are no base64 of int32", { index: 0, length: 7 }, /not base64 of int32/],
		["that are empty", { index: 0, length: 0 }, /0 bytes/],
	])("%s are refused", async (_, routedExperts, reason) => {
		const turns = [{ prompt: [1, 2], out: [3], meta: { routedExperts } }];
		await expect(assemble(turns, { r3: "full" })).rejects.toThrow(reason);
	});

	const read = (text: string, length: number, pieceLength: number) => {
		const turns = path({ prompt: [1, 2], out: [3], meta: { routedExperts: { index: 0, length } } });
		return assemblePath(
			turns,
			{ ...OPTIONS, r3: "full" },
			{
				decode: async () => [],
				payload: async (_turn, _index, take) => inPieces(Buffer.from(text), pieceLength, take),
			},
		);
	};

	it("are refused for a bad character where the padding was due", async () => {
		const text = Buffer.from(Int32Array.of(5, 1 << 24).buffer).toString("base64");
		expect(text.endsWith("=")).toBe(true);
		const spoilt = `${text.slice(0, -3)}!${text.slice(-2, -1)}A`;
		await expect(read(spoilt, text.length, 100)).rejects.toThrow("not base64 of int32");
	});

	it.each([1, 2, 3, 4, 5, 7, 100])("are the same in pieces of %d characters", async (pieceLength) => {
		const values = Int32Array.of(1, -2, 3, 2 ** 31 - 1);
		const text = Buffer.from(values.buffer).toString("base64");
		const sample = await read(text, text.length, pieceLength);
		expect(sample?.routedExperts).toEqual({ values, shape: [2, 1, 2] });
	});

	it.each([
		["characters that are not base64", "AAAA!!!!AAA=", 12],
		["padding before the end", "AAA=AAAAAAA=", 12],
		["too little padding", "AAAAAAAAAAAA", 12],
		["too much padding", "AAAAAAAAAA==", 12],
		["more characters than they have", "AAAAAAAAAAA=AAAA", 12],
		["fewer characters than they have", "AAAAAAA=", 12],
		["no characters", "", 12],
	])("with %s are refused", async (_, text, length) => {
		for (const pieceLength of [1, 3, 4, 100]) {
			await expect(read(text, length, pieceLength)).rejects.toThrow(/not base64/);
		}
	});
});

describe("incremental routed experts", () => {
	const turn = (index: number, values: number, start: number | null): Given => ({
		prompt: [1, 2],
		out: [3, 4],
		start,
		meta: { routedExperts: ref(index, values) },
	});
	const payloads = { 0: [1, 2, 3], 1: [4, 5, 6, 7], 2: [8] };
	const run = (turns: Given[], maxSeqLen: number | null = null) =>
		assemble(turns, { r3: "incremental", payloads, maxSeqLen });

	it("are joined row by row", async () => {
		const sample = await run([turn(0, 3, 0), turn(1, 4, 3)]);
		expect(sample?.routedExperts).toEqual({
			values: Int32Array.of(1, 2, 3, 4, 5, 6, 7),
			shape: [7, 1, 1],
		});
	});

	it("are cut to the rows of the sample, and later turns need none", async () => {
		const sample = await run([turn(0, 3, 0), turn(1, 4, 3), { prompt: [9], out: [9] }], 7);
		expect([...(sample?.routedExperts?.values ?? [])]).toEqual([1, 2, 3, 4, 5, 6]);
	});

	it("are absent when no turn has any", async () => {
		expect((await run([{ prompt: [1], out: [2], start: 0 }]))?.routedExperts).toBeNull();
	});

	const wrong: Array<[string, Given[]]> = [
		["a missing payload", [turn(0, 3, 0), { prompt: [1, 2], out: [3, 4], start: 3 }]],
		["an offset that was not recorded", [turn(0, 3, null)]],
		["a gap", [turn(0, 3, 0), turn(1, 4, 4)]],
		["an overlap", [turn(0, 3, 0), turn(1, 4, 2)]],
		["an empty payload for rows", [turn(0, 0, 0)]],
		["a size that does not fit", [turn(0, 3, 0), turn(1, 3, 3)]],
	];
	it.each(wrong)("are refused as additional R3: %s", async (_, turns) => {
		await expect(run(turns)).rejects.toThrow(/additional R3/);
	});
});

describe("sampling masks", () => {
	const mask = (index: number, text: string) => ({ samplingMask: { index, length: text.length } });
	const FIRST = "[4, 3],[100200, 5,4]";
	const SECOND = "[6]";
	const turns = (first: object = mask(0, FIRST), second: object = mask(1, SECOND)): Given[] => [
		{ prompt: [1, 2], out: [3, 4], meta: first },
		{ prompt: [8, 9], out: [6], meta: second },
	];
	const withMasks = (given: Given[], more: Extra = {}) =>
		assemble(given, { samplingMask: true, masks: { 0: FIRST, 1: SECOND }, ...more });
	const rows = (sample: Sample | null) => {
		const { ids, offsets } = sample?.samplingMask ?? { ids: new Int32Array(0), offsets: new Int32Array(0) };
		return Array.from(offsets.subarray(1), (end, row) => [...ids.subarray(offsets[row], end)]);
	};

	it("are one row for each token after the first prompt; one that was put there could only be itself", async () => {
		const sample = await withMasks(turns());
		expect(rows(sample)).toEqual([[4, 3], [100200, 5, 4], [8], [9], [6]]);
		expect(sample?.samplingMask?.offsets[0]).toBe(0);
		expect(sample?.samplingMask?.offsets).toHaveLength((sample?.responseLength ?? 0) + 1);
	});

	it("lose the row of an id that was dropped, and those past the limit", async () => {
		const trimmed = turns();
		const second = trimmed[1] as Given;
		trimmed[1] = { ...second, trim: 1, prompt: [7, 9] };
		expect(rows(await withMasks(trimmed, { maxTrimTokens: 1 }))).toEqual([[4, 3], [7], [9], [6]]);
		expect(rows(await withMasks(turns(), { maxSeqLen: 3 }))).toEqual([[4, 3]]);
	});

	it("are none where no turn has one, and not read where the wire has none", async () => {
		expect((await withMasks(turns({}, {})))?.samplingMask).toBeNull();
		expect((await withMasks(turns(), { samplingMask: false, masks: { 0: "?" } }))?.samplingMask).toBeNull();
	});

	it("are no matter of an aborted turn without ids", async () => {
		const [first] = turns() as [Given];
		const sample = await withMasks([first, { prompt: [8], out: [], finish: "abort" }]);
		expect(rows(sample)).toEqual([[4, 3], [100200, 5, 4], [8]]);
	});

	it.each([
		["only some turns have one", turns(undefined, {}), FIRST, /turn 2 has none, but other turns/],
		["a row is missing", turns(), "[3]", /turn 1 has 1 rows for 2 sampled ids/],
		["a row lacks what was sampled", turns(), "[3],[5]", /row 1 lacks the id 4/],
		["a row is empty", turns(), "[3],[]", /row 1 lacks the id 4/],
	])("are a 422 where %s", async (_, given, text, reason) => {
		const [first] = given;
		if (first?.meta?.samplingMask) first.meta.samplingMask.length = text.length;
		const refused = withMasks(given, { masks: { 0: text, 1: SECOND } });
		await expect(refused).rejects.toThrow(SampleError);
		await expect(refused).rejects.toThrow(reason);
	});

	it.each([
		"[3],4",
		"[[3],[4]]",
		"[3,],[4]",
		"[3] [4]",
		"[3],[4],",
		"[-3],[4]",
		"[3.0],[4]",
		'["3"],[4]',
		"[3],[4",
		"[3 3],[4]",
		"[99999999999],[4]",
		",[3],[4]",
		"[,3],[4]",
	])("are a 422 where they are spelled %s", async (text) => {
		const refused = withMasks(turns(mask(0, text)), { masks: { 0: text, 1: SECOND } });
		await expect(refused).rejects.toThrow(/is not a list of lists of token ids/);
	});
});
