// Owns the proof that ids become the same text however they were appended, dropped and continued.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TokenText, tokenIdsText } from "../../src/json/token-text.js";

const id = fc.oneof(fc.nat(), fc.constantFrom(0, 9, 10, 99, 100, 999_999, 1_000_000, 2 ** 31 - 1));
const ids = fc.array(id, { maxLength: 50 }).map((list) => Int32Array.from(list));

describe("tokenIdsText", () => {
	it("writes what join would", () => {
		fc.assert(
			fc.property(ids, (list) => {
				expect(tokenIdsText(list).toString()).toBe([...list].join(","));
			}),
		);
		for (let power = 0; power < 10; power++) {
			const around = Int32Array.of(10 ** power - 1, 10 ** power);
			expect(tokenIdsText(around).toString()).toBe([...around].join(","));
		}
	});

	it("refuses a negative id", () => {
		expect(() => tokenIdsText(Int32Array.of(1, -1))).toThrow(RangeError);
	});
});

describe("TokenText", () => {
	it("follows any appends and truncates, and continues from any length without changing itself", () => {
		const fraction = fc.double({ min: 0, max: 1, noNaN: true });
		const step = fc.record({ keep: fraction, append: ids, continueFrom: fraction, suffix: ids });
		fc.assert(
			fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
				const text = new TokenText();
				let model: number[] = [];
				for (const { keep, append, continueFrom, suffix } of steps) {
					const kept = Math.floor(keep * model.length);
					text.truncate(kept);
					text.append(append);
					model = [...model.slice(0, kept), ...append];
					const from = Math.floor(continueFrom * model.length);
					const continued = Buffer.concat(text.textWith(from, suffix)).toString();
					expect(continued).toBe([...model.slice(0, from), ...suffix].join(","));
					expect(text.text().toString()).toBe(model.join(","));
					expect([...text.ids()]).toEqual(model);
					expect([text.length, text.last]).toEqual([model.length, model.at(-1)]);
				}
			}),
			{ numRuns: 300 },
		);
	});

	it("refuses to keep more than it has", () => {
		const text = new TokenText();
		text.append(Int32Array.of(1, 2));
		expect(() => text.truncate(3)).toThrow(RangeError);
		expect(() => text.truncate(-1)).toThrow(RangeError);
	});
});
