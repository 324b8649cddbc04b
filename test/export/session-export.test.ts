// One session's export from a store that is written meanwhile: what was read at two moments is read again, never written.
import { expect, test } from "vitest";
import type { TurnId } from "../../src/base/ids.js";
import { exportSession } from "../../src/export/session-export.js";
import { pathTo } from "../../src/session/path/path-state.js";
import { createMemoryStore } from "../../src/store/memory/memory-store.js";
import { append, putSession, sid, tid } from "../store/values.js";

test("turns that are read without the newest one, which the session names, are read again", async () => {
	const id = sid("one");
	const store = createMemoryStore({ tombstones: 1 });
	await store.commit([
		putSession(id, { head: tid(1), nextTurn: tid(2), turnCount: 2 }),
		append(id, 0),
		append(id, 1),
	]);
	const whole = store.headers.bind(store);
	let reads = 0;
	store.headers = async (of) => {
		const headers = await whole(of);
		return reads++ === 0 ? headers.filter((header) => header.id !== 1) : headers;
	};
	const written: string[] = [];
	const outcome = await exportSession(
		store,
		id,
		async function* (session) {
			yield Buffer.from(
				pathTo(await session.headers(), session.meta.head)
					.map((turn): TurnId => turn.id)
					.join(),
			);
		},
		{
			begin: async () => ({
				write: async (chunk) => void written.push(Buffer.from(chunk).toString()),
				keep: async () => undefined,
				drop: async () => undefined,
			}),
			finish: async () => undefined,
			abandon: async () => undefined,
			bytes: () => 0,
		},
	);
	expect([outcome, written]).toEqual([{ kind: "done", turns: 2 }, ["0,1"]]);
	await store.close();
});
