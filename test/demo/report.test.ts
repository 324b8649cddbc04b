// What the demo prints at its end: figures, and lines to paste.
import { describe, expect, it } from "vitest";
import { lookAtText, percentile } from "../../src/demo/report.js";

describe("the session that the demo leaves", () => {
	it("comes with the lines that read and delete it, at the address that was used", () => {
		const lines = lookAtText("http://127.0.0.1:8080", "0f3c", false).split("\n");
		expect(lines[1]).toContain("curl -s http://127.0.0.1:8080/sessions/0f3c | jq ");
		expect(lines[2]).toContain("curl -s -X DELETE http://127.0.0.1:8080/sessions/0f3c");
	});

	it("quotes the token from the environment where one is needed", () => {
		for (const line of lookAtText("http://a", "0f3c", true).split("\n").slice(1)) {
			expect(line).toContain('-H "authorization: Bearer $ROLLPIN_AUTH_TOKEN"');
		}
	});
});

describe("a percentile", () => {
	it.each([
		[[], 0.5, Number.NaN],
		[[3], 0.99, 3],
		[[4, 1, 3, 2], 0.5, 2],
		[[4, 1, 3, 2], 1, 4],
	])("of %j at %d is %d", (values, fraction, expected) => {
		expect(percentile(values, fraction)).toBe(expected);
	});
});
