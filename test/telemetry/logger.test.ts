// What a log line looks like, for programs and for people, and that it is out before the process can die.
import { execFileSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createLogger, type LoggerOptions, logDropped } from "../../src/telemetry/logger.js";

let dir: string;
beforeEach(() => {
	dir = mkdtempSync(join(tmpdir(), "rollpin-log-"));
});
afterEach(() => {
	rmSync(dir, { recursive: true });
});

async function logged(
	options: Partial<LoggerOptions>,
	write: (log: ReturnType<typeof createLogger>) => void,
): Promise<string> {
	const path = join(dir, "log");
	const fd = openSync(path, "w");
	const log = createLogger({ role: "worker", worker: 2, level: "info", format: "json", fd, ...options });
	write(log);
	await log.flush();
	closeSync(fd);
	expect(logDropped()).toBe(0);
	return readFileSync(path, "utf8");
}

test("a record is one JSON object with level, time, pid, role, worker, event, msg and its fields", async () => {
	const text = await logged({}, (log) =>
		log.event("cluster_degraded", { ready: 1, total: 2 }, "one is missing"),
	);
	expect(text.endsWith("}\n")).toBe(true);
	const record = JSON.parse(text) as Record<string, unknown>;
	expect(record).toEqual({
		level: "error",
		time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
		pid: process.pid,
		role: "worker",
		worker: 2,
		event: "cluster_degraded",
		ready: 1,
		total: 2,
		msg: "one is missing",
	});
});

test("an error is logged with its stack, and an event may be told at another level", async () => {
	const text = await logged({}, (log) => {
		log.event("request_error", { x_request_id: "x", method: "GET", path: "/", err: new Error("boom") });
		log.event("worker_quarantined", { worker: 0, crashes: 5 }, "quiet", "debug");
	});
	const lines = text.trimEnd().split("\n");
	expect(lines).toHaveLength(1);
	expect(JSON.parse(lines[0] ?? "")).toMatchObject({
		err: { message: "boom", stack: expect.stringContaining("Error: boom") },
	});
});

test("the pretty form has one line per record with who, what and the fields", async () => {
	const text = await logged({ format: "pretty" }, (log) => {
		log.event("heartbeat_missed", { worker: 2, worker_pid: 77, missed: 3 }, "worker 2 missed 3 heartbeats");
	});
	expect(text.trimEnd().split("\n")).toHaveLength(1);
	expect(text).toMatch(
		/^\[\d\d:\d\d:\d\d\.\d{3}\] WARN: \[worker 2\] heartbeat_missed: worker 2 missed 3 heartbeats/,
	);
	expect(text).toContain('"missed":3');
});

test("a record is out before the process kills itself", () => {
	const fixture = fileURLToPath(new URL("../fixtures/log-and-die.js", import.meta.url));
	let stdout = "";
	try {
		execFileSync(process.execPath, [fixture], { encoding: "utf8" });
	} catch (error) {
		stdout = (error as { stdout: string }).stdout;
	}
	expect(JSON.parse(stdout)).toMatchObject({ event: "cluster_degraded", role: "primary" });
});
