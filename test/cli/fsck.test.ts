// `rollpin fsck` as a process: what it prints, and its exit code.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { append, bytes, putSession, sid } from "../store/values.js";
import { createDiskDir, type DiskDir } from "../support/disk-dir.js";
import { RunningRollpin } from "../support/run-rollpin.js";

const [whole, harmed] = [sid(`00${"a".repeat(30)}`), sid(`00${"b".repeat(30)}`)];

let dir: DiskDir;
beforeEach(async () => {
	dir = await createDiskDir();
	const store = await dir.open();
	for (const id of [whole, harmed]) {
		await store.commit([putSession(id)]);
		for (let turn = 0; turn < 3; turn++) {
			await store.commit([
				append(id, turn, { reply: [bytes(3000, turn)] }),
				putSession(id, { turnCount: turn + 1 }),
			]);
		}
	}
	await store.close();
	// Nothing of it matters here but that it is there.
	const launch = {
		backends: 1,
		checkpointDir: "/c",
		chatTemplateFile: null,
		chatTemplateKwargsJson: "{}",
		titoModel: "default",
		toolSchemaVersion: "auto",
		mode: "linear",
		messageMatcher: "echo",
		samplesWire: "1",
		r3: "off",
		samplePicker: null,
		samplePostprocessor: null,
	};
	writeFileSync(join(dir.path, "launch.json"), JSON.stringify({ version: 1, tokenizerSha256: null, launch }));
});
afterEach(() => dir.remove());

const fsck = (...args: string[]) => new RunningRollpin(["fsck", ...args]).ended();

function harm(): { path: string; at: number } {
	const path = dir.sessionFiles(0).find((name) => name.includes(harmed)) ?? "";
	const content = readFileSync(path);
	const at = content.lastIndexOf(bytes(3000, 1));
	content.writeUInt8(content.readUInt8(at + 7) ^ 1, at + 7);
	writeFileSync(path, content);
	return { path, at };
}

it("says that all is well, with exit code 0", async () => {
	const { code, stdout, stderr } = await fsck("--data-dir", dir.path);
	expect(stdout).toMatch(
		/^checked \S+: 2 whole sessions, 0\.0 MiB in [\d.]+ s; 0 damaged, 0 harmed, 0 leftover\n$/,
	);
	expect([code, stderr]).toEqual([0, ""]);
});

it("says of a damaged session what it is, where, what can be exported and what to do, with exit code 1", async () => {
	const { path, at } = harm();
	const { code, stdout } = await fsck("--data-dir", dir.path);
	expect(stdout.split("\n")).toEqual([
		`damaged   session ${harmed}, partition 0: 1 of its turns can't be read`,
		`  at      ${path}, byte ${at}: 3000 bytes of reply of turn 1 are not what was written`,
		"  whole   2 of 3 turns (0, 2)",
		"  export  nothing of it",
		expect.stringMatching(/^ {2}do {6}with the cluster stopped, restore .* or DELETE the session$/),
		expect.stringMatching(/: 1 whole sessions, .*; 1 damaged, 0 harmed, 0 leftover$/),
		`rollpin export --data-dir ${dir.path} writes all out but 1 damaged sessions and 0 damaged partitions`,
		"",
	]);
	expect(code).toBe(1);
});

it("says the same as JSON, an object a line", async () => {
	const { path, at } = harm();
	const { code, stdout } = await fsck("--data-dir", dir.path, "--json");
	const [finding, last, end] = stdout.split("\n");
	expect(JSON.parse(finding ?? "")).toMatchObject({
		...{ kind: "damaged", session: harmed, partition: 0, exportable: "nothing of it" },
		places: [{ file: path, offset: at }],
		turns: { stored: 3, whole: [0, 2] },
	});
	expect(JSON.parse(last ?? "")).toMatchObject({ summary: { sessions: 1, damagedSessions: 1, damaged: 1 } });
	expect([end, code]).toEqual(["", 1]);
});

it("refuses what is no data dir with one line and exit code 2, and makes nothing", async () => {
	const missing = join(dir.path, "missing");
	const { code, stdout, stderr } = await fsck("--data-dir", missing);
	expect([code, stdout, existsSync(missing)]).toEqual([2, "", false]);
	expect(stderr).toMatch(
		/^rollpin: --data-dir: \S+ can't be read \(ENOENT.*\); give the data dir of a cluster\n$/,
	);
	writeFileSync(join(dir.path, "format.json"), '{"format":2,"partitions":64}');
	const old = await fsck("--data-dir", dir.path);
	expect([old.code, old.stderr]).toEqual([
		2,
		expect.stringMatching(/format 2 .*export it with the version that wrote it.*\n$/),
	]);
});
