// A store that may not open its files: a matter of the machine's limits, never taken for damage.
import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { WorkerIndex } from "../../src/base/ids.js";
import { PartitionMap } from "../../src/base/partitions.js";
import { type DataDir, prepareDataDir } from "../../src/data-dir/data-dir.js";
import { openDiskStore } from "../../src/store/disk/store.js";
import { type CompiledFixture, compileFixture } from "../support/compiled-fixture.js";
import { within } from "../support/wait.js";
import { append, bytes, liveIds, putSession, sid, tid } from "./values.js";

let writer: CompiledFixture;
let dataDir: DataDir;
beforeAll(async () => {
	writer = compileFixture("store-writer");
	dataDir = await prepareDataDir(await mkdtemp(join(tmpdir(), "rollpin-descriptors-")));
});
afterAll(async () => {
	await writer.remove();
	await dataDir.release();
	await rm(dataDir.path, { recursive: true, force: true });
});

async function open() {
	return openDiskStore({
		dataDir: dataDir.path,
		workerIndex: 0 as WorkerIndex,
		partitions: new PartitionMap(1),
		durability: "process",
		tombstones: 10,
		epoch: await dataDir.nextEpoch(),
		onPartitionRefused: (partition, reason) => {
			throw new Error(`partition ${partition}: ${reason}`);
		},
	});
}

/** What a process says that opens the store with at most `limit` descriptors, `taken` of which are in use. */
async function failedStart(limit: number, taken: number): Promise<{ code: number | null; stderr: string }> {
	const args = [
		writer.path,
		dataDir.path,
		String(await dataDir.nextEpoch()),
		"process",
		"x",
		"never",
		"0",
		"1",
	];
	const descriptor = openSync("/dev/null", "r");
	const child = spawn("/bin/sh", ["-c", `ulimit -n ${limit}; exec "$@"`, "sh", process.execPath, ...args], {
		stdio: ["ignore", "ignore", "pipe", ...Array.from({ length: taken }, () => descriptor)],
	});
	let stderr = "";
	child.stderr?.setEncoding("utf8").on("data", (text: string) => {
		stderr += text;
	});
	try {
		const exited = new Promise<number | null>((resolve) => child.once("close", resolve));
		return { code: await within("the process's end", 20_000, exited), stderr };
	} finally {
		child.kill("SIGKILL");
		closeSync(descriptor);
	}
}

for (const [what, limit, taken] of [
	["too low a limit", 150, 0],
	["descriptors that are taken", 240, 100],
] as const) {
	it.skipIf(process.platform !== "linux")(
		`${what}: the start ends with the number it needs, the data is as before`,
		async () => {
			const id = sid(`kept-${limit}`);
			const first = await open();
			await first.commit([putSession(id), append(id, 0, { reply: [bytes(40_000)] })]);
			await first.close();
			const { code, stderr } = await failedStart(limit, taken);
			expect(code).toBe(1);
			expect(stderr).toMatch(
				new RegExp(
					"ConfigError: the store of 64 partitions needs 160 free file descriptors, and more for connections, but this " +
						`process may have ${limit} in all \\(EMFILE: .*\\): raise the limit \\(ulimit -n\\); the data is untouched`,
				),
			);
			expect(stderr).not.toMatch(/can't be served|remove this file/);
			const again = await open();
			expect(await liveIds(again)).toContain(id);
			expect(await again.part(id, tid(0), "reply")).toEqual(bytes(40_000));
			await again.close();
		},
	);
}
