// Owns the proof that the fast search for a string's end stops where a plain loop does, at any length and alignment.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { plainStringEnd } from "../../src/json/string-bytes.js";

function plainLoop(bytes: Buffer, from: number, to: number): number {
	for (let at = from; at < to; at++) {
		const byte = bytes[at] as number;
		if (byte === 0x22 || byte === 0x5c || byte < 0x20) return at;
	}
	return to;
}

const STOPS = [0x22, 0x5c, 0x00, 0x0a, 0x1f];
const PLAIN = [0x20, 0x21, 0x23, 0x41, 0x5b, 0x7f, 0x80, 0xa0, 0xff];

describe("plainStringEnd", () => {
	it("finds nothing in plain bytes of any length at any alignment", () => {
		const bytes = Buffer.alloc(400, 0x41);
		const wrong: number[][] = [];
		for (let from = 0; from < 8; from++) {
			for (let to = from; to <= 360; to++) if (plainStringEnd(bytes, from, to) !== to) wrong.push([from, to]);
		}
		expect(wrong).toEqual([]);
	});

	it.each(STOPS)("finds byte %i wherever it stands", (stop) => {
		const wrong: number[][] = [];
		for (const base of [0, 1, 2, 3]) {
			for (let at = 0; at < 700; at++) {
				const bytes = Buffer.alloc(704, 0xff).subarray(base);
				bytes[at] = stop;
				if (plainStringEnd(bytes, 0, bytes.length) !== Math.min(at, bytes.length)) wrong.push([base, at]);
			}
		}
		expect(wrong).toEqual([]);
	});

	it("stops where a plain loop does on any bytes", () => {
		const byte = fc.oneof({ weight: 300, arbitrary: fc.constantFrom(...PLAIN) }, fc.constantFrom(...STOPS));
		const bytes = fc.array(byte, { maxLength: 3000, size: "max" }).map((list) => Buffer.from(list));
		fc.assert(
			fc.property(bytes, fc.nat(9), fc.nat(9), (all, skipStart, skipEnd) => {
				const from = Math.min(skipStart, all.length);
				const to = Math.max(from, all.length - skipEnd);
				expect(plainStringEnd(all, from, to)).toBe(plainLoop(all, from, to));
			}),
			{ numRuns: 500 },
		);
	});
});
