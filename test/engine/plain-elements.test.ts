// Owns the proof that elements which are passed over at once are strict JSON, and end where they should.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { skipElements } from "../../src/engine/scan/plain-elements.js";
import { ReplyScanner } from "../../src/engine/scan/reply-scanner.js";
import { SGLANG_SITES } from "../../src/engine/sglang/sites.js";

const skipped = (text: string) => text.slice(0, skipElements(Buffer.from(text, "latin1"), 0, 1, 8));

describe("Elements of a list", () => {
	for (const [text, passed] of [
		["[-0.25,17,null],[1,2]", "[-0.25,17,null],[1,2]"],
		['{"token":"a","bytes":[97]},{"b":{}}]}', '{"token":"a","bytes":[97]},{"b":{}}'],
		["[1],[2],[3", "[1],[2]"],
		["[1],", "[1]"],
		["[1],2,[3]", "[1]"],
		["[1] ,[2]", "[1]"],
		["[1], [2]", "[1]"],
		["[1,2", ""],
		["[01]", ""],
		['{"a":1,}', ""],
		['["a\nb"]', ""],
		["[[[[[[[[1]]]]]]]]", ""],
		["1", ""],
		['"["', ""],
		["", ""],
	] as const) {
		it(`of ${JSON.stringify(text)} are passed up to ${JSON.stringify(passed)}`, () => {
			expect(skipped(text)).toBe(passed);
		});
	}

	it("are what JSON.parse takes for elements, whatever stands there", () => {
		const marks = ["[", "]", ",", '"', "\\", "{", "}", ":", "\n", " "];
		const words = ["0", "1", "-", ".5", "e", "null", "nul", "a", '"k":', "[1,", "],[", "[-0.5,7,null]"];
		const text = fc.array(fc.constantFrom(...marks, ...words), { maxLength: 14 });
		fc.assert(
			fc.property(fc.constantFrom("[", "{"), text, (first, some) => {
				const passed = skipped(`${first}${some.join("")}`);
				if (passed === "") return;
				const elements = JSON.parse(`[${passed}]`) as unknown[];
				expect(elements.every((element) => typeof element === "object" && element !== null)).toBe(true);
			}),
			{ numRuns: 5000 },
		);
	});

	it("that stand where a reply may not have them are refused as before", () => {
		for (const text of ['{"a":[1],[2]}', "[[1],[2]", "[[1][2]]", '{"a":[[1],]}', "[1],[2]", "[[1],[2]]]"]) {
			const scanner = new ReplyScanner({ sites: SGLANG_SITES });
			expect(() => {
				scanner.push(Buffer.from(text));
				scanner.end();
			}, text).toThrow();
		}
		const deep = new ReplyScanner({ sites: SGLANG_SITES, maxDepth: 2 });
		deep.push(Buffer.from("[[1],[2]]"));
		expect(deep.end().rest.toString()).toBe("[[1],[2]]");
		expect(() =>
			new ReplyScanner({ sites: SGLANG_SITES, maxDepth: 1 }).push(Buffer.from("[[1],[2]]")),
		).toThrow(/nesting deeper/);
	});
});
