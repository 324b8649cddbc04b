// One session's export from a data dir that is written meanwhile: what is written out is one moment of it.
import { afterEach, beforeEach, expect, test } from "vitest";
import type { TurnId } from "../../src/base/ids.js";
import { exportSession, type Outcome } from "../../src/export/session-export.js";
import { pathTo } from "../../src/session/path/path-state.js";
import { openDiskReader } from "../../src/store/disk/reader.js";
import type { ReadableStore, Store, StoreOp } from "../../src/store/store.js";
import { append, bury, bytes, putSession, sid, tid } from "../store/values.js";
import { createDiskDir, type DiskDir } from "../support/disk-dir.js";

const id = sid("one");
let dir: DiskDir;
let owner: Store;
let reader: ReadableStore;
beforeEach(async () => {
	dir = await createDiskDir();
	owner = await dir.open();
	await owner.commit([
		putSession(id, { head: tid(1), nextTurn: tid(2), turnCount: 2 }),
		append(id, 0, { reply: [bytes(300_000)] }),
		append(id, 1, { reply: [bytes(300_000, 1)] }),
	]);
	reader = await openDiskReader({
		dataDir: dir.path,
		onPartitionRefused: (_partition, reason) => {
			throw new Error(reason);
		},
	});
});
afterEach(async () => {
	await reader.close();
	await owner.close();
	await dir.remove();
});

/** Exports the ids of the head's path and the length of its last reply; the owner commits in the middle of the first try. */
async function exportBeside(ops: readonly StoreOp[]): Promise<[Outcome, string[]]> {
	const written: string[] = [];
	let tries = 0;
	const outcome = await exportSession(
		reader,
		id,
		async function* (session) {
			if (tries++ === 0) await owner.commit(ops);
			const path = pathTo(await session.headers(), session.meta.head).map((turn): TurnId => turn.id);
			const reply = await reader.part(id, path.at(-1) as TurnId, "reply");
			yield Buffer.from(`${path.join()} ${reply.length}`);
		},
		{
			begin: async () => {
				written.length = 0;
				return {
					write: async (chunk) => void written.push(Buffer.from(chunk).toString()),
					keep: async () => undefined,
					drop: async () => undefined,
				};
			},
			finish: async () => undefined,
			abandon: async () => undefined,
			bytes: () => 0,
		},
	);
	return [outcome, written];
}

test("a turn that is committed meanwhile is not in it, nor named by what is", async () => {
	const later = [append(id, 2), putSession(id, { head: tid(2), nextTurn: tid(3), turnCount: 3 })];
	expect(await exportBeside(later)).toEqual([{ kind: "done", turns: 2 }, ["0,1 300000"]]);
});

test("a turn that is dropped meanwhile is not in it: the session is read again", async () => {
	const renewed: StoreOp[] = [
		{ op: "drop_turn", session: id, turn: tid(1) },
		{
			...(append(id, 2, { reply: [bytes(5)] }) as Extract<StoreOp, { op: "append_turn" }>),
			header: { ...(await owner.headers(id))[1], id: tid(2) } as never,
		},
		putSession(id, { head: tid(2), nextTurn: tid(3), turnCount: 2 }),
	];
	expect(await exportBeside(renewed)).toEqual([{ kind: "done", turns: 2 }, ["0,2 5"]]);
});

test("a session that is deleted meanwhile is gone", async () => {
	expect((await exportBeside([bury(id)]))[0]).toEqual({ kind: "gone" });
});
