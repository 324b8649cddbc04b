// Text cut to a terminal's columns: never one too many, never half a character.
import fc from "fast-check";
import { expect, test } from "vitest";
import { fitted, widthOf } from "../../src/console/text-width.js";

test.each([
	["plain", 5],
	["", 0],
	["漢字", 4],
	["e\u0301", 1],
	["🙂", 2],
	["❤️", 2],
])("%j takes %i columns", (text, width) => {
	expect(widthOf(text)).toBe(width);
});

test.each([
	["abcdef", 6, "abcdef"],
	["abcdef", 5, "abcd…"],
	["漢字漢字", 8, "漢字漢字"],
	["漢字漢字", 7, "漢字漢…"],
	["漢字漢字", 6, "漢字…"],
	["e\u0301e\u0301e\u0301", 2, "e\u0301…"],
	["ab", 1, "…"],
])("%j in %i columns is %j", (text, columns, shown) => {
	expect(fitted(text, columns)).toBe(shown);
});

test("what fits is the whole, and what does not is a beginning of it with an ellipsis, within the columns", () => {
	fc.assert(
		fc.property(
			fc.string({ unit: "grapheme", maxLength: 40 }),
			fc.integer({ min: 1, max: 30 }),
			(text, columns) => {
				const shown = fitted(text, columns);
				expect(widthOf(shown)).toBeLessThanOrEqual(columns);
				if (widthOf(text) <= columns) expect(shown).toBe(text);
				else expect(text.startsWith(shown.slice(0, -1)) && shown.endsWith("…")).toBe(true);
			},
		),
	);
});
