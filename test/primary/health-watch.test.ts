// What the primary finds out by looking, at a medium that gives no answer at all.
import { execFileSync } from "node:child_process";
import {
	closeSync,
	constants,
	mkdtempSync,
	openSync,
	readdirSync,
	renameSync,
	rmSync,
	symlinkSync,
} from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { WorkerStatus } from "../../src/ipc/messages.js";
import { HealthWatch } from "../../src/primary/health-watch.js";
import { until } from "../support/wait.js";

let dir: string;
beforeEach(() => {
	dir = mkdtempSync(join(tmpdir(), "rollpin-health-"));
});
afterEach(() => {
	vi.useRealTimers();
	rmSync(dir, { recursive: true });
});

const changes: string[] = [];
function watchDir(workers: readonly WorkerStatus[] = []): HealthWatch {
	changes.length = 0;
	return new HealthWatch({
		log: {
			event: (event, fields) => void ("to" in fields && changes.push(`${event} ${fields.to}`)),
			flush: () => Promise.resolve(),
		},
		dataDir: dir,
		workers: () => workers,
		stage: () => "up",
		changed: () => undefined,
	});
}

test("a medium that took no turn is full until it takes a trial, though nobody chats and it has room", async () => {
	vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "performance"] });
	const worker = { index: 0, pid: 1, state: "ready", awaited: false, drain: false } as WorkerStatus;
	const watch = watchDir([worker]);
	watch.start([]);
	await until("a look", 5_000, () => watch.storeFreeBytes > 0);
	// As a quota is: a write fails, and nothing that can be asked says so.
	symlinkSync("/dev/full", join(dir, "health.tmp"));
	const condition = {
		engines: [],
		partitionsRefused: 0,
		logDropped: 0,
		storeWritable: false,
		storeRefusals: 1,
	};
	watch.told(worker, condition);
	const store = () => watch.checks().checks.store;
	expect(store().state).toBe("full");
	vi.advanceTimersByTime(1_000);
	await until("the trial", 5_000, () => store().detail?.includes("ENOSPC"));
	vi.advanceTimersByTime(100_000);
	await until("the next ones", 5_000, () => readdirSync(dir).length === 0 && store().state === "ok");
	expect(changes).toEqual(["check_changed full", "check_changed ok"]);
	// No more is written while nothing more is refused: a trial would find this.
	symlinkSync("/dev/full", join(dir, "health.tmp"));
	renameSync(dir, `${dir}.away`);
	vi.advanceTimersByTime(1_000);
	await until("a look", 5_000, () => store().state === "full");
	renameSync(`${dir}.away`, dir);
	vi.advanceTimersByTime(1_000);
	await until("the next one", 5_000, () => store().state === "ok");
	expect(readdirSync(dir)).toEqual(["health.tmp"]);
	// Of the process that took its place: it counts from nothing.
	const next = { ...worker, pid: 2 };
	watch.told(next, condition);
	vi.advanceTimersByTime(1_000);
	await until("a trial of the next refusal", 5_000, () => readdirSync(dir).length === 0);
	watch.stop();
});

test("a data dir that hangs is said to be so after ten seconds, and is well when it answers again", async () => {
	vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "performance"] });
	const pipe = join(dir, "pipe");
	execFileSync("mkfifo", [pipe]);
	// Each opening waits for a writer, on one of libuv's four threads: no look at a file comes to its end.
	const stuck = Array.from({ length: 4 }, () => open(pipe, "r"));
	const watch = watchDir();
	watch.start([]);
	vi.advanceTimersByTime(10_000);
	expect(watch.checks().checks.store.state).toBe("ok");
	vi.advanceTimersByTime(2_000);
	expect(watch.checks().checks.store).toMatchObject({ state: "full", detail: expect.stringContaining(dir) });
	expect(watch.storeFreeBytes).toBeNaN();
	const writer = openSync(pipe, constants.O_WRONLY);
	for (const file of await Promise.all(stuck)) await file.close();
	closeSync(writer);
	await until("an answer", 5_000, () => watch.checks().checks.store.state === "ok");
	expect(watch.storeFreeBytes).toBeGreaterThan(0);
	expect(changes).toEqual(["check_changed full", "check_changed ok"]);
	watch.stop();
});
