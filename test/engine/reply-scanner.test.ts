import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ReplyScanner, type ScannedReply } from "../../src/engine/reply-scanner.js";

function scan(text: string | Buffer, cuts: readonly number[] = [], sentIds?: string): ScannedReply {
	const bytes = Buffer.from(text);
	const scanner = new ReplyScanner(sentIds === undefined ? null : Buffer.from(sentIds));
	let from = 0;
	for (const at of [...cuts].sort((a, b) => a - b)) {
		scanner.push(bytes.subarray(from, at));
		from = at;
	}
	scanner.push(bytes.subarray(from));
	return scanner.end();
}

/** Puts the cut pieces back. */
function whole({ rest, cuts }: ScannedReply): string {
	const pieces: Buffer[] = [];
	let at = 0;
	for (const cut of cuts) {
		pieces.push(rest.subarray(at, cut.offset), ...cut.bytes);
		at = cut.offset;
	}
	return Buffer.concat([...pieces, rest.subarray(at)]).toString();
}

const REPLY =
	'{"id":"r","routed_experts":"not here","choices":[{"index":0,"message":{"role":"assistant","content":"say \\"routed_experts\\": \\"x\\""},' +
	'"prompt_token_ids":[1, 2,3],"meta_info":{"x":-0.0,"routed_experts":"QUJD","indexer_topk":"RA==","nested":{"routed_experts":"keep"}}},' +
	'{"index":1,"meta_info":{"routed_\\u0065xperts":"Zm\\"9v"},"message":{"content":"other"}}],"meta_info":{"routed_experts":"keep"}}';

describe("the reply scanner", () => {
	it("cuts the opaque fields of every choice, and only those", () => {
		const { rest, cuts } = scan(REPLY);
		expect(cuts.map((cut) => [cut.field, cut.choice, Buffer.concat(cut.bytes).toString()])).toEqual([
			["prompt_token_ids", 0, "1, 2,3"],
			["routed_experts", 0, "QUJD"],
			["indexer_topk", 0, "RA=="],
			["routed_experts", 1, 'Zm\\"9v'],
		]);
		expect(rest.toString()).toContain('"prompt_token_ids":[]');
		expect(rest.toString()).toContain('"nested":{"routed_experts":"keep"}');
		expect(cuts.map((cut) => cut.byteLength)).toEqual([6, 4, 4, 6]);
	});

	it("finds choice 0's message", () => {
		const { rest, messageRange } = scan(REPLY);
		expect(rest.subarray(messageRange?.start, messageRange?.end).toString()).toBe(
			'{"role":"assistant","content":"say \\"routed_experts\\": \\"x\\""}',
		);
	});

	it("gives the same result at every split position", () => {
		const expected = scan(REPLY);
		for (let at = 0; at <= REPLY.length; at++) {
			const { rest, cuts, messageRange } = scan(REPLY, [at]);
			expect(rest.equals(expected.rest)).toBe(true);
			expect(messageRange).toEqual(expected.messageRange);
			expect(cuts.map((cut) => [cut.offset, Buffer.concat(cut.bytes).toString()])).toEqual(
				expected.cuts.map((cut) => [cut.offset, Buffer.concat(cut.bytes).toString()]),
			);
		}
	});

	it("puts any document together again, whatever its chunks", () => {
		const payload = fc.string({ unit: "binary", maxLength: 40 });
		const choice = fc.dictionary(
			fc.constantFrom("meta_info", "message", "prompt_token_ids", "x"),
			fc.oneof(
				fc.dictionary(fc.constantFrom("routed_experts", "indexer_topk", "content", "y"), payload),
				fc.array(fc.nat()),
				fc.jsonValue({ maxDepth: 3 }),
			),
		);
		const document = fc.oneof(
			fc.record({ choices: fc.array(choice), z: fc.jsonValue() }),
			fc.jsonValue({ maxDepth: 5 }),
		);
		fc.assert(
			fc.property(document, fc.nat(3), fc.array(fc.nat(400)), (value, indent, splits) => {
				const text = JSON.stringify(value, null, indent);
				const length = Buffer.byteLength(text);
				const scanned = scan(
					text,
					splits.filter((at) => at <= length),
				);
				expect(whole(scanned)).toBe(text);
				expect(() => JSON.parse(scanned.rest.toString())).not.toThrow();
			}),
			{ numRuns: 500 },
		);
	});

	it("accepts and refuses what JSON.parse does, on documents with damage", () => {
		const damage = fc.tuple(
			fc.nat(400),
			fc.constantFrom("", '"', "\\", "{", "}", "[", "]", ",", ":", "1", "-", "e", "t", "\u0001", " "),
		);
		fc.assert(
			fc.property(fc.jsonValue({ maxDepth: 4 }), fc.array(damage, { maxLength: 3 }), (value, damages) => {
				let text = JSON.stringify(value);
				for (const [at, insert] of damages)
					text = text.slice(0, at) + insert + text.slice(at + (insert === "" ? 1 : 0));
				let valid = true;
				try {
					JSON.parse(text);
				} catch {
					valid = false;
				}
				let accepted = true;
				try {
					scan(text);
				} catch {
					accepted = false;
				}
				expect([text, accepted]).toEqual([text, valid]);
			}),
			{ numRuns: 1000 },
		);
	});

	it.each([
		"12,345,6",
		"12,345,6,7",
		"12,345",
		"12,34",
		"12, 345,6",
		"12,3,45,6",
		"12,3,05,6",
		"12,3,5,6",
		"12,345,6,",
		"12,345,,6",
		"[12,345,6]",
		"12,[345,6]",
		'12,"345,6',
		"",
	])("reads the ids [%s] alike with and without knowing which were sent", (ids) => {
		const text = `{"choices":[{"prompt_token_ids":[${ids}],"message":{}}]}`;
		const outcome = (cuts: readonly number[], sent?: string) => {
			try {
				const { rest, cuts: found } = scan(text, cuts, sent);
				return [rest.toString(), ...found.map((cut) => Buffer.concat(cut.bytes).toString())];
			} catch (error) {
				return error instanceof Error && error.name;
			}
		};
		const expected = outcome([]);
		for (let a = 0; a <= text.length; a++) {
			for (let b = a; b <= text.length; b++) expect(outcome([a, b], "12,345,6")).toEqual(expected);
		}
	});

	it.each([
		"",
		" ",
		"{",
		'{"a":NaN}',
		"[1,]",
		'{"a":1,}',
		"01",
		'"\t"',
		"{} {}",
		"[".repeat(65) + "]".repeat(65),
	])("refuses %j", (text) => {
		expect(() => scan(text)).toThrow(/at byte/);
	});

	it("keeps number spellings", () => {
		const text = '{"a":1.0,"b":-0.0,"c":1e-07,"d":12345678901234567890}';
		expect(scan(text).rest.toString()).toBe(text);
	});
});
