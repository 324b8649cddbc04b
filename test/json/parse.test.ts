import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { JsonSyntaxError, parseJson, writeJson } from "../../src/json/parse.js";
import { JsonNumber, type JsonObject, type JsonValue } from "../../src/json/value.js";

/** What JSON.parse would give. */
function plain(value: JsonValue): unknown {
	if (value instanceof JsonNumber) return value.value;
	if (Array.isArray(value)) return value.map(plain);
	return value instanceof Map
		? Object.fromEntries([...value].map(([key, item]) => [key, plain(item)]))
		: value;
}

describe("lossless JSON", () => {
	it("reads what JSON.parse reads", () => {
		fc.assert(
			fc.property(fc.jsonValue(), fc.nat(3), (value, indent) => {
				const text = JSON.stringify(value, null, indent);
				expect(JSON.stringify(plain(parseJson(text)))).toBe(JSON.stringify(JSON.parse(text)));
				expect(writeJson(parseJson(Buffer.from(text)))).toBe(JSON.stringify(value));
			}),
			{ numRuns: 500 },
		);
	});

	it("accepts and refuses what JSON.parse does, on documents with damage", () => {
		const damage = fc.tuple(
			fc.nat(200),
			fc.constantFrom("", '"', "\\", "{", "]", ",", ":", "1", "-", ".", "e", "\u0002"),
		);
		fc.assert(
			fc.property(fc.jsonValue({ maxDepth: 4 }), fc.array(damage, { maxLength: 3 }), (value, damages) => {
				let text = JSON.stringify(value);
				for (const [at, insert] of damages)
					text = text.slice(0, at) + insert + text.slice(at + (insert === "" ? 1 : 0));
				const verdict = (read: () => unknown): boolean => {
					try {
						read();
						return true;
					} catch {
						return false;
					}
				};
				expect([text, verdict(() => parseJson(text))]).toEqual([
					text,
					verdict(() => JSON.parse(text) as unknown),
				]);
			}),
			{ numRuns: 1000 },
		);
	});

	it("keeps number spelling, integer-like keys in order, and prototype names as data", () => {
		const text =
			'{"2":1.0,"1":-0.0,"big":12345678901234567890,"e":1e-07,"__proto__":{"x":1},"constructor":2}';
		expect(writeJson(parseJson(text))).toBe(text);
		expect(({} as Record<string, unknown>).x).toBeUndefined();
	});

	it("gives a duplicate key its first place and its last value, or refuses it when asked to", () => {
		expect(writeJson(parseJson('{"a":1,"b":2,"a":3}'))).toBe('{"a":3,"b":2}');
		expect(() => parseJson('{"a":{"b":1,"b":2}}', { refuseDuplicateKeys: true })).toThrow("duplicate key");
	});

	it("tells integers from floats by their spelling", () => {
		const numbers = parseJson("[1,1.0,1e0,-0]") as JsonNumber[];
		expect(numbers.map((number) => number.isInteger)).toEqual([true, false, false, true]);
		expect(Object.is(numbers[3]?.value, -0)).toBe(true);
	});

	it.each([
		"",
		" ",
		"NaN",
		"[Infinity]",
		"\ufeff{}",
		"[1 2]",
		"{} x",
		"[1,]",
		"{'a':1}",
		"nul",
		'"a',
		'["\\x"]',
		'"\n"',
	])("refuses %j", (text) => {
		expect(() => parseJson(text)).toThrow(JsonSyntaxError);
	});

	it("refuses bytes that are no UTF-8", () => {
		expect(() => parseJson(Buffer.from([0x22, 0xff, 0x22]))).toThrow("UTF-8");
	});

	it("bounds the nesting", () => {
		const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth);
		expect(writeJson(parseJson(nested(64)))).toBe(nested(64));
		expect(() => parseJson(nested(65))).toThrow("nesting deeper than 64");
	});

	it("reads a string of many megabytes full of escapes", () => {
		const text = JSON.stringify('"\\\n'.repeat(500_000));
		expect((parseJson(`{"a":${text}}`) as JsonObject).get("a")).toBe(JSON.parse(text));
	});
});
