import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { scanArrayContent, scanObject } from "../../src/json/scan.js";

const scan = (text: string) => scanObject(Buffer.from(text), { maxDepth: 64 });

describe("the request scanner", () => {
	it("reports fields in order with their bytes, duplicates included", () => {
		const text = ' { "a" : 1.0 , "b":"x\\u0022", "a":[1,{"messages":2}] } ';
		const { fields, messages } = scan(text);
		expect(fields.map((field) => [field.key, text.slice(field.valueStart, field.valueEnd)])).toEqual([
			["a", "1.0"],
			["b", '"x\\u0022"'],
			["a", '[1,{"messages":2}]'],
		]);
		expect(messages).toBeNull();
	});

	it("finds the elements of messages, whatever the spaces", () => {
		const text = '{"messages" : [ {"a":1} ,\n{"b":[2]} ] }';
		const { messages } = scan(text);
		expect(messages?.elements.map(({ start, end }) => text.slice(start, end))).toEqual([
			'{"a":1}',
			'{"b":[2]}',
		]);
		expect(text.slice(messages?.contentStart, messages?.contentEnd)).toBe(' {"a":1} ,\n{"b":[2]}');
	});

	it("jumps over a history that is repeated byte for byte, and only then", () => {
		const content = Buffer.from('{"a":1},{"b":2}');
		const prefix = { maxDepth: 64, sharedPrefix: { content, elementCount: 2 } };
		const tail = (text: string) => {
			const { messages } = scanObject(Buffer.from(text), prefix);
			return [messages?.sharedBytes, messages?.elements.map(({ start, end }) => text.slice(start, end))];
		};
		expect(tail('{"messages":[{"a":1},{"b":2},{"c":3}]}')).toEqual([content.length, ['{"c":3}']]);
		expect(tail('{"messages":[{"a":1},{"b":2}]}')).toEqual([content.length, []]);
		expect(tail('{"messages":[{"a":1},{"b":2} , {"c":3} ]}')).toEqual([content.length, ['{"c":3}']]);
		expect(tail('{"messages":[{"a":1},{"b":3}]}')).toEqual([0, ['{"a":1}', '{"b":3}']]);
		expect(tail('{"messages":[{"a":1}]}')).toEqual([0, ['{"a":1}']]);
		expect(() => tail('{"messages":[{"a":1},{"b":2}{"c":3}]}')).toThrow(/comma/);
		expect(() => tail('{"messages":[{"a":1},{"b":2},]}')).toThrow();
	});

	it("does not take a number for the repeated one because it begins like it", () => {
		const prefix = { maxDepth: 64, sharedPrefix: { content: Buffer.from("1"), elementCount: 1 } };
		expect(scanObject(Buffer.from('{"messages":[12]}'), prefix).messages?.sharedBytes).toBe(0);
	});

	it("takes the last messages of several, and none when that is no list", () => {
		expect(scan('{"messages":[1],"messages":[2,3]}').messages?.elements).toHaveLength(2);
		expect(scan('{"messages":[1],"messages":2}').messages).toBeNull();
	});

	it.each([
		["", "expected an object"],
		["[]", "expected an object"],
		["\ufeff{}", "expected an object"],
		["{} x", "behind the object"],
		['{"a":NaN}', "unexpected character"],
		['{"a":Infinity}', "unexpected character"],
		['{"a":01}', "expected a comma"],
		['{"a":1.}', "malformed number"],
		['{"a":"\u0001"}', "control character"],
		['{"a":"\\x"}', "malformed escape"],
		['{"a":"\\u12g4"}', "malformed escape"],
		['{"a":"', "unterminated"],
		['{"a":tru}', "unexpected character"],
		[`{"a":${"[".repeat(64)}${"]".repeat(64)}}`, "nesting deeper"],
	])("refuses %j", (text, why) => {
		expect(() => scan(text)).toThrow(why);
	});

	it("refuses bytes that are no UTF-8, and UTF-16", () => {
		expect(() =>
			scanObject(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), { maxDepth: 64 }),
		).toThrow("UTF-8");
		expect(() => scanObject(Buffer.from('{"a":1}', "utf16le"), { maxDepth: 64 })).toThrow();
	});

	it("allows nesting up to the limit", () => {
		expect(scan(`{"a":${"[".repeat(63)}${"]".repeat(63)}}`).fields).toHaveLength(1);
	});

	it("accepts and refuses what JSON.parse does, and finds the same fields", () => {
		const damage = fc.tuple(
			fc.nat(200),
			fc.constantFrom("", '"', "\\", "{", "}", "]", ",", ":", "1", "-", ".", "n", "\u0002"),
		);
		fc.assert(
			fc.property(
				fc.dictionary(fc.string(), fc.jsonValue()),
				fc.array(damage, { maxLength: 2 }),
				(value, damages) => {
					let text = JSON.stringify(value);
					for (const [at, insert] of damages)
						text = text.slice(0, at) + insert + text.slice(at + (insert === "" ? 1 : 0));
					let parsed: unknown;
					try {
						parsed = JSON.parse(text);
					} catch {
						expect(() => scan(text)).toThrow();
						return;
					}
					if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) {
						expect(() => scan(text)).toThrow();
						return;
					}
					const bytes = Buffer.from(text);
					const fields = new Map(
						scan(text).fields.map((field) => [
							field.key,
							JSON.parse(bytes.toString("utf8", field.valueStart, field.valueEnd)) as unknown,
						]),
					);
					for (const [key, item] of fields)
						expect(Object.hasOwn(parsed, key) ? parsed[key as never] : undefined).toEqual(item);
					expect(fields.size).toBe(Object.keys(parsed).length);
				},
			),
			{ numRuns: 1000 },
		);
	});

	it("splits a stored content into its elements", () => {
		const content = Buffer.from(' {"a":"],["} , [1, 2],3 ');
		expect(scanArrayContent(content).map(({ start, end }) => content.toString("utf8", start, end))).toEqual([
			'{"a":"],["}',
			"[1, 2]",
			"3",
		]);
	});
});
