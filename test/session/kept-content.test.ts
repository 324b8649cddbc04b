import { expect, it } from "vitest";
import { KeptContent } from "../../src/session/path/kept-content.js";

const take = (kept: KeptContent, shared: number, tail: string) => kept.extend(shared, Buffer.from(tail));

it("is the shared bytes and the tail, and copies nothing else while it has room", () => {
	const kept = new KeptContent();
	let expected = "";
	let memory = new Set<ArrayBufferLike>();
	for (let turn = 0; turn < 200; turn++) {
		const tail = `,{"turn":${turn}}`;
		const content = take(kept, expected.length, tail);
		expected += tail;
		expect(content.toString()).toBe(expected);
		memory = memory.add(content.buffer);
	}
	// As often as a list that grows by half moves, not once a turn.
	expect(memory.size).toBeLessThan(25);
	expect(kept.byteCapacity).toBeLessThan(2 * expected.length);
});

it("never changes what it handed out, when another content takes its place", () => {
	const kept = new KeptContent();
	const first = take(kept, 0, "aaaa");
	const second = take(kept, 4, "bbbb");
	const other = take(kept, 4, "cc");
	const last = take(kept, 0, "d");
	expect([first, second, other, last].map(String)).toEqual(["aaaa", "aaaabbbb", "aaaacc", "d"]);
	expect(take(kept, 1, "e").toString()).toBe("de");
	expect([first, second, other, last].map(String)).toEqual(["aaaa", "aaaabbbb", "aaaacc", "d"]);
});

it("copies what it is given", () => {
	const kept = new KeptContent();
	const tail = Buffer.from("body");
	const content = kept.extend(0, tail);
	tail.fill("x");
	expect(content.toString()).toBe("body");
});

it("refuses to share more than there is", () => {
	expect(() => take(new KeptContent(), 1, "a")).toThrow(RangeError);
});
