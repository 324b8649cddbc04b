// Payloads that are decoded while they are sent: whatever the pieces, the bytes are those of decoding all at once.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { containerBytes } from "../../src/samples/deferred-payloads.js";
import { type DeferredPayload, SampleError } from "../../src/samples/sample.js";

/** Hands the text over in pieces through one buffer, as a store does. */
async function* through(text: string, sizes: () => number): AsyncGenerator<Uint8Array> {
	const buffer = Buffer.alloc(512 * 1024);
	for (let at = 0; at < text.length; ) {
		const length = Math.min(sizes(), buffer.length, text.length - at);
		buffer.write(text.slice(at, at + length), "latin1");
		yield buffer.subarray(0, length);
		buffer.fill(0x21);
		at += length;
	}
}

const deferred = (text: string, byteLength: number, index = 0): DeferredPayload => ({
	turn: 1,
	index,
	base64Length: text.length,
	byteLength,
	what: "routed_experts of turn 1",
});

async function collect(payloads: DeferredPayload[], texts: string[], sizes: () => number): Promise<Buffer> {
	const head = new Uint8Array([1, 2, 3]);
	const byteLength = payloads.reduce((sum, payload) => sum + payload.byteLength, 0);
	const all: Buffer[] = [];
	const stream = (_turn: number, index: number) => through(texts[index] ?? "", sizes);
	for await (const piece of containerBytes([head, { byteLength, payloads }, head], stream))
		all.push(Buffer.from(piece));
	const bytes = Buffer.concat(all);
	expect([...bytes.subarray(0, 3)]).toEqual([1, 2, 3]);
	expect([...bytes.subarray(-3)]).toEqual([1, 2, 3]);
	return bytes.subarray(3, -3);
}

describe("a container with deferred payloads", () => {
	it("has their bytes, whatever the pieces, the padding and how many of them are wanted", async () => {
		await fc.assert(
			fc.asyncProperty(
				fc.uint8Array({ maxLength: 200 }),
				fc.uint8Array({ maxLength: 40 }),
				fc.double({ min: 0, max: 1, noNaN: true }),
				fc.infiniteStream(fc.integer({ min: 1, max: 30 })),
				async (one, two, share, sizes) => {
					const texts = [one, two].map((bytes) => Buffer.from(bytes).toString("base64"));
					const wanted = Math.floor(two.length * share);
					const payloads = [deferred(texts[0] ?? "", one.length), deferred(texts[1] ?? "", wanted, 1)];
					const bytes = await collect(payloads, texts, () => sizes.next().value as number);
					expect(bytes.equals(Buffer.concat([one, two.subarray(0, wanted)]))).toBe(true);
				},
			),
			{ numRuns: 500 },
		);
	});

	it("has those of a large one, in pieces that never hold much", async () => {
		const bytes = Buffer.alloc(5_000_003, "some bytes that repeat, ");
		const text = bytes.toString("base64");
		let largest = 0;
		const all: Buffer[] = [];
		const pieces = containerBytes(
			[{ byteLength: bytes.length, payloads: [deferred(text, bytes.length)] }],
			() => through(text, () => 300_001),
		);
		for await (const piece of pieces) {
			largest = Math.max(largest, piece.length);
			all.push(Buffer.from(piece));
		}
		expect(Buffer.concat(all).equals(bytes)).toBe(true);
		expect(largest).toBeLessThanOrEqual(256 * 1024);
	});

	it.each([
		["a character that is none of base64's", (text: string) => `${text.slice(0, 40)}!${text.slice(41)}`],
		["padding in the middle", (text: string) => `${text.slice(0, 38)}==${text.slice(40)}`],
		["a space", (text: string) => `${text.slice(0, 8)} ${text.slice(9)}`],
		["too few characters", (text: string) => text.slice(0, -4)],
		["too many characters", (text: string) => `${text}AAAA`],
	])("ends with an error on %s", async (_what, spoil) => {
		const bytes = Buffer.alloc(120, "xyz");
		const text = bytes.toString("base64");
		const reading = collect([deferred(text, bytes.length)], [spoil(text)], () => 7);
		await expect(reading).rejects.toBeInstanceOf(SampleError);
	});

	it.each([1, 2, 3, 5])(
		"ends with an error on a bad character %i before the end, even when the end is not wanted",
		async (back) => {
			const text = Buffer.alloc(119, "xyz").toString("base64");
			expect(text.endsWith("=")).toBe(true);
			const spoilt = `${text.slice(0, -back - 1)}!${text.slice(text.length - back)}`;
			const reading = collect([deferred(text, 100)], [spoilt], () => 300);
			await expect(reading).rejects.toBeInstanceOf(SampleError);
		},
	);
});
