// A worker that dies between the commit of a turn and its answer: the repeated request gets that turn, not a second one.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "undici";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { WorkerIndex } from "../../src/base/ids.js";
import { PartitionMap } from "../../src/base/partitions.js";
import { prepareDataDir } from "../../src/data-dir/data-dir.js";
import { openDiskStore } from "../../src/store/disk/store.js";
import { type CompiledFixture, compileFixture } from "../support/compiled-fixture.js";
import { within } from "../support/wait.js";
import { startRig, TOY_CHECKPOINT, type WorkerRig } from "../support/worker-rig.js";

let dir: string;
let fixture: CompiledFixture;
let rig: WorkerRig;
beforeAll(async () => {
	dir = mkdtempSync(join(tmpdir(), "rollpin-killed-"));
	fixture = compileFixture("dying-worker");
	const dataDir = await prepareDataDir(join(dir, "data"));
	await dataDir.release();
	let epoch = 10;
	rig = await startRig({}, () => {
		epoch += 10;
		return openDiskStore({
			dataDir: join(dir, "data"),
			workerIndex: 0 as WorkerIndex,
			partitions: new PartitionMap(1),
			durability: "process",
			tombstones: 100,
			epoch,
		});
	});
}, 60_000);
afterAll(async () => {
	await rig.close();
	await fixture.remove();
	rmSync(dir, { recursive: true, force: true });
});

const CHAT = { model: "m", max_tokens: 12 };

test("the turn is there once, and the same Idempotency-Key gets it: the engine generated once", async () => {
	const id = await rig.create();
	const first = await rig.chat(id, { ...CHAT, messages: [{ role: "user", content: "one" }] });
	const messages = [
		{ role: "user", content: "one" },
		first.json.choices[0]?.message,
		{ role: "user", content: "two" },
	];
	await rig.control.reset();

	const socketPath = join(dir, "dying.sock");
	const args = [
		fixture.path,
		join(dir, "data"),
		"25",
		rig.engineUrl,
		TOY_CHECKPOINT,
		socketPath,
		"after-commit",
		"0",
	];
	const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
	const exited = once(child, "exit");
	await within("the dying worker to be ready", 20_000, once(child.stdout, "data"));
	const body = JSON.stringify({ ...CHAT, messages });
	const headers = { "content-type": "application/json", "idempotency-key": "turn-2" };
	const client = new Client("http://worker", { socketPath });
	const path = `/sessions/${id}/v1/chat/completions`;
	await expect(client.request({ method: "POST", path, headers, body })).rejects.toThrow();
	await client.destroy();
	expect(await within("its death", 5_000, exited)).toEqual([null, "SIGKILL"]);
	expect((await rig.control.counters()).started).toBe(1);

	await rig.restart();
	const again = await rig.request("POST", path, body, { headers });
	expect(again.status).toBe(200);
	expect((await rig.control.counters()).started).toBe(1);
	const { records } = (await rig.request("GET", `/sessions/${id}`)).json;
	expect(records).toHaveLength(2);
	expect(again.json.choices[0]?.message).toEqual(records[1]?.response.choices[0]?.message);
	const third = [...messages, again.json.choices[0]?.message, { role: "user", content: "three" }];
	expect((await rig.chat(id, { ...CHAT, messages: third })).status).toBe(200);
}, 60_000);
