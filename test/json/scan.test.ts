// Owns the proof that the request scanner accepts exactly strict JSON and maps every top-level field and message.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { JsonSyntaxError } from "../../src/json/parse.js";
import { type ObjectScan, scanArrayContent, scanSteps, scanObject as scanWith } from "../../src/json/scan.js";

interface SharedPrefix {
	content: Buffer;
	elementCount: number;
}

const scanObject = (body: Buffer, options: { sharedPrefix?: SharedPrefix | undefined } = {}): ObjectScan =>
	scanWith(body, { maxDepth: 64, ...options });

function tryScan(text: string | Buffer, sharedPrefix?: SharedPrefix): ObjectScan | JsonSyntaxError {
	try {
		return scanObject(Buffer.from(text as string), { sharedPrefix });
	} catch (error) {
		if (error instanceof JsonSyntaxError) return error;
		throw error;
	}
}

function parses(text: string): boolean {
	try {
		const value: unknown = JSON.parse(text);
		return typeof value === "object" && value !== null && !Array.isArray(value);
	} catch {
		return false;
	}
}

const jsonObject = fc.dictionary(fc.string({ unit: "binary" }), fc.jsonValue({ maxDepth: 4 }), {
	maxKeys: 6,
});

describe("scanObject", () => {
	it("finds every top-level field of generated documents, however they are spaced", () => {
		fc.assert(
			fc.property(jsonObject, fc.constantFrom(undefined, 1, "\t"), (value, space) => {
				const body = Buffer.from(JSON.stringify(value, null, space));
				const expected = JSON.parse(body.toString()) as Record<string, unknown>;
				const { fields } = scanObject(body);
				expect(fields.map((field) => field.key).sort()).toEqual(Object.keys(expected).sort());
				for (const field of fields) {
					expect(JSON.parse(body.toString("utf8", field.valueStart, field.valueEnd))).toEqual(
						expected[field.key],
					);
					expect(body[field.keyStart]).toBe(0x22);
				}
			}),
			{ numRuns: 400 },
		);
	});

	it("accepts and refuses mutilated documents as JSON.parse does", () => {
		const mutilation = fc.record({
			at: fc.double({ min: 0, max: 1, noNaN: true }),
			put: fc.string({ maxLength: 2 }),
		});
		fc.assert(
			fc.property(jsonObject, mutilation, fc.boolean(), (value, { at, put }, replace) => {
				const text = JSON.stringify({ messages: [value, 1.5, "a\n"], ...value });
				const index = Math.floor(at * text.length);
				const mutated = text.slice(0, index) + put + text.slice(index + (replace ? 1 : 0));
				if (/\p{Surrogate}/u.test(mutated)) return;
				expect(tryScan(mutated) instanceof JsonSyntaxError).toBe(!parses(mutated));
			}),
			{ numRuns: 3000 },
		);
	});

	it.each([
		["an empty body", ""],
		["white space", "  \n"],
		["a list", "[]"],
		["a byte order mark", "\ufeff{}"],
		["NaN", '{"a":NaN}'],
		["Infinity", '{"a":-Infinity}'],
		["a leading zero", '{"a":01}'],
		["a trailing comma", '{"a":1,}'],
		["trailing bytes", "{} x"],
		["two values", "{}{}"],
		["a raw newline in a string", '{"a":"x\ny"}'],
		["a raw control character deep in a long string", `{"a":"${"x".repeat(5000)}\u0001${"x".repeat(50)}"}`],
		["an unknown escape", '{"a":"\\x41"}'],
		["a short unicode escape", '{"a":"\\u12"}'],
		["an unclosed string", `{"a":"${"x".repeat(3000)}`],
		["UTF-16", Buffer.from('{"a":1}', "utf16le")],
		["invalid UTF-8", Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])],
		["an overlong encoding", Buffer.from([0x7b, 0x22, 0xc0, 0xaf, 0x22, 0x3a, 0x31, 0x7d])],
	])("refuses %s", (_name, text) => {
		expect(tryScan(text)).toBeInstanceOf(JsonSyntaxError);
	});

	it("counts the body as the first level of nesting", () => {
		const nested = (levels: number): string => `{"a":${"[".repeat(levels - 1)}${"]".repeat(levels - 1)}}`;
		expect(tryScan(nested(64))).not.toBeInstanceOf(Error);
		expect(tryScan(nested(65))).toMatchObject({ message: expect.stringContaining("deeper than 64") });
		const message = (levels: number): string => `{"messages":[${"[".repeat(levels)}${"]".repeat(levels)}]}`;
		expect(tryScan(message(62))).not.toBeInstanceOf(Error);
		expect(tryScan(message(63))).toBeInstanceOf(JsonSyntaxError);
	});

	it("knows all duplicates and takes the last messages, also by an escaped key", () => {
		const body = Buffer.from('{"messages":[1,2],"a":1,"mess\\u0061ges":[ 3 ],"a":2}');
		const scan = scanObject(body);
		expect(scan.fields.map((field) => field.key)).toEqual(["messages", "a", "messages", "a"]);
		const messages = scan.messages;
		expect(messages?.elements.map(({ start, end }) => body.toString("utf8", start, end))).toEqual(["3"]);
		expect(body.toString("utf8", messages?.contentStart, messages?.contentEnd)).toBe(" 3");
		expect(scanObject(Buffer.from('{"messages":[1],"messages":null}')).messages).toBeNull();
	});
});

describe("scanObject with a shared prefix", () => {
	const shared = (text: string, elementCount: number): SharedPrefix => ({
		content: Buffer.from(text),
		elementCount,
	});

	it("returns only the elements behind the shared bytes", () => {
		const body = Buffer.from('{"model":"m","messages":[{"a":1},{"b":2} , {"c":3},4],"z":0}');
		const messages = scanObject(body, { sharedPrefix: shared('{"a":1},{"b":2}', 2) }).messages;
		expect(messages).toMatchObject({ sharedBytes: 15 });
		expect(messages?.elements.map(({ start, end }) => body.toString("utf8", start, end))).toEqual([
			'{"c":3}',
			"4",
		]);
		const same = scanObject(Buffer.from('{"messages":[{"a":1} ]}'), { sharedPrefix: shared('{"a":1}', 1) });
		expect(same.messages).toMatchObject({ sharedBytes: 7, elements: [] });
	});

	it.each([
		["other bytes", '{"messages":[{"a":2}]}', '{"a":1}'],
		["a number that goes on", '{"messages":[12]}', "1"],
		["no comma behind it", '{"messages":[1 2]}', "1"],
		["a shorter list", '{"messages":[1]}', "1,2"],
	])("walks the whole list at %s", (_name, text, prefix) => {
		const scan = tryScan(text, shared(prefix, 1));
		const plain = tryScan(text);
		if (plain instanceof Error) expect(scan).toBeInstanceOf(JsonSyntaxError);
		else expect(scan).toMatchObject({ messages: { sharedBytes: 0, elements: plain.messages?.elements } });
	});

	it("refuses what is wrong behind the shared bytes", () => {
		for (const tail of [",]}", ", ,1]}", "]", '],"a":"\u0000"}', ",1]} x"]) {
			expect(tryScan(`{"messages":[{"a":1}${tail}`, shared('{"a":1}', 1))).toBeInstanceOf(JsonSyntaxError);
		}
		const bad = Buffer.concat([Buffer.from('{"messages":[1,"'), Buffer.from([0xff]), Buffer.from('"]}')]);
		expect(tryScan(bad, shared("1", 1))).toBeInstanceOf(JsonSyntaxError);
	});

	it("agrees with the plain scan on generated conversations", () => {
		fc.assert(
			fc.property(
				fc.array(fc.jsonValue(), { minLength: 1 }),
				fc.array(fc.jsonValue()),
				(history, appended) => {
					const content = JSON.stringify(history).slice(1, -1);
					const body = Buffer.from(JSON.stringify({ model: "m", messages: [...history, ...appended], n: 1 }));
					const fast = scanObject(body, { sharedPrefix: shared(content, history.length) });
					const plain = scanObject(body);
					expect(fast.messages?.sharedBytes).toBe(Buffer.byteLength(content));
					expect(fast.messages?.elements).toEqual(plain.messages?.elements.slice(history.length));
					expect(fast.fields).toEqual(plain.fields);
				},
			),
			{ numRuns: 300 },
		);
	});

	it("costs far less than a whole scan", () => {
		const history = Array.from({ length: 40_000 }, (_, index) => ({
			role: "user",
			content: `message "${index}"`,
		}));
		const body = Buffer.from(JSON.stringify({ messages: [...history, { role: "user", content: "last" }] }));
		const prefix = shared(JSON.stringify(history).slice(1, -1), history.length);
		const fastest = (sharedPrefix?: SharedPrefix): number => {
			const times = Array.from({ length: 7 }, () => {
				const startedAt = performance.now();
				scanObject(body, { sharedPrefix });
				return performance.now() - startedAt;
			});
			return Math.min(...times);
		};
		expect(fastest(prefix)).toBeLessThan(fastest() / 5);
	});
});

describe("scanArrayContent", () => {
	it("splits a stored content into its elements", () => {
		const content = Buffer.from(' {"a":"],["} , [1, 2],3 ');
		expect(scanArrayContent(content).map(({ start, end }) => content.toString("utf8", start, end))).toEqual([
			'{"a":"],["}',
			"[1, 2]",
			"3",
		]);
	});
});

describe("scanSteps", () => {
	/** What comes of it, and after how many rests. */
	function sliced(body: Buffer, sliceBytes: number, values = 40): { outcome: unknown; rests: number } {
		const steps = scanSteps(body, { maxDepth: 4, budget: { values } }, sliceBytes);
		let rests = 0;
		try {
			for (;;) {
				const { done, value } = steps.next();
				if (done === true) return { outcome: value, rests };
				rests++;
			}
		} catch (error) {
			return { outcome: (error as Error).message, rests };
		}
	}

	it("comes to the same wherever it rests", () => {
		const text = fc.oneof(
			jsonObject.map((value) => JSON.stringify(value, null, 1)),
			fc
				.jsonValue({ maxDepth: 5 })
				.map((value) => `{"messages":[${JSON.stringify(value)} ],"x":${JSON.stringify(value)}}`),
			fc.constant(
				'{"a\\u00e9":"\\"\\\\\\n\\u12aB","b":[-0.5e+10 , true,null,{"c":{}}], "messages" : [ {"d":"\u{1f600}\u8a9e\u00e9"} , 1 ] }',
			),
		);
		const damage = fc.option(
			fc.record({
				at: fc.nat(),
				put: fc.constantFrom("", '"', "\\", "{", "]", "\u0001", "\u00e9", " ", "1e"),
			}),
		);
		fc.assert(
			fc.property(text, damage, fc.integer({ min: 1, max: 9 }), (whole, harm, sliceBytes) => {
				const at = harm === null ? 0 : harm.at % (whole.length + 1);
				const harmed = harm === null ? whole : whole.slice(0, at) + harm.put + whole.slice(at + 1);
				const body = Buffer.from(harmed);
				expect(sliced(body, sliceBytes).outcome).toEqual(sliced(body, 1 << 20).outcome);
			}),
			{ numRuns: 1_500 },
		);
	});

	it("refuses bytes that are no UTF-8 wherever it rests", () => {
		const character = fc.constantFrom(
			[0x61],
			[0xc3, 0xa9],
			[0xe8, 0xaa, 0x9e],
			[0xf0, 0x9f, 0x98, 0x80],
			[0x80],
			[0xff],
			[0xc3],
		);
		fc.assert(
			fc.property(
				fc.array(character, { maxLength: 30 }),
				fc.integer({ min: 1, max: 9 }),
				(all, sliceBytes) => {
					const body = Buffer.concat([Buffer.from('{"a":"'), Buffer.from(all.flat()), Buffer.from('"}')]);
					expect(sliced(body, sliceBytes).outcome).toEqual(sliced(body, 1 << 20).outcome);
				},
			),
			{ numRuns: 1_000 },
		);
	});

	it.each([
		["white space before", (fill: string) => `${fill}{}`, " \n"],
		["white space in a field", (fill: string) => `{"a":${fill}1}`, "\t"],
		["white space between messages", (fill: string) => `{"messages":[1${fill},${fill}2]}`, " "],
		["white space after", (fill: string) => `{}${fill}`, "\r"],
		["a text", (fill: string) => `{"a":"${fill}"}`, "a"],
		["escapes", (fill: string) => `{"messages":["${fill}"]}`, "\\n"],
		["escaped characters", (fill: string) => `{"a":["${fill}"]}`, "\\u0041"],
		["long numbers", (fill: string) => `{"a":[[${fill}1]]}`, `${"1".repeat(299)},`],
	])("rests after each slice of %s, and of the look at its UTF-8", (_name, around, piece) => {
		const body = Buffer.from(around(piece.repeat(Math.ceil(200_000 / piece.length))));
		const { rests } = sliced(body, 1_000, 1_000);
		// An escape or a number is walked over in one go.
		expect(rests).toBeGreaterThan((1.7 * body.length) / 1_000);
	});

	it("rests after each slice of a field's name, which is then refused", () => {
		const { outcome, rests } = sliced(Buffer.from(`{"${"k".repeat(200_000)}":1}`), 1_000, 1_000);
		expect(outcome).toContain("a field's name of more than 4096 bytes");
		expect(rests).toBeGreaterThan(190);
	});
});
