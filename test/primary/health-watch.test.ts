// What the primary finds out by looking, at a medium that gives no answer at all.
import { execFileSync } from "node:child_process";
import { closeSync, constants, mkdtempSync, openSync, rmSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { HealthWatch } from "../../src/primary/health-watch.js";
import { until } from "../support/wait.js";

afterEach(() => {
	vi.useRealTimers();
});

test("a data dir that hangs is said to be so after ten seconds, and is well when it answers again", async () => {
	vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "performance"] });
	const dir = mkdtempSync(join(tmpdir(), "rollpin-hang-"));
	const pipe = join(dir, "pipe");
	execFileSync("mkfifo", [pipe]);
	// Each opening waits for a writer, on one of libuv's four threads: no look at a file comes to its end.
	const stuck = Array.from({ length: 4 }, () => open(pipe, "r"));
	const changes: string[] = [];
	const watch = new HealthWatch({
		log: {
			event: (event, fields) => void ("to" in fields && changes.push(`${event} ${fields.to}`)),
			flush: () => Promise.resolve(),
		},
		dataDir: dir,
		workers: () => [],
		stage: () => "up",
		changed: () => undefined,
	});
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
	rmSync(dir, { recursive: true });
});
