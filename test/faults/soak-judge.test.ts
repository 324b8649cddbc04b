// What the soak calls a finding, by hand-made looks: it must see what is told late, not, or without cause.
import { describe, expect, test } from "vitest";
import { type Aspect, type Claim, falseAlarms, type Look, reportOf, WELL } from "./soak/health-truth.js";
import { failingFindings, memoryFindings } from "./soak/judge-soak.js";
import { Room } from "./soak/lanes.js";

/** One look each 100 ms; `ill` are the aspects that are not well, from one moment to another. */
function looksOf(
	untilMs: number,
	...ill: Array<[aspect: Aspect, state: string, fromMs: number, untilMs: number]>
): Look[] {
	return Array.from({ length: untilMs / 100 }, (_, index) => {
		const askedMs = index * 100;
		const states = ill.filter(([, , from, until]) => askedMs >= from && askedMs < until);
		const told = { ...WELL, ...Object.fromEntries(states.map(([aspect, state]) => [aspect, state])) };
		return { askedMs, toldMs: askedMs + 5, told };
	});
}

const full: Claim = {
	aspect: "store",
	states: ["full"],
	fromMs: 1_000,
	untilMs: 6_000,
	withinMs: 2_000,
	clearMs: 3_000,
	why: "disk full",
};

describe("health that is held against what was done", () => {
	test.each([
		["in time and to the end", looksOf(9_000, ["store", "full", 2_000, 7_000]), null],
		[
			"but for a moment without any answer",
			looksOf(9_000, ["store", "full", 2_000, 7_000], ["store", "no answer", 4_000, 4_500]),
			null,
		],
		[
			"too late",
			looksOf(9_000, ["store", "full", 3_500, 7_000]),
			"disk full: store full was not told 2.0 s after it was so, but ok",
		],
		[
			"with a hole",
			looksOf(9_000, ["store", "full", 2_000, 4_000], ["store", "full", 5_000, 6_000]),
			"disk full: store full was not told 3.0 s after it was so, but ok",
		],
		[
			"as something else",
			looksOf(9_000, ["store", "low", 2_000, 7_000]),
			"disk full: store full was not told 2.0 s after it was so, but low",
		],
	])("what is told %s", (_, looks, finding) => {
		expect(reportOf(full, looks, [full]).finding).toBe(finding);
	});

	test("is told once at least, however short it is", () => {
		const short = { ...full, untilMs: 1_500 };
		expect(reportOf(short, looksOf(9_000), [short]).finding).toBe("disk full: store full was never told");
		expect(reportOf(short, looksOf(9_000, ["store", "full", 1_200, 1_800]), [short])).toEqual({
			appearedMs: 205,
			lastedMs: 200,
			finding: null,
		});
	});

	test("may be told where it need not", () => {
		const may = { ...full, withinMs: null };
		expect(reportOf(may, looksOf(9_000), [may]).finding).toBeNull();
		expect(falseAlarms(looksOf(9_000, ["store", "full", 2_000, 3_000]), [may])).toEqual([]);
	});

	test("tells nothing that is not so, and nothing long after", () => {
		expect(falseAlarms(looksOf(9_000, ["store", "full", 2_000, 8_000]), [full])).toEqual([]);
		expect(falseAlarms(looksOf(12_000, ["store", "full", 2_000, 10_000]), [full])).toEqual([
			"9.1 s: store was told as full, and nothing explains it",
		]);
		expect(falseAlarms(looksOf(9_000, ["store", "full", 500, 2_000]), [full])).toEqual([
			"0.5 s: store was told as full, and nothing explains it",
		]);
		expect(
			falseAlarms(looksOf(9_000, ["engine", "unreachable", 2_000, 2_500], ["store", "low", 3_000, 3_100]), [
				full,
			]),
		).toEqual([
			"2.0 s: engine was told as unreachable, and nothing explains it",
			"3.0 s: store was told as low, and nothing explains it",
		]);
	});

	test("calls an engine failing while most of the last minute's answers are errors", () => {
		const exchanges = Array.from({ length: 300 }, (_, index) => ({
			endMs: index * 100,
			worker: index % 2,
			failed: index >= 60,
		}));
		const facts = { exchanges, workerStarts: [], injected: [] };
		const silent = failingFindings({ ...facts, looks: looksOf(30_000) });
		expect(silent[0]).toBe(
			"23.0 s: 74 % of the last minute's exchanges failed, and the engine was told as ok",
		);
		expect(
			failingFindings({ ...facts, looks: looksOf(30_000, ["engine", "failing", 13_000, 30_000]) }),
		).toEqual([]);
		// Workers that were replaced know nothing of what was before.
		const good = exchanges.map((each) => ({ ...each, failed: each.endMs < 20_000 }));
		const starts = [0, 1].map((worker) => ({ worker, atMs: 20_000 }));
		expect(failingFindings({ ...facts, exchanges: good, looks: looksOf(30_000) })).not.toEqual([]);
		expect(
			failingFindings({
				...facts,
				exchanges: good,
				workerStarts: starts,
				looks: looksOf(30_000, ["engine", "failing", 5_000, 20_000]),
			}),
		).toEqual([]);
	});
});

test("memory that grows by more than its share is a finding", () => {
	const level = { place: "router", mostMib: 300 };
	expect(memoryFindings([{ ...level, firstMib: 100, lastMib: 165 }])).toEqual([]);
	expect(memoryFindings([{ ...level, firstMib: 100, lastMib: 170 }])).toEqual([
		"router grew from 100 to 170 MiB",
	]);
});

test("who wants to be alone waits for all, and those who come later wait for it", async () => {
	const room = new Room();
	const order: string[] = [];
	const [leaveOne, leaveTwo] = [await room.enter(false), await room.enter(false)];
	const alone = room.enter(true).then((leave) => {
		order.push("alone");
		return leave;
	});
	const later = room.enter(false).then((leave) => {
		order.push("later");
		return leave;
	});
	leaveOne();
	await new Promise((resolve) => setImmediate(resolve));
	expect(order).toEqual([]);
	leaveTwo();
	const leaveAlone = await alone;
	await new Promise((resolve) => setImmediate(resolve));
	expect(order).toEqual(["alone"]);
	leaveAlone();
	(await later)();
	expect(order).toEqual(["alone", "later"]);
});
