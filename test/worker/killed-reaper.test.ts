// A worker that dies while it removes an expired session: its successor finishes that, once.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { WorkerIndex } from "../../src/base/ids.js";
import { PartitionMap } from "../../src/base/partitions.js";
import { prepareDataDir } from "../../src/data-dir/data-dir.js";
import { openDiskStore } from "../../src/store/disk/store.js";
import { type CompiledFixture, compileFixture } from "../support/compiled-fixture.js";
import { within } from "../support/wait.js";
import { startRig, TOY_CHECKPOINT, type WorkerRig } from "../support/worker-rig.js";

const TTL_S = 600;
/** By its clock every deadline of the sessions is over, so it reaps them as it starts. */
const AHEAD_S = 3600;
const TURNS = 3;

let dir: string;
let dataDir: string;
let fixture: CompiledFixture;
let rig: WorkerRig;
let epoch = 0;
const openStore = () => {
	epoch++;
	return openDiskStore({
		dataDir,
		workerIndex: 0 as WorkerIndex,
		partitions: new PartitionMap(1),
		durability: "process",
		tombstones: 100,
		epoch,
	});
};
beforeAll(async () => {
	dir = mkdtempSync(join(tmpdir(), "rollpin-reaper-"));
	dataDir = join(dir, "data");
	fixture = compileFixture("dying-worker");
	await (await prepareDataDir(dataDir)).release();
	rig = await startRig({}, openStore);
}, 60_000);
afterAll(async () => {
	await rig.close();
	await fixture.remove();
	rmSync(dir, { recursive: true, force: true });
});

/** Files of the session's turns, over all partitions. */
const filesLeft = () =>
	readdirSync(join(dataDir, "partitions"), { recursive: true, withFileTypes: true }).filter(
		(entry) => entry.isFile() && entry.parentPath.endsWith("sessions"),
	).length;

async function play(id: string): Promise<void> {
	const messages: unknown[] = [];
	for (let turn = 0; turn < TURNS; turn++) {
		messages.push({ role: "user", content: `${turn} `.repeat(20_000) });
		const reply = await rig.chat(id, { model: "m", max_tokens: 8, messages });
		expect(reply.status).toBe(200);
		messages.push(reply.json.choices[0]?.message);
		// Each worker begins a file of its own.
		if (turn < TURNS - 1) await rig.restart();
	}
}

/** A worker over the same data dir that reaps what is over by its clock, and dies with so many files removed. */
async function dieReaping(removed: number): Promise<void> {
	epoch++;
	const socketPath = join(dir, `dying-${epoch}.sock`);
	const args = [fixture.path, dataDir, `${epoch}`, rig.engineUrl, TOY_CHECKPOINT, socketPath];
	const child = spawn(process.execPath, [...args, `removed:${removed}`, `${AHEAD_S}`], { stdio: "inherit" });
	expect(await within("its death", 20_000, once(child, "exit"))).toEqual([null, "SIGKILL"]);
}

test.each([0, 1, TURNS - 1])(
	"between the tombstone and the purge (%s files removed) leaves a removal that its successor finishes, once",
	async (removed) => {
		const id = await rig.create({ ttl_seconds: TTL_S });
		await play(id);
		await rig.worker.drain(0);
		const files = filesLeft();
		expect(files).toBe(TURNS);
		await dieReaping(removed);
		expect(filesLeft()).toBe(files - removed);

		await rig.restart();
		expect(filesLeft()).toBe(0);
		const gone = await rig.request("GET", `/sessions/${id}`);
		expect([gone.status, gone.json.error?.code]).toEqual([404, "session_expired"]);
		const late = await rig.chat(id, { model: "m", messages: [{ role: "user", content: "late" }] });
		expect([late.status, late.json.error?.code]).toEqual([404, "session_expired"]);
		expect((await rig.request("GET", "/sessions")).json.sessions).toEqual([]);
		const tombstone = await rig.store.tombstone(id as Parameters<typeof rig.store.tombstone>[0]);
		expect(tombstone?.reason).toBe("expired");

		// Nobody removes it a second time: not this worker, and not the next one.
		await rig.restart();
		expect(rig.events.filter(({ event }) => event === "session_reaped")).toEqual([]);
		expect(await rig.store.tombstone(id as Parameters<typeof rig.store.tombstone>[0])).toEqual(tombstone);
		expect(filesLeft()).toBe(0);
	},
	60_000,
);
