// What is concluded from what a file says and has: a table over slots, sizes, boots and frames.
import { describe, expect, it } from "vitest";
import { decodeHead, encodeHead, type FileHead, HEAD_BYTES, seedOf } from "../../src/store/files/head.js";
import {
	encodeSlot,
	FRAMES_AT,
	newestSlot,
	type Slot,
	SUCCESSOR_AT,
	slotAt,
} from "../../src/store/files/slots.js";
import { decodeSuccessor, encodeSuccessor } from "../../src/store/files/successor.js";
import { conclude, type Findings, isInDoubt } from "../../src/store/files/verdict.js";

const slot = (changes: Partial<Slot> = {}): Slot => ({
	sequence: 8,
	length: 5000,
	flushed: 3000,
	recordAt: 640,
	createdAt: 1,
	expiresAt: 2,
	lastUsedAt: 3,
	bootTag: 7,
	...changes,
});
const findings = (changes: Partial<Findings> = {}): Findings => ({
	slot: slot(),
	intact: true,
	laterFrame: false,
	size: 5000,
	successorIntact: true,
	sameBoot: true,
	wholeUpTo: null,
	wholeAfter: false,
	...changes,
});
const otherBoot = { sameBoot: false, wholeUpTo: 5000 };

describe("Of a file is stored", () => {
	for (const [what, changes, length, lost] of [
		["what its slot says", {}, 5000, 0],
		["no more than that, whatever stands after it", { size: 90_000 }, 5000, 0],
		["what its only readable slot says, when no later commit has left a frame", { intact: false }, 5000, 0],
		["what another boot has left whole", otherBoot, 5000, 0],
		["what another boot has flushed, whole frames alone", { ...otherBoot, wholeUpTo: 3000 }, 3000, 2000],
		[
			"more than it has flushed, up to the first frame that is not whole",
			{ ...otherBoot, wholeUpTo: 4000 },
			4000,
			1000,
		],
		["the same when the file ends there", { ...otherBoot, wholeUpTo: 4000, size: 4100 }, 4000, 1000],
		[
			"all, unseen, when another boot had flushed it",
			{ sameBoot: false, slot: slot({ flushed: 5000 }) },
			5000,
			0,
		],
	] as const) {
		it(what, () => expect(conclude(findings(changes))).toEqual({ kind: "stored", length, lost }));
	}

	for (const [what, changes] of [
		["neither slot can be read", { slot: null, intact: false }],
		["the slot that can't be read was the newest", { intact: false, laterFrame: true }],
		["what it says of the file after it can't be read", { successorIntact: false }],
		["it is shorter than its slot says", { size: 4999 }],
		[
			"it is shorter, though another boot had flushed it",
			{ sameBoot: false, slot: slot({ flushed: 5000 }), size: 4000 },
		],
		["a frame that another boot had flushed is not whole", { ...otherBoot, wholeUpTo: 2999 }],
		["a frame is not whole, but a later one is", { ...otherBoot, wholeUpTo: 4000, wholeAfter: true }],
		["nobody could tell how far it is whole", { sameBoot: false, wholeUpTo: null }],
	] as const) {
		it(`nothing when ${what}: it is damaged`, () => expect(conclude(findings(changes)).kind).toBe("damaged"));
	}

	it("looked at byte for byte only what another boot left unflushed", () => {
		expect(isInDoubt({ slot: slot(), sameBoot: true })).toBe(false);
		expect(isInDoubt({ slot: slot(), sameBoot: false })).toBe(true);
		expect(isInDoubt({ slot: slot({ flushed: 5000 }), sameBoot: false })).toBe(false);
		expect(isInDoubt({ slot: null, sameBoot: false })).toBe(false);
	});
});

const head: FileHead = {
	kind: "session",
	id: "é".repeat(64),
	epoch: 1_790_000_000_000,
	number: 3,
	order: 1_790_000_000_000_000,
	pin: { epoch: 1_780_000_000_000, number: 1, length: 4711 },
};

describe("A file's first bytes", () => {
	const start = (slots: readonly Slot[]): Buffer => {
		const bytes = Buffer.alloc(FRAMES_AT);
		encodeHead(head).copy(bytes, 0);
		for (const one of slots) encodeSlot(one, seed).copy(bytes, slotAt(one.sequence));
		return bytes;
	};
	const seed = seedOf(encodeHead(head));

	it("are read as they were written", () => {
		expect(decodeHead(start([]))).toEqual(head);
		expect(decodeHead(encodeHead({ ...head, kind: "ledger", pin: null }))).toEqual({
			...head,
			kind: "ledger",
			pin: null,
		});
		expect(newestSlot(start([slot(), slot({ sequence: 9, length: 6000 })]), seed)).toEqual({
			slot: slot({ sequence: 9, length: 6000 }),
			intact: true,
		});
	});

	it("are none when any byte of the head differs", () => {
		for (let at = 0; at < HEAD_BYTES; at++) {
			const bytes = start([]);
			bytes.writeUInt8(bytes.readUInt8(at) ^ 0x10, at);
			expect(decodeHead(bytes), `${at}`).toBeNull();
		}
		expect(decodeHead(Buffer.alloc(0))).toBeNull();
		expect(decodeHead(start([]).subarray(0, HEAD_BYTES - 1))).toBeNull();
	});

	it("tell of a slot in which any byte differs, and of one of another file", () => {
		const whole = start([slot(), slot({ sequence: 9 })]);
		for (let at = HEAD_BYTES; at < SUCCESSOR_AT; at++) {
			const bytes = Buffer.from(whole);
			bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
			const sequence = at < HEAD_BYTES + 64 ? 9 : 8;
			expect(newestSlot(bytes, seed), `${at}`).toEqual({ slot: slot({ sequence }), intact: false });
		}
		expect(newestSlot(whole, seed + 1)).toBeNull();
		expect(newestSlot(Buffer.alloc(FRAMES_AT), seed)).toBeNull();
		// In the other one's place it is none either.
		const swapped = Buffer.alloc(FRAMES_AT);
		whole.copy(swapped, HEAD_BYTES, HEAD_BYTES + 64);
		expect(newestSlot(swapped, seed)).toBeNull();
	});

	it("tell which file goes on from it, and when any byte of that differs", () => {
		const whole = start([slot()]);
		expect(decodeSuccessor(whole, seed)).toBeNull();
		const successor = { epoch: 1_790_000_000_001, number: 4, length: 900, flushed: true, bootTag: 7 };
		for (const flushed of [true, false]) {
			encodeSuccessor({ ...successor, flushed }, seed).copy(whole, SUCCESSOR_AT);
			expect(decodeSuccessor(whole, seed)).toEqual({ ...successor, flushed });
		}
		expect(decodeSuccessor(whole, seed + 1)).toBe("damaged");
		expect(decodeSuccessor(whole.subarray(0, FRAMES_AT - 1), seed)).toBe("damaged");
		for (const base of [whole, start([])]) {
			for (let at = SUCCESSOR_AT; at < FRAMES_AT; at++) {
				const bytes = Buffer.from(base);
				bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
				expect(decodeSuccessor(bytes, seed), `${at}`).toBe("damaged");
			}
		}
	});
});
