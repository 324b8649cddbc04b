// Workers killed at every step of a resource's life, over the durable store: their successor leaves nothing behind.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { SessionId, WorkerIndex } from "../../src/base/ids.js";
import { PartitionMap } from "../../src/base/partitions.js";
import { prepareDataDir } from "../../src/data-dir/data-dir.js";
import { openDiskStore } from "../../src/store/disk/store.js";
import { type CompiledFixture, compileFixture } from "../support/compiled-fixture.js";
import { DirectoryResource } from "../support/directory-resource.js";
import { registryRoom } from "../support/registry-room.js";
import { RESOURCE_STEPS } from "../support/resource-steps.js";
import { within } from "../support/wait.js";

const dir = mkdtempSync(join(tmpdir(), "rollpin-owed-"));
const dataDir = join(dir, "data");
const root = join(dir, "directories");
let fixture: CompiledFixture;
let epoch = 0;
beforeAll(async () => {
	mkdirSync(root);
	fixture = compileFixture("dying-resource");
	await (await prepareDataDir(dataDir)).release();
}, 60_000);
afterAll(async () => {
	await fixture.remove();
	rmSync(dir, { recursive: true, force: true });
});

/** What is left of the killed worker's session when its successor comes: stored, and with a directory. */
const LEFT: Record<string, { live: boolean; made: number; owed: number }> = {
	"before put_obligation": { live: true, made: 0, owed: 0 },
	"after put_obligation": { live: true, made: 0, owed: 1 },
	"before open": { live: true, made: 0, owed: 1 },
	"after open": { live: true, made: 1, owed: 1 },
	"before bury": { live: true, made: 1, owed: 1 },
	"after bury": { live: false, made: 1, owed: 1 },
	"before close": { live: false, made: 1, owed: 1 },
	"after close": { live: false, made: 0, owed: 1 },
	"before settle_obligation": { live: false, made: 0, owed: 1 },
	"after settle_obligation": { live: false, made: 0, owed: 0 },
};

it.each(RESOURCE_STEPS)(
	"killed %s: the next worker finds what is owed, and ends it with its session",
	async (step) => {
		const id = `session-${RESOURCE_STEPS.indexOf(step)}` as SessionId;
		const args = [fixture.path, dataDir, `${++epoch}`, root, id, step];
		const child = spawn(process.execPath, args, { stdio: "inherit" });
		expect(await within("its death", 20_000, once(child, "exit"))).toEqual([null, "SIGKILL"]);

		const directories = new DirectoryResource(root);
		const store = await openDiskStore({
			dataDir,
			workerIndex: 0 as WorkerIndex,
			partitions: new PartitionMap(1),
			durability: "process",
			tombstones: 100,
			epoch: ++epoch,
		});
		const live = (await store.session(id)) !== undefined;
		const owed = await store.obligationsOf(id);
		expect({ live, made: directories.left().length, owed: owed.length }).toEqual(LEFT[step]);
		expect(owed.every(({ ended }) => ended === !live)).toBe(true);

		const { registry } = registryRoom({ resources: [directories] }, store);
		await registry.start();
		if (live) await registry.delete(id);
		await registry.resources.sweep();
		expect(directories.left()).toEqual([]);
		expect(await store.obligationsOf(id)).toEqual([]);
		registry.stop();
		await store.close();
	},
	60_000,
);
