// Ids from blocks of random bytes, over several blocks.
import { expect, it } from "vitest";
import { randomHex } from "../../src/base/random-hex.js";

it("gives hex digits of the length asked for, and never the same bytes twice", () => {
	const seen = new Set<string>();
	// Several blocks' worth, of lengths that do not divide a block.
	for (let at = 0; at < 3_000; at++) {
		const id = randomHex(at % 2 === 0 ? 16 : 7);
		expect(id).toMatch(at % 2 === 0 ? /^[0-9a-f]{32}$/ : /^[0-9a-f]{14}$/);
		seen.add(id);
	}
	expect(seen.size).toBe(3_000);
});
