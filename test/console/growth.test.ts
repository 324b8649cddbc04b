// What counters did between two scrapes, as Prometheus would say: growth over restarts, quantiles within buckets.
import { describe, expect, it, test } from "vitest";
import { parseExposition } from "../../src/console/exposition.js";
import { Growth, quantileOf } from "../../src/console/growth.js";

const scrape = (atS: number, text: string) => ({ atS, samples: parseExposition(text) });
const started = (...workers: Array<[number, number]>) =>
	workers
		.map(([worker, at]) => `process_start_time_seconds{role="worker",worker="${worker}"} ${at}`)
		.join("\n");

describe("Prometheus' text", () => {
	it("is read by name and labels; comments and lines that are no sample are passed over", () => {
		const samples = parseExposition(
			[
				"# HELP a says a",
				"# TYPE a counter",
				"a 3",
				'b{x="1",y="a\\"b\\\\c\\nd"} 0.5',
				'b{x="2"} NaN',
				'c_bucket{le="+Inf"} +Inf',
				"",
				"nonsense",
			].join("\n"),
		);
		expect([...samples]).toEqual([
			["a", [{ labels: {}, value: 3 }]],
			[
				"b",
				[
					{ labels: { x: "1", y: 'a"b\\c\nd' }, value: 0.5 },
					{ labels: { x: "2" }, value: Number.NaN },
				],
			],
			["c_bucket", [{ labels: { le: "+Inf" }, value: Number.POSITIVE_INFINITY }]],
		]);
	});
});

describe("the growth of counters", () => {
	const before = scrape(10, `${started([0, 1], [1, 1])}\nn{worker="0"} 5\nn{worker="1"} 100`);

	it("is that of each process, over what was asked for", () => {
		const now = scrape(12, `${started([0, 1], [1, 1])}\nn{worker="0"} 9\nn{worker="1"} 101`);
		const growth = new Growth(before, now);
		expect([growth.seconds, growth.of("n"), growth.perS("n")]).toEqual([2, 5, 2.5]);
		expect(growth.of("n", ({ worker }) => worker === "0")).toBe(4);
		expect(growth.of("unknown")).toBe(0);
	});

	it("begins at 0 with another process, and with a series that a known process did not have yet", () => {
		const text = `${started([0, 1], [1, 11])}\nn{worker="0"} 6\nn{worker="0",code="x"} 2\nn{worker="1"} 3`;
		const growth = new Growth(before, scrape(12, text));
		expect(growth.of("n", ({ worker }) => worker === "1")).toBe(3);
		expect(growth.of("n", ({ worker }) => worker === "0")).toBe(3);
		expect(growth.by("n", "worker")).toEqual([
			["0", 3],
			["1", 3],
		]);
	});

	it("leaves out a process that the earlier scrape went without: it would look like a burst", () => {
		const growth = new Growth(before, scrape(12, `${started([2, 1])}\nn{worker="2"} 1000`));
		expect([growth.of("n"), growth.by("n", "worker")]).toEqual([0, []]);
	});
});

test.each([
	[0.5, [[1, 10]], 0.5],
	[0.99, [[1, 100]], 0.99],
	[
		0.5,
		[
			[1, 0],
			[2, 10],
			[4, 20],
		],
		2,
	],
	[
		0.75,
		[
			[1, 0],
			[2, 10],
			[4, 20],
		],
		3,
	],
	[
		0.99,
		[
			[1, 10],
			[Number.POSITIVE_INFINITY, 20],
		],
		1,
	],
	[0.5, [[1, 0]], null],
	[0.5, [], null],
] as Array<[number, Array<[number, number]>, number | null]>)(
	"the value below which %f of the observations of %j lie is %s",
	(fraction, buckets, value) => {
		expect(quantileOf(buckets, fraction)).toBe(value);
	},
);

it("takes a quantile of what was observed between the two scrapes, over all processes", () => {
	const at = (first: number, second: number) =>
		[0, 1]
			.flatMap((worker) => [
				`h_bucket{worker="${worker}",le="1"} ${first}`,
				`h_bucket{worker="${worker}",le="2"} ${second}`,
				`h_bucket{worker="${worker}",le="+Inf"} ${second}`,
			])
			.concat(started([0, 1], [1, 1]))
			.join("\n");
	const growth = new Growth(scrape(1, at(50, 50)), scrape(2, at(50, 60)));
	expect(growth.quantile("h", 0.5)).toBe(1.5);
	expect(growth.quantile("h", 0.5, ({ worker }) => worker === "7")).toBeNull();
});
