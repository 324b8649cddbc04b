// What is kept of the reports made last, and what goes.
import { describe, expect, it } from "vitest";
import { KeptReports } from "../../src/reads/kept-reports.js";

const text = (report: string) => report.length;

describe("kept reports", () => {
	it("stay within their size: what was made first goes first, and a report made anew counts once", () => {
		const [a, b, c] = [{}, {}, {}];
		const reports = new KeptReports<object, string>(text, 10);
		reports.set(a, "aaaa");
		reports.set(b, "bbbb");
		expect([reports.get(a), reports.get(b), reports.get(c)]).toEqual(["aaaa", "bbbb", undefined]);
		reports.set(a, "AAAAA");
		expect([reports.get(a), reports.get(b)]).toEqual(["AAAAA", "bbbb"]);
		reports.set(c, "ccc");
		expect([reports.get(a), reports.get(b), reports.get(c)]).toEqual(["AAAAA", undefined, "ccc"]);
		reports.set(b, "bb");
		expect([reports.get(a), reports.get(b), reports.get(c)]).toEqual(["AAAAA", "bb", "ccc"]);
	});

	it("has none that is larger than all of them may be", () => {
		const a = {};
		const reports = new KeptReports<object, string>(text, 10);
		reports.set(a, "a".repeat(11));
		expect(reports.get(a)).toBeUndefined();
		reports.set(a, "a".repeat(10));
		expect(reports.get(a)).toHaveLength(10);
	});
});
