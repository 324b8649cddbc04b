// A payload that is compared while it arrives: whatever the chunks and the earlier payload, both together are its bytes.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { KnownPayload } from "../../src/engine/scan/known-payload.js";
import type { PayloadCursor } from "../../src/engine/scan/payload-cursor.js";
import { ReplyScanner } from "../../src/engine/scan/reply-scanner.js";
import { SGLANG_SITES } from "../../src/engine/sglang/sites.js";

const KIB = 1024;

/** Reads `whole`: at once as long as `now` lets it, else each time after `pause`. */
class Cursor implements PayloadCursor {
	closed = 0;
	#awaited = false;
	#at = 0;
	readonly #whole: Buffer;
	readonly #pause: () => Promise<void>;
	readonly #now: (at: number) => boolean;

	constructor(
		whole: Buffer,
		pause: () => Promise<void> = async () => undefined,
		now: (at: number) => boolean = () => false,
	) {
		this.#whole = whole;
		this.#pause = pause;
		this.#now = now;
	}

	readNow(buffer: Buffer): number | null {
		if (buffer.length === 0) this.#awaited ||= !this.#now(this.#at);
		return this.#awaited ? null : this.#copy(buffer);
	}

	async read(buffer: Buffer): Promise<number> {
		await this.#pause();
		return this.#copy(buffer);
	}

	#copy(buffer: Buffer): number {
		const bytes = this.#whole.copy(buffer, 0, this.#at);
		this.#at += bytes;
		return bytes;
	}

	async close(): Promise<void> {
		this.closed++;
	}
}

/** Base64 characters that repeat at no power of two. */
function payload(length: number, seed = 0): Buffer {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	return Buffer.from(
		Array.from({ length }, (_, at) => alphabet.charCodeAt((at * 7 + (at >> 6) + seed) % 64)),
	);
}

const replyWith = (text: Buffer): Buffer =>
	Buffer.concat([
		Buffer.from('{"id":"r","choices":[{"index":0,"meta_info":{"routed_experts":"'),
		text,
		Buffer.from('","completion_tokens":1}}]}'),
	]);

/** Feeds `reply` in chunks through one buffer that is overwritten behind each, as connections do. */
async function scan(reply: Buffer, known: KnownPayload, chunkBytes: () => number) {
	const scanner = new ReplyScanner({ sites: SGLANG_SITES, knownPayloads: [known] });
	const shared = Buffer.alloc(256 * KIB);
	for (let at = 0; at < reply.length; ) {
		await known.ready();
		const length = Math.min(chunkBytes(), shared.length, reply.length - at);
		reply.copy(shared, 0, at, at + length);
		scanner.push(shared.subarray(0, length));
		shared.fill(0x21);
		at += length;
	}
	known.stop();
	const [excerpt] = scanner.end().excerpts;
	if (excerpt === undefined) throw new Error("no payload was taken out");
	return { excerpt, kept: Buffer.concat(excerpt.bytes), keptBytes: scanner.keptBytes };
}

describe.each([
	["read at once", () => true],
	["awaited", () => false],
	["that turns out to be slow", (at: number) => at < 200 * KIB],
] as const)("a payload with a known beginning, %s", (_manner, now) => {
	const cursorOf = (whole: Buffer) => new Cursor(whole, undefined, now);

	it.each([
		["the same", 700 * KIB, 700 * KIB],
		["longer", 300 * KIB, 2500 * KIB],
		["longer by a window's end", 512 * KIB, 513 * KIB],
		["shorter", 2500 * KIB, 300 * KIB],
		["of many windows", 5000 * KIB, 5100 * KIB],
		["empty", 100, 0],
		["behind an empty one", 0, 100],
	])("that is %s keeps only what is behind it", async (_name, before, after) => {
		const earlier = payload(before);
		const given = payload(after);
		const cursor = cursorOf(earlier);
		const { excerpt, kept, keptBytes } = await scan(
			replyWith(given),
			new KnownPayload(cursor),
			() => 64 * KIB,
		);
		expect(excerpt.knownBytes).toBe(Math.min(before, after));
		expect(Buffer.concat([earlier.subarray(0, excerpt.knownBytes), kept]).equals(given)).toBe(true);
		expect(excerpt.byteLength).toBe(given.length);
		expect(keptBytes).toBeLessThan(given.length - excerpt.knownBytes + 200);
		await expect.poll(() => cursor.closed).toBe(1);
	});

	it("that differs in one byte, wherever that is, is the same up to there and not after", async () => {
		const earlier = payload(400 * KIB);
		for (const at of [0, 1, 64 * KIB - 1, 64 * KIB, 150_001, 250_000, 400 * KIB - 1]) {
			const given = Buffer.from(earlier);
			given[at] = 0x2d;
			const cursor = cursorOf(earlier);
			const { excerpt, kept } = await scan(replyWith(given), new KnownPayload(cursor), () => 96 * KIB);
			expect(excerpt.knownBytes).toBe(at);
			expect(kept.equals(given.subarray(at))).toBe(true);
			await expect.poll(() => cursor.closed).toBe(1);
		}
	});

	it("loses and invents no byte, whatever the chunks, the differences and the escapes", async () => {
		const text = fc
			.array(
				fc.oneof(
					{ weight: 8, arbitrary: fc.constantFrom("QUJD", "AAAA", "x") },
					fc.constantFrom("\\/", '\\"', "é", "\\u0041"),
				),
				{
					maxLength: 60,
				},
			)
			.map((pieces) => pieces.join(""));
		await fc.assert(
			fc.asyncProperty(
				text,
				text,
				text,
				fc.infiniteStream(fc.integer({ min: 1, max: 9 })),
				async (same, old, fresh, sizes) => {
					const earlier = Buffer.from(same + old);
					const given = Buffer.from(same + fresh);
					const { excerpt, kept } = await scan(
						replyWith(given),
						new KnownPayload(new Cursor(earlier, undefined, (at) => now(at * 10 * KIB))),
						() => sizes.next().value as number,
					);
					expect(Buffer.concat([earlier.subarray(0, excerpt.knownBytes), kept]).toString()).toBe(
						given.toString(),
					);
					expect(excerpt.byteLength).toBe(given.length);
				},
			),
			{ numRuns: 400 },
		);
	});

	it("never waits for an end that no window is free for, whatever the lengths and how much is taken at once", async () => {
		for (const length of [1, 511, 512, 513, 1024, 1100, 1536, 1600, 2050, 5000]) {
			const earlier = payload(length * KIB);
			for (const chunkBytes of [7 * KIB, 64 * KIB, 400 * KIB, 700 * KIB]) {
				const known = new KnownPayload(cursorOf(earlier));
				for (let at = 0; at < earlier.length; at += chunkBytes) {
					await known.ready();
					const chunk = earlier.subarray(at, at + chunkBytes);
					expect(known.take(chunk)).toBe(chunk.length);
				}
				known.stop();
			}
		}
	});
});

describe("a payload with a known beginning", () => {
	it.each([
		["awaited", () => false],
		["read at once", () => true],
	])("is kept whole where the earlier one, %s, can't be read", async (_manner, now) => {
		const given = payload(100 * KIB);
		const broken = new Cursor(given, () => Promise.reject(new Error("gone")), now);
		const readNow = broken.readNow.bind(broken);
		broken.readNow = (buffer) => {
			if (now() && buffer.length > 0) throw new Error("gone");
			return readNow(buffer);
		};
		const unread = await scan(replyWith(given), new KnownPayload(broken), () => 9 * KIB);
		expect(unread.excerpt.knownBytes).toBe(0);
		expect(unread.kept.equals(given)).toBe(true);
		expect(broken.closed).toBe(1);
	});

	it("is kept whole where the earlier one comes too late", async () => {
		const now = payload(100 * KIB);

		let read = (): void => undefined;
		const late = new Cursor(
			now,
			() =>
				new Promise((resolve) => {
					read = resolve;
				}),
		);
		const known = new KnownPayload(late);
		expect(known.ready()).not.toBeNull();
		expect(known.take(now)).toBe(0);
		read();
		await expect.poll(() => late.closed).toBe(1);
		expect(known.knownBytes).toBe(0);
	});

	it("makes its sender wait while too little is read ahead, and nobody for nothing", async () => {
		let read = (): void => undefined;
		let reads = 0;
		const pause = () =>
			new Promise<void>((resolve) => {
				reads++;
				read = resolve;
			});
		const cursor = new Cursor(payload(1300 * KIB), pause);
		const known = new KnownPayload(cursor);
		let ready = false;
		void known.ready()?.then(() => {
			ready = true;
		});
		read();
		await expect.poll(() => reads).toBe(2);
		expect(ready).toBe(false);
		read();
		await expect.poll(() => ready).toBe(true);
		expect(known.ready()).toBeNull();
		expect(known.take(payload(400 * KIB))).toBe(400 * KIB);
		expect(known.ready()).not.toBeNull();
		// The third read is not full: it is the end, for which nobody has to wait.
		await expect.poll(() => reads).toBe(3);
		read();
		await expect.poll(() => known.ready()).toBeNull();
		expect(known.take(payload(1300 * KIB).subarray(400 * KIB))).toBe(900 * KIB);
		expect(known.knownBytes).toBe(1300 * KIB);
		await expect.poll(() => cursor.closed).toBe(1);
	});
});
