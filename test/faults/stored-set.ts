// A data dir with sessions of every kind (branches, shared payloads, several owners' files, rewrites, none at all, deleted ones), and
// what is stored of each, as it was read when all was whole.
import { createHash } from "node:crypto";
import type { SessionId } from "../../src/base/ids.js";
import type { PartName, ReadableStore, Store, StoreOp } from "../../src/store/store.js";
import { append, bury, bytes, header, putSession, sid, tid } from "../store/values.js";
import { createDiskDir, type DiskDir } from "../support/disk-dir.js";
import { Chance } from "./random.js";

/** What a reader is told of a session, to be compared as text: meta, headers, and a hash of each part. */
export type Told = string;

export interface StoredSet {
	dir: DiskDir;
	sessions: ReadonlyMap<SessionId, Told>;
	deleted: readonly SessionId[];
}

const PARTITIONS_USED = 16;
const OWNERS = 3;

export async function makeStoredSet(count: number): Promise<StoredSet> {
	const dir = await createDiskDir(10_000);
	const chance = new Chance(count);
	const ids = Array.from({ length: count }, (_, index) => {
		const partition = (index % PARTITIONS_USED).toString(16).padStart(2, "0");
		// Some of which the files' names are a hash.
		return index % 9 === 8
			? sid(`Agent.${index}`)
			: sid(`${partition}${index.toString(16).padStart(30, "0")}`);
	});
	const turns = new Map<SessionId, number>();
	const deleted: SessionId[] = [];
	for (let owner = 0; owner < OWNERS; owner++) {
		const store = await dir.open();
		for (const [index, id] of ids.entries()) {
			const kind = index % 5;
			const known = turns.get(id);
			if (known === undefined) await store.commit([putSession(id)]);
			else if (chance.next() < 0.3) continue;
			let turn = known ?? 0;
			// One in ten never gets a turn.
			const more = index % 10 === 9 ? 0 : chance.integer(1, 3);
			for (let added = 0; added < more; added++, turn++) await store.commit(turnOf(id, turn, kind, chance));
			turns.set(id, turn);
			if (kind === 4 && turn > 1 && index % 2 === 0) {
				await store.commit([{ op: "drop_part", session: id, turn: tid(0), part: "reply" }]);
			}
			if (index % 17 !== 16 || owner !== OWNERS - 2) continue;
			await store.commit([bury(id)]);
			deleted.push(id);
			turns.delete(id);
		}
		await store.close();
	}
	const store = await dir.open();
	// Ended again after it was begun anew, by chance.
	for (const id of deleted) if ((await store.session(id)) !== undefined) await store.commit([bury(id)]);
	const sessions = new Map<SessionId, Told>();
	for (const id of ids) if (!deleted.includes(id)) sessions.set(id, (await tell(store, id)) ?? "");
	await store.close();
	return { dir, sessions, deleted };
}

function turnOf(id: SessionId, turn: number, kind: number, chance: Chance): StoreOp[] {
	const meta = putSession(id, { turnCount: turn + 1 });
	const parts = {
		prompt: [bytes(chance.integer(0, 3000), chance.integer(0, 99))],
		reply: [bytes(chance.integer(1, 4000), chance.integer(0, 99))],
	};
	const plain = append(id, turn, parts) as Extract<StoreOp, { op: "append_turn" }>;
	// Branches: each second turn goes on from the first one.
	if (kind === 1)
		return [
			{ ...plain, header: header(turn, { parent: turn === 0 ? null : tid(turn % 2 === 0 ? 0 : turn - 1) }) },
			meta,
		];
	if (kind !== 2 && kind !== 4) return [plain, meta];
	const whole = bytes(140_000, 7).subarray(0, 90_000 + 8000 * Math.min(turn, 6));
	const payload = new Map([...plain.parts, ["payload:0" as PartName, [whole]]]);
	const bases =
		turn === 0
			? {}
			: {
					bases: new Map([["payload:0" as PartName, { turn: tid(turn - 1), part: "payload:0" as PartName }]]),
				};
	return [{ ...plain, parts: payload, ...bases }, meta];
}

const PARTS: readonly PartName[] = ["prompt", "reply", "payload:0"];

/** Undefined: there is no such session. @throws RollpinError when it is refused */
export async function tell(store: ReadableStore | Store, id: SessionId): Promise<Told | undefined> {
	const meta = await store.session(id);
	if (meta === undefined) return undefined;
	const headers = await store.headers(id);
	const parts: string[] = [];
	for (const { id: turn } of headers) {
		for (const part of PARTS) {
			const content = await store.part(id, turn, part).catch((error: { code?: string }) => {
				if (error.code === "session_not_found") return null;
				throw error;
			});
			parts.push(content === null ? "dropped" : createHash("sha1").update(content).digest("base64"));
		}
	}
	return JSON.stringify({ meta, headers, parts });
}
