// What every store must do, whatever its medium. Called by one test file per implementation.
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { SessionId } from "../../src/base/ids.js";
import type { Obligation, PartCursor, Store, StoreOp } from "../../src/store/store.js";
import { TurnGone } from "../../src/store/store-errors.js";
import {
	append,
	bury,
	bytes,
	header,
	liveIds,
	meta,
	type Parts,
	putSession,
	sha256,
	sid,
	streamed,
	tid,
} from "./values.js";

const TOMBSTONES = 5;
const MIB = 1024 * 1024;

/**
 * @param open opens an empty store that keeps `tombstones` tombstones; the suite closes it
 * @param medium whether what parts share takes room once (a heap counts it for every turn, but holds it once)
 */
export function describeStore(
	name: string,
	open: (tombstones: number) => Promise<Store>,
	medium: "disk" | "heap" = "disk",
): void {
	const room = (disk: number, heap: number) => (medium === "disk" ? disk : heap);
	describe(`${name} keeps the store's rules`, () => {
		let store: Store;
		beforeEach(async () => {
			store = await open(TOMBSTONES);
		});
		afterEach(async () => {
			await store.close();
		});
		const s = sid("one");

		it("answers for an id it never saw with nothing", async () => {
			expect(await store.session(s)).toBeUndefined();
			expect(await store.tombstone(s)).toBeUndefined();
			expect(await store.headers(s)).toEqual([]);
			expect(await liveIds(store)).toEqual([]);
		});

		it("has no part, not even an empty one, of a turn that isn't stored", async () => {
			const expectGone = async (turn: number) => {
				for (const attempt of [
					() => store.part(s, tid(turn), "prompt"),
					() => store.partLength(s, tid(turn), "prompt"),
					() => streamed(store, s, turn, "prompt"),
				]) {
					await expect(attempt()).rejects.toBeInstanceOf(TurnGone);
					await expect(attempt()).rejects.toMatchObject({ code: "session_not_found", status: 404 });
				}
			};
			await expectGone(0);
			await store.commit([putSession(s), append(s, 0)]);
			expect(await store.part(s, tid(0), "prompt")).toEqual(Buffer.alloc(0));
			await expectGone(1);
			await store.commit([append(s, 1), { op: "drop_turn", session: s, turn: tid(0) }]);
			await expectGone(0);
			await store.commit([bury(s)]);
			await expectGone(1);
		});

		for (const [how, change] of [
			["dropped", { op: "drop_turn", session: s, turn: tid(0) }],
			["buried with its session", bury(s)],
		] as const) {
			it(`ends a read of a large part with an error when its turn is ${how} between two pieces`, async () => {
				await store.commit([
					putSession(s),
					append(s, 0, { "payload:0": [bytes(MIB), bytes(MIB, 1), bytes(MIB, 2)] }),
				]);
				const reading = store.streamPart(s, tid(0), "payload:0")[Symbol.asyncIterator]();
				expect((await reading.next()).value?.length).toBeGreaterThan(0);
				await store.commit([change]);
				await expect(reading.next()).rejects.toBeInstanceOf(TurnGone);
			});
		}

		it("reads a large part on when only its turn's header is replaced", async () => {
			const whole = [bytes(MIB), bytes(MIB, 1)];
			await store.commit([putSession(s), append(s, 0, { "payload:0": whole })]);
			const pieces: Buffer[] = [];
			for await (const piece of store.streamPart(s, tid(0), "payload:0")) {
				pieces.push(Buffer.from(piece));
				if (pieces.length > 1) continue;
				await store.commit([{ op: "put_header", session: s, header: header(0, { status: "superseded" }) }]);
			}
			expect(sha256(pieces)).toBe(sha256(whole));
		});

		it("gives back a session exactly as it was put", async () => {
			const wanted = meta(s, { metadataJson: '{"__proto__": {"x": 1e-07}}', head: tid(3) });
			await store.commit([{ op: "put_session", meta: wanted }]);
			expect(await store.session(s)).toEqual(wanted);
			const other = { ...wanted, expiresAt: 77, metadataJson: null };
			await store.commit([{ op: "put_session", meta: other }]);
			expect(await store.session(s)).toEqual(other);
			expect(await liveIds(store)).toEqual(["one"]);
		});

		it("gives back headers in id order and parts byte for byte", async () => {
			const logprobs = bytes(80, 3);
			await store.commit([
				putSession(s),
				append(s, 0, { messages: [Buffer.from('{"a":'), Buffer.from("1}")], logprobs: [logprobs] }),
			]);
			for (let turn = 1; turn < 12; turn++) await store.commit([append(s, turn, { reply: [bytes(turn)] })]);
			const headers = await store.headers(s);
			expect(headers).toEqual(Array.from({ length: 12 }, (_, turn) => header(turn)));
			expect((await store.part(s, tid(0), "messages")).toString()).toBe('{"a":1}');
			expect(await store.part(s, tid(0), "logprobs")).toEqual(logprobs);
			expect(await store.part(s, tid(11), "reply")).toEqual(bytes(11));
			expect(await store.partLength(s, tid(11), "reply")).toBe(11);
			expect(await store.part(s, tid(11), "messages")).toEqual(Buffer.alloc(0));
		});

		it("takes a part without bytes, or of empty pieces, for an empty one", async () => {
			await store.commit([
				putSession(s),
				append(s, 0, { prompt: [], completion: [Buffer.alloc(0), Buffer.alloc(0)] }),
			]);
			for (const part of ["prompt", "completion"] as const) {
				expect(await store.part(s, tid(0), part)).toEqual(Buffer.alloc(0));
				expect(await store.partLength(s, tid(0), part)).toBe(0);
				expect(await streamed(store, s, 0, part)).toEqual([]);
			}
		});

		it("keeps parts of every size around the limits of its layout", async () => {
			const sizes = [1, 4095, 4096, 16_383, 16_384, 16_385, 65_536, 262_143, 262_144, 262_145, MIB + 1];
			await store.commit([putSession(s)]);
			for (const [turn, size] of sizes.entries()) {
				const request = bytes(size, turn);
				await store.commit([append(s, turn, { request: [request], reply: [bytes(size + 1, turn)] })]);
				expect(await store.partLength(s, tid(turn), "request")).toBe(size);
				expect(sha256([await store.part(s, tid(turn), "request")])).toBe(sha256([request]));
				expect(sha256(await streamed(store, s, turn, "reply"))).toBe(sha256([bytes(size + 1, turn)]));
			}
		});

		describe("a part with a base", () => {
			/** Appends a turn whose payload may begin as that of turn `on` does. */
			const onto = (turn: number, on: number, payload: Buffer, more: Parts = {}): StoreOp => {
				const half = Math.floor(payload.length / 3);
				const parts = { ...more, "payload:0": [payload.subarray(0, half), payload.subarray(half)] };
				const bases = new Map([["payload:0", { turn: tid(on), part: "payload:0" }]] as const);
				return { ...append(s, turn, parts), bases } as StoreOp;
			};
			const payloadOf = (turn: number) => store.part(s, tid(turn), "payload:0");
			const expectPayload = async (turn: number, payload: Buffer) => {
				expect((await payloadOf(turn)).equals(payload)).toBe(true);
				expect(sha256(await streamed(store, s, turn, "payload:0"))).toBe(sha256([payload]));
				expect(await store.partLength(s, tid(turn), "payload:0")).toBe(payload.length);
			};
			const drop = (turn: number): StoreOp => ({
				op: "drop_part",
				session: s,
				turn: tid(turn),
				part: "payload:0",
			});

			it("reads as the whole, over many turns, and takes little more room than the longest", async () => {
				const whole = bytes(6 * MIB, 3);
				await store.commit([putSession(s), append(s, 0, { "payload:0": [whole.subarray(0, MIB)] })]);
				for (let turn = 1; turn < 6; turn++) {
					await store.commit([onto(turn, turn - 1, whole.subarray(0, (turn + 1) * MIB - turn))]);
				}
				for (let turn = 1; turn < 6; turn++)
					await expectPayload(turn, whole.subarray(0, (turn + 1) * MIB - turn));
				expect(await store.sizeBytes()).toBeLessThan(room(7 * MIB, 22 * MIB));
			});

			it("is the given bytes, wherever they begin to differ from the base", async () => {
				const base = bytes(300_000, 1);
				await store.commit([putSession(s), append(s, 0, { "payload:0": [base] })]);
				const lengths = [0, 1, 4095, 4096, 16_384, 65_521, 262_144, 299_999, 300_000];
				for (const [index, same] of lengths.entries()) {
					const payload = Buffer.concat([base.subarray(0, same), bytes(50_000, 9)]);
					payload[same] = ~(base[same] ?? 0) & 0xff;
					await store.commit([onto(index + 1, 0, payload)]);
					await expectPayload(index + 1, payload);
				}
				for (const [index, length] of [4096, 20_000, 300_000].entries()) {
					await store.commit([onto(20 + index, 0, base.subarray(0, length))]);
					await expectPayload(20 + index, base.subarray(0, length));
				}
				await expectPayload(0, base);
			});

			it("is compared with the turn that the same commit has put in the base's place", async () => {
				const [before, behind] = [bytes(70_000, 1), bytes(70_000, 2)];
				for (const [at, renewed] of [
					[0, [{ op: "drop_turn", session: s, turn: tid(0) }] as StoreOp[]],
					[1, [bury(s), putSession(s)]],
				] as const) {
					await store.commit([bury(s), putSession(s), append(s, 0, { "payload:0": [before] })]);
					await store.commit([...renewed, append(s, 0, { "payload:0": [behind] }), onto(1, 0, before)]);
					expect((await store.part(s, tid(0), "payload:0")).equals(behind), `${at}`).toBe(true);
					expect((await store.part(s, tid(1), "payload:0")).equals(before), `${at}`).toBe(true);
				}
			});

			it("follows a base that has a base, where each shares less than the one before", async () => {
				const first = bytes(400_000, 1);
				const second = Buffer.concat([first.subarray(0, 250_000), bytes(100_000, 5)]);
				const third = Buffer.concat([second.subarray(0, 200_000), bytes(30_000, 7)]);
				const fourth = Buffer.concat([third, bytes(10, 8)]);
				await store.commit([putSession(s), append(s, 0, { "payload:0": [first] })]);
				await store.commit([onto(1, 0, second)]);
				await store.commit([onto(2, 1, third)]);
				await store.commit([onto(3, 2, fourth)]);
				for (const [turn, payload] of [first, second, third, fourth].entries())
					await expectPayload(turn, payload);
			});

			it("stands whole when the base is not stored, or has no such part", async () => {
				await store.commit([putSession(s), append(s, 0)]);
				await store.commit([onto(1, 0, bytes(70_000))]);
				await store.commit([onto(2, 9, bytes(70_000))]);
				for (const turn of [1, 2]) await expectPayload(turn, bytes(70_000));
			});

			/** Gives only what is behind the first `shared` bytes, which are known to be the base's. */
			const behind = (turn: number, on: number, payload: Buffer, shared: number): StoreOp => {
				const bases = new Map([["payload:0", { turn: tid(on), part: "payload:0", shared }]] as const);
				return { ...append(s, turn, { "payload:0": [payload.subarray(shared)] }), bases } as StoreOp;
			};

			it("reads as the whole when its beginning was never handed in", async () => {
				const whole = bytes(900_000, 4);
				await store.commit([putSession(s), append(s, 0, { "payload:0": [whole.subarray(0, 300_000)] })]);
				await store.commit([behind(1, 0, whole.subarray(0, 600_000), 300_000)]);
				await store.commit([behind(2, 1, whole, 100)]);
				await store.commit([behind(3, 2, whole, 900_000)]);
				await store.commit([behind(4, 3, Buffer.concat([whole.subarray(0, 5), bytes(3, 9)]), 5)]);
				for (const turn of [2, 3]) await expectPayload(turn, whole);
				await expectPayload(4, Buffer.concat([whole.subarray(0, 5), bytes(3, 9)]));
				expect(await store.sizeBytes()).toBeLessThan(room(2 * MIB, 4 * MIB));
			});

			it("is refused when the beginning that was never handed in is gone, or was never there", async () => {
				const whole = bytes(90_000, 4);
				await store.commit([putSession(s), append(s, 0, { "payload:0": [whole.subarray(0, 50_000)] })]);
				for (const op of [behind(1, 0, whole, 50_001), behind(1, 7, whole, 10)]) {
					await expect(store.commit([op])).rejects.toMatchObject({ code: "session_state_conflict" });
				}
				await store.commit([drop(0)]);
				const refused = store.commit([behind(1, 0, whole, 50_000)]);
				await expect(refused).rejects.toMatchObject({ code: "session_state_conflict" });
				expect((await store.headers(s)).map(({ id }) => id)).toEqual([0]);
			});

			it("is read into the caller's memory, however large or small that is", async () => {
				const whole = bytes(500_000, 6);
				await store.commit([putSession(s), append(s, 0, { "payload:0": [whole.subarray(0, 200_000)] })]);
				await store.commit([onto(1, 0, whole.subarray(0, 205_000))]);
				await store.commit([onto(2, 1, whole)]);
				const manners: Array<(cursor: PartCursor, buffer: Buffer, nth: number) => Promise<number>> = [
					(cursor, buffer) => cursor.read(buffer),
					async (cursor, buffer) => cursor.readNow(buffer) ?? cursor.read(buffer),
					// As after a medium turned out to be slow: the one goes on where the other stopped.
					async (cursor, buffer, nth) => (nth < 3 ? cursor.readNow(buffer) : null) ?? cursor.read(buffer),
				];
				for (const manner of manners) {
					for (const size of [7, 4096, 65_536, 1_000_000]) {
						const cursor = store.openPart(s, tid(2), "payload:0");
						const read: Buffer[] = [];
						for (let nth = 0; ; nth++) {
							const buffer = Buffer.alloc(size);
							const filled = await manner(cursor, buffer, nth);
							read.push(buffer.subarray(0, filled));
							if (filled < size) break;
						}
						await cursor.close();
						expect(sha256(read)).toBe(sha256([whole]));
						if (size === 7) expect(read.slice(0, -1).every(({ length }) => length === size)).toBe(true);
					}
				}
				const cursor = store.openPart(s, tid(2), "payload:0");
				expect(await cursor.read(Buffer.alloc(10))).toBe(10);
				await store.commit([bury(s)]);
				await expect(cursor.read(Buffer.alloc(10))).rejects.toBeInstanceOf(TurnGone);
				await cursor.close();
			});

			it("is read at once, as long as nothing says otherwise, up to its end and until it is gone", async () => {
				const whole = bytes(150_000, 6);
				await store.commit([putSession(s), append(s, 0, { "payload:0": [whole.subarray(0, 100_000)] })]);
				await store.commit([onto(1, 0, whole)]);
				/** One that may be read at once: on a busy machine a medium may look slow for a while. */
				const opened = async () => {
					for (;;) {
						const cursor = store.openPart(s, tid(1), "payload:0");
						if (cursor.readNow(Buffer.alloc(0)) === 0) return cursor;
						expect(cursor.readNow(Buffer.alloc(10))).toBeNull();
						await cursor.close();
						await new Promise((resolve) => setImmediate(resolve));
					}
				};
				const cursor = await opened();
				// Asking read nothing.
				const read = Buffer.alloc(150_000);
				expect(cursor.readNow(read.subarray(0, 99_000))).toBe(99_000);
				expect(cursor.readNow(read.subarray(99_000))).toBe(51_000);
				expect(sha256([read])).toBe(sha256([whole]));
				expect(cursor.readNow(Buffer.alloc(10))).toBe(0);
				await cursor.close();
				const gone = await opened();
				expect(gone.readNow(Buffer.alloc(10))).toBe(10);
				await store.commit([bury(s)]);
				expect(() => gone.readNow(Buffer.alloc(10))).toThrow(TurnGone);
				await gone.close();
			});

			it("keeps the turn it begins with from being dropped, and lets the session be buried", async () => {
				await store.commit([putSession(s), append(s, 0, { "payload:0": [bytes(70_000)] })]);
				await store.commit([onto(1, 0, bytes(80_000))]);
				const refused = store.commit([{ op: "drop_turn", session: s, turn: tid(0) }]);
				await expect(refused).rejects.toMatchObject({ code: "session_state_conflict" });
				await expectPayload(1, bytes(80_000));
				await store.commit([{ op: "drop_turn", session: s, turn: tid(1) }]);
				await store.commit([bury(s)]);
				await expect(payloadOf(0)).rejects.toBeInstanceOf(TurnGone);
			});

			it("stays whole when what it begins with is dropped, which then is gone but for its length", async () => {
				const whole = bytes(500_000, 2);
				await store.commit([
					putSession(s),
					append(s, 0, { reply: [bytes(40_000)], "payload:0": [whole.subarray(0, 200_000)] }),
				]);
				await store.commit([onto(1, 0, whole.subarray(0, 350_000), { reply: [bytes(41_000)] })]);
				await store.commit([onto(2, 1, whole), drop(0)]);
				await store.commit([drop(1), drop(1)]);
				await expectPayload(2, whole);
				for (const [turn, length] of [
					[0, 200_000],
					[1, 350_000],
				] as const) {
					await expect(payloadOf(turn)).rejects.toBeInstanceOf(TurnGone);
					await expect(streamed(store, s, turn, "payload:0")).rejects.toBeInstanceOf(TurnGone);
					expect(await store.partLength(s, tid(turn), "payload:0")).toBe(length);
					expect((await store.part(s, tid(turn), "reply")).equals(bytes(40_000 + turn * 1000))).toBe(true);
				}
				await store.commit([onto(3, 1, whole)]);
				await expectPayload(3, whole);
			});

			it("gives the room back of a dropped part that nothing begins with", async () => {
				await store.commit([
					putSession(s),
					append(s, 0, { reply: [bytes(40_000)], "payload:0": [bytes(8 * MIB, 1)] }),
				]);
				await store.commit([append(s, 1, { "payload:0": [bytes(8 * MIB, 2)] })]);
				await store.commit([onto(2, 1, bytes(MIB, 3))]);
				const before = await store.sizeBytes();
				await store.commit([drop(0)]);
				expect(before - (await store.sizeBytes())).toBeGreaterThan(7 * MIB);
				await store.commit([drop(1)]);
				expect(before - (await store.sizeBytes())).toBeGreaterThan(14 * MIB);
				expect((await store.part(s, tid(0), "reply")).equals(bytes(40_000))).toBe(true);
				await expectPayload(2, bytes(MIB, 3));
			});

			it("ends a read with an error when the part is dropped between two pieces", async () => {
				await store.commit([
					putSession(s),
					append(s, 0, { "payload:0": [bytes(MIB), bytes(MIB, 1), bytes(MIB, 2)] }),
				]);
				const reading = store.streamPart(s, tid(0), "payload:0")[Symbol.asyncIterator]();
				expect((await reading.next()).value?.length).toBeGreaterThan(0);
				await store.commit([drop(0)]);
				await expect(reading.next()).rejects.toBeInstanceOf(TurnGone);
			});

			it("refuses to drop a part of a turn that isn't there", async () => {
				await store.commit([putSession(s)]);
				await expect(store.commit([drop(0)])).rejects.toMatchObject({ code: "session_state_conflict" });
			});
		});

		it("keeps several payloads of tens of MiB in thousands of pieces", async () => {
			const pieces = Array.from({ length: 3000 }, (_, index) => bytes(11_000 + (index % 7), index % 11));
			const second = [bytes(20 * MIB, 5)];
			await store.commit([
				putSession(s),
				append(s, 0, { "payload:0": pieces, prompt: [bytes(8)], "payload:1": second }),
			]);
			const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
			expect(await store.partLength(s, tid(0), "payload:0")).toBe(length);
			expect(sha256(await streamed(store, s, 0, "payload:0"))).toBe(sha256(pieces));
			expect(sha256(await streamed(store, s, 0, "payload:1"))).toBe(sha256(second));
			expect(sha256([await store.part(s, tid(0), "payload:1")])).toBe(sha256(second));
			expect(await store.part(s, tid(0), "prompt")).toEqual(bytes(8));
			expect(await store.sizeBytes()).toBeGreaterThan(length + 20 * MIB);
		});

		it("lets a reader of a large part stop early, and two readers share it", async () => {
			await store.commit([putSession(s), append(s, 0, { "payload:0": [bytes(MIB), bytes(MIB, 1)] })]);
			for await (const piece of store.streamPart(s, tid(0), "payload:0")) {
				expect(piece.length).toBeGreaterThan(0);
				break;
			}
			const [left, right] = await Promise.all([
				streamed(store, s, 0, "payload:0"),
				streamed(store, s, 0, "payload:0"),
			]);
			expect(sha256(left)).toBe(sha256([bytes(MIB), bytes(MIB, 1)]));
			expect(sha256(right)).toBe(sha256(left));
		});

		it("gives everything back of a session that it was told to forget, also while it is read and written", async () => {
			store.cool(sid("never"));
			await store.commit([putSession(s), append(s, 0, { prompt: [bytes(9)], "payload:0": [bytes(MIB)] })]);
			const reading = store.streamPart(s, tid(0), "payload:0")[Symbol.asyncIterator]();
			const pieces = [Buffer.from((await reading.next()).value as Buffer)];
			const cursor = store.openPart(s, tid(0), "prompt");
			for (let turn = 1; turn < 4; turn++) {
				store.cool(s);
				const commit = store.commit([
					append(s, turn, { prompt: [bytes(turn)] }),
					putSession(s, { turnCount: turn }),
				]);
				store.cool(s);
				await commit;
				store.cool(s);
				expect((await store.headers(s)).map(({ id }) => id)).toEqual(
					Array.from({ length: turn + 1 }, (_, id) => id),
				);
				store.cool(s);
				expect(await store.part(s, tid(turn), "prompt")).toEqual(bytes(turn));
				store.cool(s);
				expect((await store.session(s))?.turnCount).toBe(turn);
			}
			for (;;) {
				const next = await reading.next();
				if (next.done === true) break;
				pieces.push(Buffer.from(next.value));
			}
			expect(sha256(pieces)).toBe(sha256([bytes(MIB)]));
			const read = Buffer.alloc(20);
			store.cool(s);
			expect(await cursor.read(read)).toBe(9);
			await cursor.close();
			store.cool(s);
			const late = store.openPart(s, tid(0), "prompt");
			expect(late.readNow(read)).toBe(9);
			await late.close();
			await store.commit([{ op: "drop_turn", session: s, turn: tid(3) }]);
			store.cool(s);
			await expect(store.part(s, tid(3), "prompt")).rejects.toBeInstanceOf(TurnGone);
		});

		it("applies all ops of a commit in order", async () => {
			await store.commit([putSession(s), append(s, 0), append(s, 1, { prompt: [bytes(4)] })]);
			await store.commit([
				{ op: "put_header", session: s, header: header(0, { status: "superseded" }) },
				{ op: "drop_turn", session: s, turn: tid(1) },
				append(s, 2, { prompt: [bytes(40_000)] }),
				putSession(s, { head: tid(2), turnCount: 1 }),
			]);
			expect(await store.headers(s)).toEqual([header(0, { status: "superseded" }), header(2)]);
			await expect(store.part(s, tid(1), "prompt")).rejects.toBeInstanceOf(TurnGone);
			expect(await store.part(s, tid(2), "prompt")).toEqual(bytes(40_000));
			expect((await store.session(s))?.head).toBe(2);
		});

		it("keeps the parts of a turn whose header is replaced", async () => {
			await store.commit([putSession(s), append(s, 0, { prompt: [bytes(4)], reply: [bytes(50_000)] })]);
			await store.commit([{ op: "put_header", session: s, header: header(0, { status: "provisional" }) }]);
			expect((await store.headers(s))[0]?.status).toBe("provisional");
			expect(await store.part(s, tid(0), "prompt")).toEqual(bytes(4));
			expect(await store.part(s, tid(0), "reply")).toEqual(bytes(50_000));
		});

		it("keeps nothing of a commit that is refused", async () => {
			await store.commit([putSession(s, { tokenCount: 1 }), append(s, 0, { prompt: [bytes(4)] })]);
			const large = bytes(100_000);
			const refused = [
				[putSession(s, { tokenCount: 2 }), append(s, 1, { reply: [large] }), append(s, 0)],
				[putSession(s, { tokenCount: 2 }), append(s, 1), { op: "drop_turn", session: s, turn: tid(7) }],
				[append(s, 1), { op: "put_header", session: s, header: header(9) }],
				[bury(s), append(s, 1)],
				[append(s, 1), append(s, 1)],
			] as const;
			for (const ops of refused) {
				await expect(store.commit(ops)).rejects.toMatchObject({ code: "session_state_conflict" });
				expect(await store.session(s)).toEqual(meta(s, { tokenCount: 1 }));
				expect(await store.headers(s)).toEqual([header(0)]);
				expect(await store.part(s, tid(0), "prompt")).toEqual(bytes(4));
				expect(await store.tombstone(s)).toBeUndefined();
			}
			await store.commit([append(s, 1)]);
			expect(await store.headers(s)).toEqual([header(0), header(1)]);
		});

		it("refuses turns of a session that isn't there", async () => {
			for (const op of [
				append(s, 0),
				{ op: "put_header", session: s, header: header(0) },
				{ op: "drop_turn", session: s, turn: tid(0) },
			] as const) {
				await expect(store.commit([op])).rejects.toMatchObject({ code: "session_state_conflict" });
			}
			expect(await liveIds(store)).toEqual([]);
		});

		it("refuses a commit about two sessions, and takes an empty one for nothing", async () => {
			await expect(store.commit([putSession(s), putSession(sid("two"))])).rejects.toThrow(/two sessions/);
			expect(await liveIds(store)).toEqual([]);
			await store.commit([]);
		});

		it("buries a session with every part, so that nothing of it is left under its id", async () => {
			const near = [sid("on"), sid("one-"), sid("one.1"), sid("onf")];
			for (const id of [s, ...near]) {
				await store.commit([putSession(id), append(id, 0, { prompt: [bytes(9)], reply: [bytes(70_000)] })]);
			}
			await store.commit([append(s, 1, { "payload:0": [bytes(70_000)] })]);
			await store.commit([bury(s)]);
			expect(await store.session(s)).toBeUndefined();
			expect(await store.headers(s)).toEqual([]);
			expect(await store.tombstone(s)).toEqual({ id: s, reason: "deleted", at: 9.5 });
			await store.commit([putSession(s), append(s, 1)]);
			expect(await store.headers(s)).toEqual([header(1)]);
			await expect(store.part(s, tid(0), "prompt")).rejects.toBeInstanceOf(TurnGone);
			expect(await store.part(s, tid(1), "payload:0")).toEqual(Buffer.alloc(0));
			for (const id of near) {
				expect(await store.part(id, tid(0), "prompt")).toEqual(bytes(9));
				expect(await store.part(id, tid(0), "reply")).toEqual(bytes(70_000));
			}
		});

		it("buries what the same commit has added, and an id that was never live", async () => {
			await store.commit([putSession(s), append(s, 0, { reply: [bytes(70_000)] }), bury(s)]);
			expect(await liveIds(store)).toEqual([]);
			expect(await store.headers(s)).toEqual([]);
			expect(await store.tombstone(s)).toBeDefined();
			await store.commit([bury(sid("never"), 4)]);
			expect((await store.tombstone(sid("never")))?.at).toBe(4);
		});

		it("keeps the most recent tombstones, oldest out first, in the order of burying", async () => {
			for (let index = 0; index < 8; index++) await store.commit([bury(sid(`t${index}`), 100 - index)]);
			const kept = async () => {
				const ids: string[] = [];
				for (let index = 0; index < 10; index++) {
					if ((await store.tombstone(sid(`t${index}`))) !== undefined) ids.push(`t${index}`);
				}
				return ids;
			};
			expect(await kept()).toEqual(["t3", "t4", "t5", "t6", "t7"]);
			await store.commit([bury(sid("t3"), 1)]);
			await store.commit([bury(sid("t8"), 1)]);
			await store.commit([bury(sid("t9"), 1)]);
			expect(await kept()).toEqual(["t3", "t6", "t7", "t8", "t9"]);
		});

		describe("an obligation", () => {
			const owe = (session: SessionId, resource: string, handleJson = "{}"): StoreOp => ({
				op: "put_obligation",
				session,
				resource,
				handleJson,
			});
			const settle = (session: SessionId, resource: string): StoreOp => ({
				op: "settle_obligation",
				session,
				resource,
			});
			const stale = { code: "session_state_conflict", status: 409 };
			const all = async () => {
				const found: Obligation[] = [];
				for await (const obligation of store.obligations()) found.push(obligation);
				return found.sort((left, right) => (keyOf(left) < keyOf(right) ? -1 : 1));
			};
			const keyOf = ({ session, resource }: Obligation) => `${session} ${resource}`;

			it("stays as it was put, beside others, until it is settled, which may be said twice", async () => {
				expect(await all()).toEqual([]);
				await store.commit([putSession(s), owe(s, "box", '{"é": 1}'), owe(s, "bag")]);
				await store.commit([putSession(sid("one.more")), owe(sid("one.more"), "box", "2")]);
				const box = { session: s, resource: "box", handleJson: '{"é": 1}', ended: false };
				const bag = { session: s, resource: "bag", handleJson: "{}", ended: false };
				const others = { session: sid("one.more"), resource: "box", handleJson: "2", ended: false };
				expect(await all()).toEqual([bag, box, others]);
				expect(await store.obligationsOf(sid("one.more"))).toEqual([others]);
				await store.commit([putSession(s, { tokenCount: 3 }), append(s, 0)]);
				await store.commit([settle(s, "bag"), settle(s, "bag")]);
				await store.commit([settle(s, "bag")]);
				expect(await store.obligationsOf(s)).toEqual([box]);
				expect(await store.headers(s)).toEqual([header(0)]);
				await store.commit([settle(s, "box"), owe(s, "box", "again")]);
				expect(await store.obligationsOf(s)).toEqual([{ ...box, handleJson: "again" }]);
			});

			it("outlives its session's burial, marked as ended, and is settled without one", async () => {
				await store.commit([putSession(s), owe(s, "box", "1"), owe(s, "bag", "2")]);
				await store.commit([bury(s)]);
				expect(await all()).toEqual([
					{ session: s, resource: "bag", handleJson: "2", ended: true },
					{ session: s, resource: "box", handleJson: "1", ended: true },
				]);
				await store.commit([settle(s, "bag")]);
				expect((await store.obligationsOf(s)).map(({ resource }) => resource)).toEqual(["box"]);
				expect(await store.tombstone(s)).toEqual({ id: s, reason: "deleted", at: 9.5 });
				expect(await store.session(s)).toBeUndefined();
			});

			it("of a buried session keeps its place when the id is put again, and a new one out of it", async () => {
				await store.commit([putSession(s), owe(s, "box", "old")]);
				await store.commit([bury(s), putSession(s)]);
				const old = [{ session: s, resource: "box", handleJson: "old", ended: true }];
				expect(await store.obligationsOf(s)).toEqual(old);
				await expect(store.commit([owe(s, "box", "new")])).rejects.toMatchObject(stale);
				expect(await store.obligationsOf(s)).toEqual(old);
				await store.commit([settle(s, "box"), owe(s, "box", "new")]);
				expect(await store.obligationsOf(s)).toEqual([
					{ session: s, resource: "box", handleJson: "new", ended: false },
				]);
			});

			it("is refused with its whole commit where there is no session, or one of that resource already", async () => {
				await expect(store.commit([owe(s, "box")])).rejects.toMatchObject(stale);
				await store.commit([putSession(s), owe(s, "box", "first")]);
				const twice = store.commit([
					putSession(s, { tokenCount: 9 }),
					owe(s, "bag"),
					owe(s, "box", "second"),
				]);
				await expect(twice).rejects.toMatchObject(stale);
				expect((await store.session(s))?.tokenCount).toBe(0);
				expect(await all()).toEqual([{ session: s, resource: "box", handleJson: "first", ended: false }]);
			});

			it("that the burying commit itself has put or settled is gone, and one that it only found is not", async () => {
				await store.commit([putSession(s), owe(s, "found"), owe(s, "settled"), owe(s, "replaced", "1")]);
				await store.commit([
					owe(s, "put"),
					settle(s, "settled"),
					settle(s, "replaced"),
					owe(s, "replaced", "2"),
					bury(s),
				]);
				expect(await all()).toEqual([{ session: s, resource: "found", handleJson: "{}", ended: true }]);
				await store.commit([bury(s)]);
				expect((await all()).length).toBe(1);
			});
		});

		it("takes a tombstone away when its id is put again", async () => {
			await store.commit([bury(s)]);
			await store.commit([putSession(s)]);
			expect(await store.tombstone(s)).toBeUndefined();
			for (let index = 0; index < TOMBSTONES; index++) await store.commit([bury(sid(`t${index}`))]);
			expect(await store.tombstone(sid("t0"))).toBeDefined();
		});

		it("tells ids of every allowed form apart", async () => {
			const ids = [
				"a",
				"a.",
				"a..b",
				"A",
				"_",
				"-",
				"9",
				"a".repeat(128),
				`${"a".repeat(127)}b`,
				"a0",
				"a-0",
			];
			for (const [index, id] of ids.entries()) {
				await store.commit([putSession(sid(id)), append(sid(id), 0, { prompt: [bytes(10, index)] })]);
			}
			expect(await liveIds(store)).toEqual([...ids].sort());
			for (const [index, id] of ids.entries()) {
				expect(await store.part(sid(id), tid(0), "prompt")).toEqual(bytes(10, index));
				expect(await store.headers(sid(id))).toHaveLength(1);
			}
		});

		it("isn't reached by later changes of metas, headers and tombstones that it was given or gave", async () => {
			const given = meta(s);
			const turn = header(0);
			const tombstone = { id: sid("gone"), reason: "deleted" as const, at: 1 };
			await store.commit([
				{ op: "put_session", meta: given },
				{ op: "append_turn", session: s, header: turn, parts: new Map() },
			]);
			await store.commit([{ op: "bury", tombstone }]);
			given.tokenCount = 99;
			turn.requestHoles.messages = 99;
			tombstone.at = 99;
			const read = await store.session(s);
			const [readTurn] = await store.headers(s);
			const readTombstone = await store.tombstone(sid("gone"));
			if (read === undefined || readTurn === undefined || readTombstone === undefined)
				throw new Error("lost");
			read.tokenCount = 98;
			readTurn.requestHoles.messages = 98;
			readTombstone.at = 98;
			expect(await store.session(s)).toEqual(meta(s));
			expect(await store.headers(s)).toEqual([header(0)]);
			expect((await store.tombstone(sid("gone")))?.at).toBe(1);
		});

		it("gives the caller bytes of its own", async () => {
			await store.commit([putSession(s), append(s, 0, { prompt: [bytes(64)], reply: [bytes(40_000)] })]);
			for (const part of ["prompt", "reply"] as const) {
				const length = await store.partLength(s, tid(0), part);
				const first = await store.part(s, tid(0), part);
				await store.part(s, tid(0), part === "prompt" ? "reply" : "prompt");
				expect(first).toEqual(bytes(length));
				first.fill(0);
				expect(await store.part(s, tid(0), part)).toEqual(bytes(length));
			}
		});

		it("what was given is the caller's again after the commit, unless the store keeps it", async () => {
			if (store.keepsGiven) return;
			const given: Buffer[] = [];
			const mine = (length: number, seed: number) => {
				given.push(bytes(length, seed));
				return given.at(-1) as Buffer;
			};
			const sizes = [300, 70_000, 600_000, 9 * MIB];
			await store.commit([putSession(s)]);
			for (const [turn, size] of sizes.entries()) {
				await store.commit([
					append(s, turn, { reply: [mine(size, turn)], "payload:0": [mine(size, turn + 50)] }),
				]);
				for (const buffer of given) buffer.fill(0x21);
			}
			for (const [turn, size] of sizes.entries()) {
				expect((await store.part(s, tid(turn), "reply")).equals(bytes(size, turn))).toBe(true);
				const payload = await streamed(store, s, turn, "payload:0");
				expect(sha256([payload].flat())).toBe(sha256([bytes(size, turn + 50)]));
			}
		});

		it("commits of one session take effect in the order they were called, many at once", async () => {
			const commits = [store.commit([putSession(s)])];
			for (let turn = 0; turn < 100; turn++) {
				const size = turn % 3 === 0 ? 30_000 : 30;
				commits.push(
					store.commit([
						append(s, turn, { reply: [bytes(size, turn)] }),
						putSession(s, { tokenCount: turn }),
					]),
				);
			}
			await Promise.all(commits);
			expect((await store.session(s))?.tokenCount).toBe(99);
			expect(await store.headers(s)).toHaveLength(100);
		});

		it("commits of a thousand sessions at once are all there when they resolve", async () => {
			await Promise.all(
				Array.from({ length: 1000 }, async (_, index) => {
					const id = sid(`many-${index}`);
					await store.commit([putSession(id), append(id, 0, { reply: [bytes(200, index)] })]);
					expect((await store.session(id))?.id).toBe(id);
					expect(await store.part(id, tid(0), "reply")).toEqual(bytes(200, index));
					if (index % 2 === 0) await store.commit([append(id, 1), putSession(id, { head: tid(1) })]);
				}),
			);
			expect(await liveIds(store)).toHaveLength(1000);
			expect(await store.headers(sid("many-10"))).toHaveLength(2);
			expect(await store.headers(sid("many-11"))).toHaveLength(1);
		});

		it("goes on after a refused commit among others in flight", async () => {
			const outcomes = await Promise.allSettled([
				store.commit([putSession(s)]),
				store.commit([append(s, 0)]),
				store.commit([append(s, 0)]),
				store.commit([append(s, 1)]),
				store.commit([append(sid("absent"), 0)]),
			]);
			expect(outcomes.map((outcome) => outcome.status)).toEqual([
				"fulfilled",
				"fulfilled",
				"rejected",
				"fulfilled",
				"rejected",
			]);
			expect(await store.headers(s)).toEqual([header(0), header(1)]);
		});

		it("lists sessions while they come and go", async () => {
			for (let index = 0; index < 600; index++) await store.commit([putSession(sid(`l${index}`))]);
			let seen = 0;
			for await (const found of store.sessions()) {
				seen++;
				if (seen % 50 === 0) await store.commit([bury(found.id)]);
			}
			expect(seen).toBe(600);
			expect(await liveIds(store)).toHaveLength(588);
		});

		it("refuses everything once it is closed", async () => {
			await store.commit([putSession(s)]);
			await store.close();
			await expect(store.session(s)).rejects.toMatchObject({ code: "worker_unavailable" });
			await expect(store.commit([putSession(s)])).rejects.toMatchObject({ code: "worker_unavailable" });
		});
	});
}
