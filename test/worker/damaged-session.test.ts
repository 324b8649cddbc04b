// A session whose file was damaged while nobody ran: refused on every route, beside others, until it is deleted or over.
import { readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { systemClock } from "../../src/base/clock.js";
import type { SessionId } from "../../src/base/ids.js";
import { partitionOf } from "../../src/base/partitions.js";
import { createDiskDir, type DiskDir } from "../support/disk-dir.js";
import { type Reply, startRig, type WorkerRig } from "../support/worker-rig.js";

let dir: DiskDir;
let rig: WorkerRig;
let aheadS = 0;
beforeAll(async () => {
	dir = await createDiskDir();
	const clock = {
		nowS: () => systemClock.nowS() + aheadS,
		monotonicMs: () => systemClock.monotonicMs() + aheadS * 1000,
	};
	rig = await startRig({ sessionTtlS: 1000 }, () => dir.open(), undefined, clock);
});
afterAll(async () => {
	await rig.close();
	await dir.remove();
});

const path = (id: string) =>
	dir.sessionFiles(partitionOf(id as SessionId)).find((name) => name.includes(`/${id}.`)) ?? "";
const said = ({ status, json }: Reply) => [status, json.error?.code];

async function play(id: string, turns: number): Promise<unknown[]> {
	const messages: unknown[] = [];
	for (let turn = 0; turn < turns; turn++) {
		messages.push({ role: "user", content: `turn ${turn}` });
		const reply = await rig.chat(id, { model: "m", max_tokens: 8, messages });
		expect(reply.status).toBe(200);
		messages.push(reply.json.choices[0]?.message);
	}
	return [...messages, { role: "user", content: "more" }];
}

const flipInAnAnswer = (file: string) => {
	const content = readFileSync(file);
	const at = content.indexOf('"assistant"');
	expect(at).toBeGreaterThan(0);
	content.writeUInt8(content.readUInt8(at) ^ 1, at);
	writeFileSync(file, content);
};

test.each([
	["cut by a byte", (file: string) => truncateSync(file, statSync(file).size - 1)],
	["emptied", (file: string) => truncateSync(file, 0)],
	["changed in a bit", flipInAnAnswer],
] as const)(
	"(its file was %s) is refused by chat, reads and samples; DELETE takes it away",
	async (what, harm) => {
		const [id, other] = [await rig.create(), await rig.create()];
		const next = await play(id, 3);
		const othersNext = await play(other, 2);
		await rig.restart();
		await rig.store.close();
		const file = path(id);
		harm(file);
		await rig.restart();
		// An answer that has begun when the damage is met is broken off.
		const get = await rig.request("GET", `/sessions/${id}`).catch(() => null);
		if (get === null) expect(what).toBe("changed in a bit");
		else expect(said(get), what).toEqual([500, "store_damaged"]);
		expect(said(await rig.chat(id, { model: "m", messages: next }))).toEqual([500, "store_damaged"]);
		expect(said(await rig.chat(id, { model: "m", messages: next.slice(-1) }))).toEqual([
			500,
			"store_damaged",
		]);
		expect(said(await rig.request("POST", `/sessions/${id}/samples`, {}))).toEqual([500, "store_damaged"]);
		expect((await rig.chat(other, { model: "m", max_tokens: 8, messages: othersNext })).status).toBe(200);
		expect((await rig.request("DELETE", `/sessions/${id}`)).status).toBe(204);
		expect(said(await rig.request("GET", `/sessions/${id}`))).toEqual([404, "session_deleted"]);
		expect(path(id)).toBe("");
	},
);

test("ends at its deadline by itself, as long as its slots can be read", async () => {
	const id = await rig.create();
	await play(id, 3);
	await rig.store.close();
	truncateSync(path(id), statSync(path(id)).size - 1);
	await rig.restart();
	expect(said(await rig.request("GET", `/sessions/${id}`))).toEqual([500, "store_damaged"]);
	await rig.worker.drain(0);
	aheadS = 2000;
	await rig.restart();
	expect(said(await rig.request("GET", `/sessions/${id}`))).toEqual([404, "session_expired"]);
	expect(path(id)).toBe("");
});
