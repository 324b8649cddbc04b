// A cluster whose log is not taken, on real pipes and files: everything else goes on, and what is taken is whole records.
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import {
	appendFileSync,
	closeSync,
	constants,
	cpSync,
	existsSync,
	mkdirSync,
	mkdtempSync,
	openSync,
	readFileSync,
	readSync,
	rmSync,
	statfsSync,
	symlinkSync,
	truncateSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { LogRecord } from "../support/cluster-process.js";
import { REPOSITORY, runRollpin } from "../support/run-rollpin.js";
import { until, within } from "../support/wait.js";

let dir: string;
const started: ChildProcess[] = [];
const open = new Set<number>();
beforeEach(() => {
	dir = mkdtempSync(join(tmpdir(), "rollpin-log-"));
});
afterEach(async () => {
	for (const child of started.splice(0)) {
		if (child.exitCode === null) process.kill(-(child.pid ?? 0), "SIGKILL");
	}
	for (const fd of open) closeSync(fd);
	open.clear();
	spawnSync("umount", ["--lazy", join(dir, "medium")], { stdio: "ignore" });
	rmSync(dir, { recursive: true, force: true });
});

interface Served {
	child: ChildProcess;
	exited: Promise<number | null>;
}

/** @param wrap a shell command that runs "$@" */
function serve(
	stdio: [stdout: number | "ignore", stderr: number | "ignore"],
	args: string[],
	wrap = 'exec "$@"',
): Served {
	const program = [process.execPath, join(dir, "rollpin", "bin", "rollpin.js")];
	if (!existsSync(program[1] as string)) program[1] = join(REPOSITORY, "bin", "rollpin.js");
	const flags = [
		"serve",
		"--port",
		"0",
		"--backends",
		"2",
		"--store",
		"memory",
		"--log-format",
		"json",
		...args,
	];
	const child = spawn("sh", ["-c", wrap, "sh", ...program, ...flags], {
		stdio: ["ignore", ...stdio],
		detached: true,
		// It is the tests' own, and a cluster warns of settings that it does not know.
		env: { ...process.env, ROLLPIN_SHARED: undefined },
	});
	started.push(child);
	return { child, exited: new Promise((resolve) => child.once("exit", (code) => resolve(code))) };
}

/** A pipe as a shell makes it, and what was read from it so far. */
class Pipe {
	readonly writer: number;
	readonly #reader: number;
	readonly #records: LogRecord[] = [];
	#text = "";

	constructor() {
		const path = join(dir, `pipe${open.size}`);
		execFileSync("mkfifo", [path]);
		this.#reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
		this.writer = openSync(path, constants.O_WRONLY);
		open.add(this.#reader).add(this.writer);
	}

	/** Every line so far. @throws SyntaxError for one that is no record */
	read(): LogRecord[] {
		const lines = this.take().split("\n");
		this.#text = lines.pop() ?? "";
		this.#records.push(...recordsOf(lines));
		return this.#records;
	}

	/** What no `read` had yet. */
	take(): string {
		const piece = Buffer.alloc(64 * 1024);
		for (;;) {
			try {
				const count = readSync(this.#reader, piece);
				if (count === 0) break;
				this.#text += piece.toString("latin1", 0, count);
			} catch {
				break;
			}
		}
		return this.#text;
	}

	record(event: string, match: (record: LogRecord) => boolean = () => true): Promise<LogRecord> {
		return until(`a record ${event}`, 20_000, () =>
			this.read().find((one) => one.event === event && match(one)),
		);
	}

	/** Whoever reads leaves. The writer here stays open only for the child's sake. */
	leave(): void {
		for (const fd of [this.#reader, this.writer]) {
			closeSync(fd);
			open.delete(fd);
		}
	}
}

/** Every line must be one. */
const recordsOf = (lines: string[]) => lines.map((line) => JSON.parse(line) as LogRecord);
const fileRecords = (path: string) =>
	recordsOf(existsSync(path) ? readFileSync(path, "latin1").split("\n").slice(0, -1) : []);
const fileRecord = (path: string, event: string) =>
	until(`a record ${event} in ${path}`, 20_000, () => fileRecords(path).find((one) => one.event === event));

let sessions = 0;
async function chat(url: unknown, content = "hello"): Promise<number> {
	sessions += 1;
	const reply = await fetch(`${url}/sessions/s${sessions}/v1/chat/completions`, {
		method: "POST",
		headers: { "content-type": "application/json" },
		body: JSON.stringify({ model: "m", max_tokens: 4, messages: [{ role: "user", content }] }),
		signal: AbortSignal.timeout(10_000),
	});
	await reply.arrayBuffer();
	return reply.status;
}
async function chats(count: number, url: unknown, content?: string): Promise<number[]> {
	const all = await Promise.all(
		Array.from({ length: 4 }, async () => {
			const some: number[] = [];
			while (some.length < count / 4) some.push(await chat(url, content));
			return some;
		}),
	);
	return [...new Set(all.flat())];
}
const ready = async (url: unknown): Promise<number> =>
	((await (await fetch(`${url}/health`)).json()) as { workers: { ready: number } }).workers.ready;

describe("a pipe that nobody reads", () => {
	test("holds up no chat, no restart and no end; read again, it has whole records, long ones too", async () => {
		const pipe = new Pipe();
		const { child, exited } = serve([pipe.writer, "ignore"], ["--log-content"]);
		const { url, worker_pids } = await pipe.record("cluster_ready");
		// Records longer than a pipe takes at once, from two processes, until far more is waiting than it holds.
		const long = "long words ".repeat(1_000);
		expect(await chats(40, url, long)).toEqual([200]);
		process.kill((worker_pids as number[])[0] as number, "SIGKILL");
		await until("the worker to be gone", 10_000, async () => (await ready(url)) === 1);
		await until("both workers", 20_000, async () => (await ready(url)) === 2);
		expect(await chats(40, url, long)).toEqual([200]);
		expect(await pipe.record("worker_exit")).toMatchObject({ exit_signal: "SIGKILL", level: "error" });
		await pipe.record("worker_ready", ({ epoch }) => epoch === 2);
		const starts = () => pipe.read().filter(({ event }) => event === "chat_start");
		await until("all records", 10_000, () => starts().length === 80);
		expect(starts().every(({ content }) => String(content).includes(long))).toBe(true);
		expect(await chats(40, url, long)).toEqual([200]);
		child.kill("SIGTERM");
		expect(await within("the end", 15_000, exited)).toBe(0);
		pipe.read();
	}, 60_000);

	test("is told while records are dropped, by /health, /metrics and rollpin status, and no longer when it is read again", async () => {
		const pipe = new Pipe();
		const { child, exited } = serve(
			[pipe.writer, "ignore"],
			["--log-content", "--max-session-tokens", "1000"],
		);
		const { url } = await pipe.record("cluster_ready");
		const log = async () =>
			((await (await fetch(`${url}/health`)).json()) as { checks: { log: string } }).checks.log;
		const dropped = async () =>
			[
				...(await (await fetch(`${url}/metrics`)).text()).matchAll(
					/^rollpin_log_dropped_total\{.*\} (\d+)$/gm,
				),
			]
				.map(([, count]) => Number(count))
				.reduce((sum, count) => sum + count, 0);
		expect([await log(), await dropped()]).toEqual(["ok", 0]);
		// Refused before it is encoded, but what it says is in the log: more than is kept for a reader, in a few records.
		const long = "a".repeat(900_000);
		await until("dropped records", 30_000, async () => {
			await chat(url, long);
			return (await log()) === "dropping";
		});
		expect(await dropped()).toBeGreaterThan(0);
		const { code, stdout } = await runRollpin(["status", "--url", String(url)]);
		expect([code, stdout]).toEqual([1, expect.stringContaining("NOT OK: log dropping")]);
		const told = () => pipe.read().filter(({ event }) => event === "log_dropped");
		await until("the check's end", 30_000, async () => pipe.read() && (await log()) === "ok");
		const all = await dropped();
		expect(told().reduce((sum, { records }) => sum + Number(records), 0)).toBe(all);
		expect(await chats(8, url)).toEqual([200]);
		expect(await dropped()).toBe(all);
		child.kill("SIGTERM");
		expect(await within("the end", 15_000, exited)).toBe(0);
	}, 90_000);

	test("and one whose reader leaves, and a stderr that nobody reads any more, end nothing", async () => {
		const out = new Pipe();
		const err = new Pipe();
		// A setting that does nothing is a warning on stderr.
		const { child, exited } = serve([out.writer, err.writer], ["--max-tree-nodes", "7"]);
		const { url } = await out.record("cluster_ready");
		expect(err.take()).toContain("max-tree-nodes");
		out.leave();
		err.leave();
		expect(await chats(20, url)).toEqual([200]);
		expect(await ready(url)).toBe(2);
		child.kill("SIGTERM");
		expect(await within("the end", 15_000, exited)).toBe(0);
	}, 60_000);
});

describe("--log-file", () => {
	test("takes the whole log, whatever became of stdout and stderr; the next launch appends to it", async () => {
		const path = join(dir, "rollpin.log");
		for (const launches of [1, 2]) {
			const { child, exited } = serve(["ignore", "ignore"], ["--log-file", path], 'exec "$@" >&- 2>&-');
			await until(
				"the launch",
				20_000,
				() => fileRecords(path).filter(({ event }) => event === "cluster_ready").length === launches,
			);
			const { url } = fileRecords(path).findLast(({ event }) => event === "cluster_ready") as LogRecord;
			expect(await chats(8, url)).toEqual([200]);
			// As logrotate's copytruncate: what comes then begins the file.
			if (launches === 2) truncateSync(path);
			child.kill("SIGTERM");
			expect(await within("the end", 15_000, exited)).toBe(0);
			expect(fileRecords(path).at(-1)).toMatchObject({ event: "shutdown", exit_code: 0 });
		}
		expect(fileRecords(path).filter(({ event }) => event === "shutdown")).toHaveLength(1);
	}, 60_000);

	test("that can't be opened is one line and exit code 2", async () => {
		for (const path of [dir, join(dir, "absent", "log"), "/dev/null/log"]) {
			const ended = await runRollpin(["serve", "--port", "0", "--store", "memory", "--log-file", path]);
			expect(ended).toMatchObject({ code: 2, stdout: "" });
			expect(ended.stderr).toMatch(
				/^rollpin: --log-file [^\n]+: cannot be opened \(E[A-Z]+\); give [^\n]+\n$/,
			);
		}
	});

	const medium = (): string => {
		const path = join(dir, "medium");
		mkdirSync(path);
		return spawnSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", path]).status === 0 ? path : "";
	};

	test("on a medium that is full when it starts and is freed later has whole records from then on", async ({
		skip,
	}) => {
		const full = medium();
		if (full === "") skip("no right to mount a small tmpfs, so no medium that can be filled");
		const ballast = join(full, "ballast");
		writeFileSync(ballast, "");
		const path = join(full, "rollpin.log");
		const fill = () => {
			const { bavail, bsize } = statfsSync(full);
			appendFileSync(ballast, Buffer.alloc(bavail * bsize));
		};
		fill();
		const { child, exited } = serve(["ignore", "ignore"], ["--log-file", path]);
		await until("the file", 20_000, () => existsSync(path));
		truncateSync(ballast);
		const { url } = await fileRecord(path, "cluster_ready");
		fill();
		// The page that the log ends in may have room left: so many chats that a record is cut.
		expect(await chats(40, url)).toEqual([200]);
		const cut = readFileSync(path, "latin1");
		expect(cut.endsWith("\n")).toBe(false);
		truncateSync(ballast);
		await until("the rest of the log", 10_000, () => readFileSync(path, "latin1").length > cut.length);
		await until(
			"all its records",
			10_000,
			() => fileRecords(path).filter(({ event }) => event === "chat_done").length === 40,
		);
		child.kill("SIGTERM");
		expect(await within("the end", 15_000, exited)).toBe(0);
		expect(fileRecords(path).at(-1)).toMatchObject({ event: "shutdown" });
	}, 60_000);
});

test("a full stdout ends nothing", async () => {
	const full = openSync("/dev/full", "w");
	open.add(full);
	const err = new Pipe();
	const { child, exited } = serve([full, err.writer], []);
	// Nothing says where it listens: the kernel does.
	const url = await until("its port", 20_000, () => {
		const said = spawnSync(
			"sh",
			["-c", `ls -l /proc/${child.pid}/fd 2>/dev/null | grep -o 'socket:\\[[0-9]*' | cut -d[ -f2`],
			{ encoding: "latin1" },
		);
		const inodes = said.stdout.split("\n").filter(Boolean);
		const rows = readFileSync("/proc/net/tcp", "latin1")
			.split("\n")
			.map((row) => row.trim().split(/\s+/));
		const row = rows.find((cells) => cells[3] === "0A" && inodes.includes(cells[9] ?? ""));
		return row !== undefined && `http://127.0.0.1:${Number.parseInt(row[1]?.split(":")[1] ?? "", 16)}`;
	});
	await until("its workers", 20_000, async () => (await ready(url)) === 2);
	expect(await chats(20, url)).toEqual([200]);
	child.kill("SIGTERM");
	expect(await within("the end", 15_000, exited)).toBe(0);
}, 60_000);

test("a worker that cannot even load is one record, not a stack between the lines", async () => {
	const copy = join(dir, "rollpin");
	for (const part of ["bin", "dist", "checkpoints", "package.json"])
		cpSync(join(REPOSITORY, part), join(copy, part), { recursive: true });
	symlinkSync(join(REPOSITORY, "node_modules"), join(copy, "node_modules"));
	writeFileSync(join(copy, "dist", "worker", "child.js"), 'import "./absent.js";\n');
	const pipe = new Pipe();
	const { exited } = serve([pipe.writer, pipe.writer], []);
	const exit = await pipe.record("worker_exit");
	expect(exit).toMatchObject({ exit_code: 1, stderr: expect.stringContaining("ERR_MODULE_NOT_FOUND") });
	expect(exit.msg).toMatch(
		/worker \d exited with code 1; it printed: Error \[ERR_MODULE_NOT_FOUND\]: Cannot find module/,
	);
	writeFileSync(join(copy, "dist", "worker", "child.js"), "let x = ;\n");
	await pipe.record("worker_exit", ({ stderr }) => String(stderr).includes("SyntaxError"));
	expect(await within("the end", 30_000, exited)).toBe(1);
	expect((await pipe.record("start_failed")).msg).toContain("keeps dying");
}, 60_000);
