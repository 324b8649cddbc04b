// Owns the proof that parseJson accepts exactly RFC 8259 and loses nothing.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { JsonSyntaxError, parseJson, writeJson } from "../../src/json/parse.js";
import { JsonNumber, type JsonValue } from "../../src/json/value.js";
import { isWellFormed } from "../../src/json/well-formed.js";

/** What JSON.parse would have built; objects without a prototype. */
function toPlain(value: JsonValue): unknown {
	if (value instanceof JsonNumber) return value.value;
	if (Array.isArray(value)) return value.map(toPlain);
	if (value instanceof Map) return Object.fromEntries([...value].map(([key, item]) => [key, toPlain(item)]));
	return value;
}

describe("parseJson", () => {
	it("reads every document that JSON.stringify writes, from a string and from bytes", () => {
		fc.assert(
			fc.property(fc.json({ maxDepth: 6, stringUnit: "binary" }), (text) => {
				const expected = JSON.parse(text) as unknown;
				expect(toPlain(parseJson(text))).toEqual(expected);
				expect(toPlain(parseJson(Buffer.from(text)))).toEqual(expected);
				expect(JSON.parse(writeJson(parseJson(text)))).toEqual(expected);
			}),
			{ numRuns: 300 },
		);
	});

	it("refuses and accepts the same mutilated texts as JSON.parse", () => {
		const mutilated = fc
			.tuple(fc.json({ maxDepth: 4 }), fc.nat(), fc.constantFrom(...'{}[]",:\\0-+.eEtfn \n\t1a'), fc.nat(2))
			.map(([text, place, char, mode]) => {
				const at = place % (text.length + 1);
				if (mode === 0) return text.slice(0, at) + char + text.slice(at);
				if (mode === 1) return text.slice(0, at) + text.slice(at + 1);
				return text.slice(0, at) + char + text.slice(at + 1);
			})
			.filter((text) => isWellFormed(text));
		fc.assert(
			fc.property(mutilated, (text) => {
				let expected: unknown;
				try {
					expected = JSON.parse(text);
				} catch {
					expect(() => parseJson(text)).toThrow(JsonSyntaxError);
					return;
				}
				expect(toPlain(parseJson(text))).toEqual(expected);
			}),
			{ numRuns: 2000 },
		);
	});

	it.each(["1.0", "-0.0", "1e-07", "12345678901234567891", "1E400", "0.10"])(
		"keeps the spelling of %s",
		(text) => {
			const value = parseJson(` ${text}\n`);
			expect(value).toBeInstanceOf(JsonNumber);
			expect(writeJson(value)).toBe(text);
		},
	);

	it("keeps integer-like keys in their order, and the last value of a duplicate key in its first place", () => {
		expect(writeJson(parseJson('{"b": 1, "10": 2, "2": 3, "b": 4}'))).toBe('{"b":4,"10":2,"2":3}');
	});

	it("keeps __proto__ and constructor as plain data", () => {
		const value = parseJson('{"__proto__": {"polluted": true}, "constructor": 1}') as Map<string, JsonValue>;
		expect([...value.keys()]).toEqual(["__proto__", "constructor"]);
		expect(({} as Record<string, unknown>).polluted).toBeUndefined();
	});

	it("keeps escaped lone surrogates and writes them back escaped", () => {
		expect(parseJson('"\\ud800"')).toBe("\ud800");
		expect(writeJson("\ud800")).toBe('"\\ud800"');
	});

	it.each([
		["", "unexpected end of JSON at byte 0"],
		["NaN", "unexpected character at byte 0"],
		["[1, Infinity]", "unexpected character at byte 4"],
		["\ufeff{}", "byte order mark at byte 0"],
		['{"a": 01}', "malformed number at byte 6"],
		["[1 2]", "expected , or ] at byte 3"],
		["{} x", "text behind the value at byte 3"],
		['"é\n"', "control character in a string at byte 3"],
		['["\\x"]', "bad escape in the string at byte 1"],
		["[1,]", "unexpected character at byte 3"],
		["{'a': 1}", "expected a string key at byte 1"],
		["nul", "unknown literal at byte 0"],
	])("refuses %j naming what and where", (text, message) => {
		expect(() => parseJson(text)).toThrow(message);
	});

	it("refuses invalid UTF-8 and UTF-16 naming the byte", () => {
		expect(() => parseJson(Buffer.from([0x22, 0x61, 0xff, 0x22]))).toThrow("invalid UTF-8 at byte 2");
		expect(() => parseJson(Buffer.from("{}", "utf16le"))).toThrow(JsonSyntaxError);
		expect(() => parseJson("\ud800")).toThrow("lone surrogate");
	});

	it("bounds the nesting", () => {
		const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth);
		expect(writeJson(parseJson(nested(64)))).toBe(nested(64));
		expect(() => parseJson(nested(65))).toThrow("nesting deeper than 64 at byte 64");
		expect(writeJson(parseJson(nested(3), { maxDepth: 3 }))).toBe(nested(3));
		expect(() => parseJson(nested(4), { maxDepth: 3 })).toThrow("nesting deeper than 3");
	});
});
