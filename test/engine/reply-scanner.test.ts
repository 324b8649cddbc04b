// Owns the proof that the reply scanner accepts exactly strict JSON and that its excerpts, put back, give the same bytes.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ReplyScanner, type ScannedReply } from "../../src/engine/scan/reply-scanner.js";
import { SGLANG_SITES, SglangSite } from "../../src/engine/sglang/sites.js";
import { JsonSyntaxError } from "../../src/json/parse.js";
import { skipValue } from "../../src/json/skip.js";

function scan(bytes: Buffer | string, splits: readonly number[] = [], sentIds?: string): ScannedReply {
	const whole = Buffer.from(bytes as string);
	const scanner = new ReplyScanner({
		sites: SGLANG_SITES,
		sentIds: sentIds === undefined ? undefined : [Buffer.from(sentIds)],
	});
	let from = 0;
	for (const split of [...splits].sort((a, b) => a - b)) {
		scanner.push(whole.subarray(from, split));
		from = Math.max(from, split);
	}
	scanner.push(whole.subarray(from));
	return scanner.end();
}

function putBack({ rest, excerpts }: ScannedReply): Buffer {
	const pieces: Buffer[] = [];
	let from = 0;
	for (const excerpt of excerpts) {
		expect(excerpt.byteLength).toBe(excerpt.bytes.reduce((sum, piece) => sum + piece.length, 0));
		pieces.push(rest.subarray(from, excerpt.offset), ...excerpt.bytes);
		from = excerpt.offset;
	}
	return Buffer.concat([...pieces, rest.subarray(from)]);
}

function text(range: { start: number; end: number } | undefined, reply: ScannedReply): string | undefined {
	return range && reply.rest.toString("utf8", range.start, range.end);
}

/** Spells a key with every character escaped, sometimes. */
const spelled = (key: string): fc.Arbitrary<string> =>
	fc.constantFrom(
		JSON.stringify(key),
		`"${[...key].map((char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`).join("")}"`,
		JSON.stringify(key).replace("_", "\\u005f"),
	);

const space = fc.constantFrom("", "", " ", "\n\t");
const payload = fc.oneof(
	fc.base64String({ maxLength: 400 }).map((value) => JSON.stringify(value)),
	fc.string({ unit: "binary", maxLength: 40 }).map((value) => JSON.stringify(value)),
	fc.constantFrom('""', '"\\/\\u0041\\n\\\\"', '"\\\\\\""', "null", '["a"]', "{}"),
	fc.constantFrom("[[0,1],[2, 3]]", "[ ]", "{ }", "true", "-1.5e+3", "0", '[{"routed_experts":"x"},"]"]'),
	fc.json({ maxDepth: 3 }),
);
const PAYLOADS = [
	"routed_experts",
	"indexer_topk",
	"output_token_sampling_mask",
	"output_token_sampling_logprobs",
	"output_token_sampling_mask_length",
];
const idList = fc.oneof(
	fc.array(fc.nat()).map((ids) => JSON.stringify(ids)),
	fc.constantFrom("[]", "[ 1 ,2 ]", "null", '[[1],{"message":[2]}]', '"x"'),
);
/** Text that looks like what is looked for. */
const trap = fc
	.constantFrom(
		'"routed_experts":"AAAA"',
		'{"choices":[{"meta_info":{"indexer_topk":"x"}}]}',
		"prompt_token_ids",
	)
	.map((value) => JSON.stringify(value));
const other = fc.oneof(fc.json({ maxDepth: 3 }), trap);

/** Members in any order, keys in any spelling, each known key at most once, surplus ones between them. */
function objectOf(members: Array<[string, fc.Arbitrary<string>]>): fc.Arbitrary<string> {
	const known = members.map(([key, value]) => fc.tuple(spelled(key), value));
	const surplus = fc.array(
		fc.tuple(
			fc
				.string({ maxLength: 8 })
				.filter((key) => !members.some(([name]) => name === key))
				.map((key) => JSON.stringify(key)),
			other,
		),
		{ maxLength: 3 },
	);
	return fc
		.tuple(fc.tuple(...known), surplus, space, fc.boolean())
		.chain(([all, more, gap, some]) =>
			fc
				.shuffledSubarray([...all, ...more], some ? {} : { minLength: all.length + more.length })
				.map(
					(entries) =>
						`{${gap}${entries.map(([key, value]) => `${key}${gap}:${gap}${value}`).join(`${gap},`)}}`,
				),
		);
}

const meta = objectOf([
	...PAYLOADS.map((key): [string, fc.Arbitrary<string>] => [key, payload]),
	["output_token_logprobs", other],
	["choices", other],
]);
const choice = objectOf([
	["meta_info", fc.oneof({ weight: 4, arbitrary: meta }, { weight: 1, arbitrary: other })],
	["message", other],
	["prompt_token_ids", idList],
	["routed_experts", payload],
]);
const reply = objectOf([
	["choices", fc.array(choice, { maxLength: 3 }).map((choices) => `[${choices.join(" ,")}]`)],
	["meta_info", meta],
	["routed_experts", payload],
]);

/** What should be taken out, found by walking what JSON.parse built. */
function expectedExcerpts(value: { choices?: unknown }): string[] {
	const found: string[] = [];
	if (!Array.isArray(value.choices)) return found;
	value.choices.forEach((each: Record<string, unknown>, index) => {
		const info = each?.["meta_info"];
		if (typeof info === "object" && info !== null && !Array.isArray(info)) {
			for (const field of PAYLOADS) {
				if (!Object.hasOwn(info, field)) continue;
				const content = (info as Record<string, unknown>)[field];
				found.push(`${index} ${field} ${JSON.stringify(content)}`);
			}
		}
		const ids = each?.["prompt_token_ids"];
		if (Array.isArray(ids) && index === 0) found.push(`${index} prompt_token_ids ${JSON.stringify(ids)}`);
	});
	return found.sort();
}

/** The value as it stood: a number or literal stands after the excerpt, of others the quotes or brackets are around it. */
function excerptValue(rest: Buffer, offset: number, content: string): string {
	if (!'"]}'.includes(String.fromCharCode(rest[offset] as number))) {
		expect(content).toBe("");
		return rest.toString("utf8", offset, skipValue(rest, offset, 0, 64));
	}
	return rest.toString("utf8", offset - 1, offset) + content + rest.toString("utf8", offset, offset + 1);
}

describe("ReplyScanner", () => {
	it("takes out exactly the opaque fields, and gives the same bytes back, at any split", () => {
		fc.assert(
			fc.property(
				reply,
				fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 }),
				(source, parts) => {
					const bytes = Buffer.from(source);
					const scanned = scan(
						bytes,
						parts.map((part) => Math.floor(part * bytes.length)),
					);
					expect(putBack(scanned).equals(bytes)).toBe(true);
					const got = scanned.excerpts.map((excerpt) => {
						const spelling = excerptValue(
							scanned.rest,
							excerpt.offset,
							Buffer.concat([...excerpt.bytes]).toString(),
						);
						return `${excerpt.choice} ${excerpt.field} ${JSON.stringify(JSON.parse(spelling))}`;
					});
					const value = JSON.parse(source) as { choices?: Array<Record<string, unknown>> };
					expect(got.sort()).toEqual(expectedExcerpts(value));
					expect(() => JSON.parse(scanned.rest.toString()) as unknown).not.toThrow();
					const message = text(scanned.ranges.get(SglangSite.MESSAGE), scanned);
					const first = value.choices?.[0];
					expect(message === undefined ? undefined : JSON.parse(message)).toEqual(first?.["message"]);
				},
			),
			{ numRuns: 1500 },
		);
	});

	it("gives the same result at every single split position, and byte by byte", () => {
		const source = Buffer.from(
			'{"id":"a\\u00e9\u00e9","choices":[{"meta_info":{"routed_exp\\u0065rts":"QUJD\\/RA==","completion_tokens":-1.5e+3,' +
				'"indexer_topk":{"a":[ 1,"}]"],"b":null},"output_token_sampling_mask":[[1, 2],[] , [3]],' +
				'"output_token_sampling_mask_length":3,"output_token_sampling_logprobs":null},"prompt_token_ids":[ 1,22 ],"message":{"content":"\\"x\\"","n":[true,false,null]}}]}',
		);
		const whole = scan(source);
		expect(whole.excerpts.map((excerpt) => excerpt.field)).toEqual([
			"routed_experts",
			"indexer_topk",
			"output_token_sampling_mask",
			"output_token_sampling_mask_length",
			"output_token_sampling_logprobs",
			"prompt_token_ids",
		]);
		const plain = ({ giveBack, ...scanned }: ScannedReply): unknown => ({
			...scanned,
			excerpts: scanned.excerpts.map((excerpt) => ({
				...excerpt,
				bytes: Buffer.concat([...excerpt.bytes]).toString(),
			})),
		});
		for (let split = 0; split <= source.length; split++)
			expect(plain(scan(source, [split]))).toEqual(plain(whole));
		expect(plain(scan(source, [...source.keys()]))).toEqual(plain(whole));
	});

	it("accepts and refuses mutilated replies as JSON.parse does", () => {
		const at = fc.double({ min: 0, max: 1, noNaN: true });
		const put = fc.oneof(
			fc.string({ maxLength: 2 }),
			fc.constantFrom('"', "\\", ",", "}", "]", "1", "e", "-", "\n"),
		);
		fc.assert(
			fc.property(reply, at, at, put, fc.boolean(), (source, position, split, inserted, replace) => {
				const index = Math.floor(position * source.length);
				const mutated = source.slice(0, index) + inserted + source.slice(index + (replace ? 1 : 0));
				if (/\p{Surrogate}/u.test(mutated)) return;
				let valid = true;
				try {
					JSON.parse(mutated);
				} catch {
					valid = false;
				}
				const bytes = Buffer.from(mutated);
				const run = (): ScannedReply => scan(bytes, [Math.floor(split * bytes.length)]);
				if (valid) expect(putBack(run()).equals(bytes)).toBe(true);
				else expect(run).toThrow(JsonSyntaxError);
			}),
			{ numRuns: 4000 },
		);
	});

	it.each([
		"",
		" ",
		"{",
		'{"a":1',
		"NaN",
		'{"a":NaN}',
		'{"a":Infinity}',
		"\ufeff{}",
		"{}x",
		"01",
		"-",
		"1.",
		"1e",
		"tru",
	])("refuses %j", (source) => {
		expect(() => scan(source)).toThrow(JsonSyntaxError);
	});

	it("refuses invalid UTF-8 in the rest and in a payload, split or not", () => {
		const around = (bad: number[], key: string): Buffer =>
			Buffer.concat([
				Buffer.from(`{"choices":[{"meta_info":{"${key}":"AA`),
				Buffer.from(bad),
				Buffer.from('"}}]}'),
			]);
		for (const key of ["routed_experts", "other"]) {
			const fine = around([0xe2, 0x82, 0xac], key);
			for (let split = 0; split < fine.length; split++)
				expect(putBack(scan(fine, [split])).equals(fine)).toBe(true);
			for (const bad of [[0xff], [0xe2, 0x82], [0xc0, 0xaf], [0xed, 0xa0, 0x80]]) {
				const bytes = around(bad, key);
				for (let split = 0; split < bytes.length; split++) {
					expect(() => scan(bytes, [split])).toThrow(JsonSyntaxError);
				}
			}
		}
	});

	it("bounds nesting at 64", () => {
		expect(() => scan("[".repeat(64) + "]".repeat(64))).not.toThrow();
		expect(() => scan("[".repeat(65) + "]".repeat(65))).toThrow("deeper than 64");
	});

	it("holds prompt ids that repeat the sent ones not at all, and any other ones whole, wherever they differ", () => {
		const ids = fc.array(fc.constantFrom("1", "12", "345", "99999"), { maxLength: 12 });
		const prompt = fc
			.record({ same: ids, sent: ids, got: ids, spaced: fc.boolean(), cuts: fc.array(fc.nat(60)) })
			.map(({ same, sent, got, spaced, cuts }) => ({
				sent: [...same, ...sent].join(","),
				got: [...same, ...got].join(spaced ? ", " : ","),
				cuts,
			}));
		const splits = fc.array(fc.nat(150), { maxLength: 5 });
		fc.assert(
			fc.property(prompt, splits, ({ sent, got, cuts }, at) => {
				const pieces: Buffer[] = [];
				let from = 0;
				for (const cut of [...cuts.toSorted((a, b) => a - b), sent.length]) {
					pieces.push(Buffer.from(sent.slice(from, cut)));
					from = Math.max(from, cut);
				}
				const reply = Buffer.from(`{"choices":[{"prompt_token_ids":[${got}],"message":1}],"id":"x"}`);
				const scanner = new ReplyScanner({ sites: SGLANG_SITES, sentIds: pieces, replyBytes: reply.length });
				let pushed = 0;
				for (const split of [...at.toSorted((a, b) => a - b), reply.length]) {
					if (split > pushed) scanner.push(Buffer.from(reply.subarray(pushed, split)));
					pushed = Math.max(pushed, split);
				}
				const scanned = scanner.end();
				expect(putBack(scanned).equals(reply)).toBe(true);
				expect(Buffer.concat(scanned.excerpts[0]?.bytes ?? []).toString()).toBe(got);
				expect(scanner.keptBytes).toBe(scanned.rest.length + (got === sent ? 0 : got.length));
			}),
			{ numRuns: 500 },
		);
	});

	it("uses the memory of payloads that were given back again, not before, and never that of prompt ids", () => {
		const reply = (fill: string) =>
			`{"choices":[{"prompt_token_ids":[${fill.repeat(800_000)}9],"meta_info":{"routed_experts":"${fill.repeat(800_000)}"}}]}`;
		const slabsOf = (scanned: ScannedReply, field: string) =>
			scanned.excerpts.filter((each) => each.field === field).flatMap(({ bytes }) => bytes);
		const first = scan(reply("7,"));
		const payload = slabsOf(first, "routed_experts");
		const ids = slabsOf(first, "prompt_token_ids");
		const second = scan(reply("8,"));
		expect(Buffer.concat(payload).toString("latin1") === "7,".repeat(800_000)).toBe(true);
		first.giveBack();
		expect(slabsOf(first, "routed_experts")).toEqual([]);
		expect(slabsOf(first, "prompt_token_ids").every((piece, at) => piece === ids[at])).toBe(true);
		// Twice is once.
		first.giveBack();
		const [third, fourth] = [scan(reply("5,")), scan(reply("6,"))];
		expect(putBack(second).toString("latin1") === reply("8,")).toBe(true);
		expect(putBack(third).toString("latin1") === reply("5,")).toBe(true);
		expect(putBack(fourth).toString("latin1") === reply("6,")).toBe(true);
		expect(Buffer.concat(ids).toString("latin1") === `${"7,".repeat(800_000)}9`).toBe(true);
		const used = new Set(
			[third, fourth]
				.flatMap(({ excerpts }) => excerpts)
				.flatMap(({ bytes }) => bytes.map(({ buffer }) => buffer)),
		);
		expect(payload.some(({ buffer }) => used.has(buffer))).toBe(true);
	});

	it("does not take the ids that were sent for what a sampling mask repeats", () => {
		const text = '{"choices":[{"meta_info":{"output_token_sampling_mask":[12,345,06]}}]}';
		expect(() => scan(text, [], "12,345,06")).toThrow(JsonSyntaxError);
	});

	it("tells when a deciding key stands twice, and not when any other does", () => {
		expect(scan('{"choices":[],"choices":[]}').hasDuplicateKey).toBe(true);
		expect(scan('{"choices":[{"message":1,"m\\u0065ssage":2}]}').hasDuplicateKey).toBe(true);
		expect(
			scan('{"choices":[{"meta_info":{"routed_experts":"a","routed_experts":"b"}}]}').hasDuplicateKey,
		).toBe(true);
		expect(scan('{"choices":[{"message":1},{"message":2}],"x":1,"x":2}').hasDuplicateKey).toBe(false);
	});

	it("bounds what it keeps besides the payloads", () => {
		const scanner = new ReplyScanner({ sites: SGLANG_SITES, maxRestBytes: 100 });
		scanner.push(Buffer.from('{"choices":[{"meta_info":{"routed_experts":"'));
		for (let count = 0; count < 100; count++) scanner.push(Buffer.alloc(1000, 0x41));
		expect(() => scanner.push(Buffer.from(`","x":"${"y".repeat(100)}`))).toThrow("larger than 100 bytes");
	});

	it("takes a reply longer than any string can be", { timeout: 60_000 }, () => {
		const chunk = Buffer.alloc(4 * 1024 * 1024, 0x41);
		const scanner = new ReplyScanner({ sites: SGLANG_SITES });
		scanner.push(Buffer.from('{"choices":[{"meta_info":{"routed_experts":"'));
		for (let count = 0; count < 150; count++) scanner.push(chunk);
		scanner.push(Buffer.from('","completion_tokens":3}}]}'));
		const scanned = scanner.end();
		expect(scanned.excerpts[0]?.byteLength).toBe(150 * chunk.length);
		expect(scanned.rest.toString()).toBe(
			'{"choices":[{"meta_info":{"routed_experts":"","completion_tokens":3}}]}',
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
		const outcome = (splits: readonly number[], sent?: string) => {
			try {
				const { rest, excerpts: found } = scan(text, splits, sent);
				return [rest.toString(), ...found.map((excerpt) => Buffer.concat(excerpt.bytes).toString())];
			} catch (error) {
				return error instanceof Error && error.name;
			}
		};
		const expected = outcome([]);
		for (let a = 0; a <= text.length; a++) {
			for (let b = a; b <= text.length; b++) expect(outcome([a, b], "12,345,6")).toEqual(expected);
		}
	});
});
