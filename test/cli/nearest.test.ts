// Suggestions for mistyped names, against a slow definition of edit distance.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { editDistance, nearestName } from "../../src/cli/nearest.js";

function slowDistance(a: string, b: string): number {
	if (a === "" || b === "") return a.length + b.length;
	const rest = slowDistance(a.slice(1), b.slice(1));
	if (a[0] === b[0]) return rest;
	return 1 + Math.min(rest, slowDistance(a.slice(1), b), slowDistance(a, b.slice(1)));
}

describe("the nearest name", () => {
	it("goes by the edit distance as it is defined", () => {
		const word = fc.string({ unit: fc.constantFrom("a", "b", "c"), maxLength: 6 });
		fc.assert(fc.property(word, word, (a, b) => editDistance(a, b) === slowDistance(a, b)));
	});

	it("is the closest one, in any case, and none when nothing is close", () => {
		const known = ["backends", "host", "port", "session_ttl"];
		expect(nearestName("backend", known)).toBe("backends");
		expect(nearestName("SESSION-TTL", known)).toBe("session_ttl");
		expect(nearestName("prot", known)).toBe(null);
		expect(nearestName("pot", known)).toBe("port");
		expect(nearestName("checkpoint", known)).toBe(null);
	});
});
