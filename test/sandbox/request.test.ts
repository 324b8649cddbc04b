// Which images a pattern lets in.
import { expect, it } from "vitest";
import { matches } from "../../src/sandbox/request.js";

it.each([
	["a", "a", true],
	["a", "ab", false],
	["*", "", true],
	["repo/*", "repo/x:1", true],
	["repo/*", "other/repo/x", false],
	["*:1", "repo/x:1", true],
	["*:1", "repo/x:12", false],
	["a*b*c", "a-b-b-c", true],
	["a*b*c", "a-c-b", false],
	["ab*ba", "aba", false],
])("the pattern %s of %s: %s", (pattern, image, isIn) => {
	expect(matches(pattern, image)).toBe(isIn);
});
