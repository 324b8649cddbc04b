// Owns the proof that the tokenizer takes exactly strict JSON wherever it is split, and tells where values stand.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ChunkTokenizer } from "../../src/json/chunk-tokenizer.js";

/** Notes what it is told, with offsets in the whole text. */
class Reader extends ChunkTokenizer {
	readonly told: string[] = [];

	constructor() {
		super(8);
	}

	end(): void {
		this.finish();
	}

	#tell(what: string, at: number): void {
		this.told.push(`${what} ${this.consumed + at}`);
	}

	protected skipElements(at: number): number {
		return at;
	}
	protected scalarBegins(byte: number, at: number): void {
		this.#tell(`scalar ${String.fromCharCode(byte)}`, at);
	}
	protected containerBegins(isList: boolean, at: number): void {
		this.#tell(`${isList ? "[" : "{"}${this.depth}`, at);
	}
	protected containerEnds(at: number): void {
		this.#tell(`end${this.depth}`, at);
	}
	protected stringGoesOn(from: number): number {
		return from;
	}
	protected stringEnds(at: number): void {
		this.#tell("quote", at);
	}
	protected keyBegins(at: number): void {
		this.#tell("key", at);
	}
	protected keyEnds(at: number): void {
		this.#tell("colon", at);
	}
	protected valueEnds(end: number): void {
		this.#tell(`value${this.depth}`, end);
	}
}

function read(bytes: Buffer, splits: readonly number[] = []): string[] {
	const reader = new Reader();
	let from = 0;
	for (const split of [...splits.filter((at) => at <= bytes.length)].sort((a, b) => a - b)) {
		reader.push(bytes.subarray(from, split));
		from = split;
	}
	reader.push(bytes.subarray(from));
	reader.end();
	return reader.told;
}

describe("ChunkTokenizer", () => {
	it("tells where keys, values and containers begin and end", () => {
		expect(read(Buffer.from(' {"a":[1,"x"] , "b":{}}'))).toEqual([
			"{1 1",
			"key 2",
			"colon 4",
			"[2 6",
			"scalar 1 7",
			"value2 8",
			'scalar " 9',
			"quote 11",
			"value2 12",
			"end2 12",
			"value1 13",
			"key 16",
			"colon 18",
			"{2 20",
			"end2 21",
			"value1 22",
			"end1 22",
			"value0 23",
		]);
	});

	it("tells the same at any split, and takes what JSON.parse takes", () => {
		const text = fc.oneof(
			fc.json({ maxDepth: 3 }),
			fc.json({ maxDepth: 2 }).map((json) => ` ${json.replaceAll(",", " ,\n")}\t`),
			fc.constantFrom(
				'"\\u12',
				'"\\u00g0"',
				'"\\u004"',
				'"\\x"',
				'"\\ud83d\\/\\b"',
				"-",
				"01",
				"1.",
				"1e",
				"-0.5E+07",
				"1 2",
				"nul",
			),
			fc.constantFrom(
				"[1,]",
				"[,1]",
				'{"a"}',
				'{"a":1,}',
				"{1:2}",
				"{]",
				"[}",
				"]",
				'"\n"',
				"",
				"  ",
				"tru e",
				"[1 2]",
			),
		);
		fc.assert(
			fc.property(text, fc.array(fc.nat(60), { maxLength: 6 }), (json, splits) => {
				const bytes = Buffer.from(json);
				let valid = true;
				try {
					JSON.parse(json);
				} catch {
					valid = false;
				}
				if (!valid) {
					expect(() => read(bytes, splits)).toThrow(/at offset \d+$/);
					return;
				}
				expect(read(bytes, splits)).toEqual(read(bytes));
			}),
			{ numRuns: 1_000 },
		);
	});

	it("lets in nesting up to its bound", () => {
		expect(() => read(Buffer.from("[[[[[[[[]]]]]]]]"))).not.toThrow();
		expect(() => read(Buffer.from("[[[[[[[[[]]]]]]]]]"))).toThrow("nesting deeper than 8 at offset 8");
	});
});
