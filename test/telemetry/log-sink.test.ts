// Log lines on their way into real pipes and files: whole, in order, and never waited for.
import { execFileSync, spawn, spawnSync } from "node:child_process";
import {
	closeSync,
	constants,
	mkdtempSync,
	openSync,
	readFileSync,
	readSync,
	rmSync,
	truncateSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { LogSink } from "../../src/telemetry/log-sink.js";
import { type LogTarget, logTo, openLogFile, type Written } from "../../src/telemetry/log-target.js";
import { until, within } from "../support/wait.js";

let dir: string;
beforeEach(() => {
	dir = mkdtempSync(join(tmpdir(), "rollpin-sink-"));
});
afterEach(() => {
	rmSync(dir, { recursive: true });
});

const missing = (records: number) => `missing ${records}\n`;

/** A pipe's two ends; the writer's is blocking, as a shell leaves it. */
function pipe(): { reader: number; writer: number } {
	const path = join(dir, "pipe");
	execFileSync("mkfifo", [path]);
	const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
	return { reader, writer: openSync(path, constants.O_WRONLY) };
}

function readAll(fd: number): string {
	const piece = Buffer.alloc(64 * 1024);
	let text = "";
	for (;;) {
		try {
			const count = readSync(fd, piece);
			if (count === 0) return text;
			text += piece.toString("latin1", 0, count);
		} catch {
			return text;
		}
	}
}

/** A medium with so much room; a write that finds none fails, one that finds too little is cut. */
class Medium implements LogTarget {
	readonly batchBytes = 64;
	room = 0;
	text = "";

	write(bytes: Buffer, _rest: boolean, done: Written): void {
		const count = Math.min(this.room, bytes.length);
		if (count === 0) {
			done(Object.assign(new Error("full"), { code: "ENOSPC" }), 0);
			return;
		}
		this.text += bytes.toString("latin1", 0, count);
		this.room -= count;
		done(null, count);
	}

	writeLast(bytes: Buffer): number {
		let written = 0;
		this.write(bytes, false, (_error, count) => {
			written = count;
		});
		return written;
	}

	close(): void {}
}

describe("a pipe that nobody reads", () => {
	test("takes what fits, then lines wait, and all come whole when it is read again", async () => {
		const { reader, writer } = pipe();
		const sink = new LogSink(logTo(writer), missing);
		const line = (index: number) => `${index} ${"x".repeat(index % 50 === 0 ? 9_000 : 90)}\n`;
		for (let index = 0; index < 3_000; index++) sink.write(line(index), true);
		// The inherited end is as it was: others hold it too.
		const flags = readFileSync(`/proc/self/fdinfo/${writer}`, "latin1").match(/flags:\s*(\d+)/)?.[1] ?? "";
		expect(Number.parseInt(flags, 8) & constants.O_NONBLOCK).toBe(0);
		let text = readAll(reader);
		expect(text.length).toBeLessThanOrEqual(64 * 1024);
		await until("the last line", 10_000, () => {
			text += readAll(reader);
			return text.includes("\n2999 ");
		});
		expect(text).toBe(Array.from({ length: 3_000 }, (_, index) => line(index)).join(""));
		expect(sink.dropped).toBe(0);
		closeSync(reader);
		closeSync(writer);
	});

	test("and whose reader has gone costs nothing but the lines", async () => {
		const { reader, writer } = pipe();
		const sink = new LogSink(logTo(writer), missing, { maxBytes: 1_000 });
		closeSync(reader);
		for (let index = 0; index < 100; index++) sink.write(`${"y".repeat(99)}\n`, true);
		await sink.flush(20);
		expect(sink.dropped).toBe(90);
		closeSync(writer);
	});

	const logging = (script: string, writer: number) => {
		const logger = JSON.stringify(join(import.meta.dirname, "../../dist/telemetry/logger.js"));
		const made = `import { createLogger, logDropped } from ${logger};
			const log = createLogger({ role: "primary", level: "info", format: "json" });`;
		const child = spawn(process.execPath, ["--input-type=module", "-e", made + script], {
			stdio: ["ignore", writer, "inherit"],
		});
		return { child, ended: new Promise((resolve) => child.once("exit", resolve)) };
	};

	test("a process with a stuck log ends by itself, with its own exit code", async () => {
		const { reader, writer } = pipe();
		const { child, ended } = logging(
			`for (let i = 0; i < 3000; i++) log.event("cluster_degraded", { ready: i, total: 1 });
			await log.flush();
			process.exit(7);`,
			writer,
		);
		try {
			expect(await within("the writer's end", 15_000, ended)).toBe(7);
			const lines = readAll(reader).split("\n");
			expect(lines.pop()).toBe("");
			expect(lines.map((line) => JSON.parse(line).ready)).toEqual(lines.map((_, index) => index));
		} finally {
			child.kill("SIGKILL");
			closeSync(reader);
			closeSync(writer);
		}
	});

	test("loses the oldest records below warn when 8 MiB wait, and the next one that gets through says how many", async () => {
		const { reader, writer } = pipe();
		const { child, ended } = logging(
			`for (let i = 0; i < 30_000; i++)
				log.event("reload_refused", { reason: i + " " + "x".repeat(400) }, "", i % 1000 === 0 ? "warn" : "info");
			process.on("SIGTERM", async () => {
				await log.flush();
				process.exit(logDropped() > 0 ? 0 : 1);
			});
			setInterval(() => {}, 1000);`,
			writer,
		);
		try {
			let text = "";
			await until("the last record", 20_000, () => {
				text += readAll(reader);
				return text.includes('"29999 x');
			});
			const records = text
				.trimEnd()
				.split("\n")
				.map((line) => JSON.parse(line));
			const at = records.findIndex(({ event }) => event === "log_dropped");
			const numbers = records
				.filter(({ event }) => event === "reload_refused")
				.map(({ reason }) => Number.parseInt(reason, 10));
			expect(records[at]).toMatchObject({ level: "warn", since_ms: expect.any(Number) });
			const missing = records.reduce(
				(sum, { event, records: count }) => sum + (event === "log_dropped" ? count : 0),
				0,
			);
			expect(numbers.length + missing).toBe(30_000);
			expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
			expect(numbers.filter((number) => number % 1_000 === 0)).toHaveLength(30);
			// What was in the pipe before stands before it, and nothing else does.
			expect(numbers.slice(0, at)).toEqual(numbers.slice(0, at).map((_, index) => index));
			child.kill("SIGTERM");
			expect(await within("the writer's end", 15_000, ended)).toBe(0);
		} finally {
			child.kill("SIGKILL");
			closeSync(reader);
			closeSync(writer);
		}
	});
});

describe("lines that may wait for company", () => {
	const day = 24 * 3_600_000;
	const target = () => Object.assign(new Medium(), { room: 100_000 });

	test("go out with the first one that may not, in their order", () => {
		const medium = target();
		const sink = new LogSink(medium, missing, { lingerMs: day });
		sink.write("one\n", true);
		sink.write("two\n", true);
		expect(medium.text).toBe("");
		sink.write("warning\n", false);
		expect(medium.text).toBe("one\ntwo\nwarning\n");
	});

	test("go out when they are a batch, when their time is over, and at the process's end", async () => {
		const medium = target();
		const sink = new LogSink(medium, missing, { lingerMs: day });
		const line = `${"x".repeat(15)}\n`;
		for (let index = 0; index < 3; index++) sink.write(line, true);
		expect(medium.text).toBe("");
		sink.write(line, true);
		expect(medium.text).toBe(line.repeat(medium.batchBytes / 16));
		sink.write("last\n", true);
		sink.writeLast();
		expect(medium.text.endsWith("last\n")).toBe(true);

		const soon = target();
		new LogSink(soon, missing, { lingerMs: 1 }).write("later\n", true);
		await until("the line", 10_000, () => soon.text === "later\n");
	});
});

describe("a medium that fills up", () => {
	test("a line that was cut is finished before anything else, and what is missing is told first of all", async () => {
		const medium = new Medium();
		medium.room = 15;
		const sink = new LogSink(medium, missing, { maxBytes: 50 });
		for (let index = 0; index < 10; index++) sink.write(`line ${index} \n`, index !== 8);
		expect(medium.text).toBe("line 0 \nline 1 ");
		medium.room = 1_000;
		await sink.flush(1_000);
		expect(medium.text).toBe(
			"line 0 \nline 1 \nmissing 2\nline 4 \nline 5 \nline 6 \nline 7 \nline 8 \nline 9 \n",
		);
		sink.write("more\n", true);
		expect(medium.text.endsWith("line 9 \nmore\n")).toBe(true);
	});

	test("what is missing is counted until it is told, and told once", async () => {
		const medium = new Medium();
		const sink = new LogSink(medium, missing, { maxBytes: 20 });
		for (let index = 0; index < 10; index++) sink.write("12345\n", true);
		await sink.flush(10);
		for (let index = 0; index < 10; index++) sink.write("67890\n", true);
		medium.room = 1_000;
		await sink.flush(1_000);
		expect(medium.text).toBe("missing 17\n67890\n67890\n67890\n");
	});

	test("at the process's end the rest is written without waiting", () => {
		const medium = new Medium();
		medium.room = 9;
		const sink = new LogSink(medium, missing);
		for (const line of ["first\n", "second\n", "third\n"]) sink.write(line, true);
		medium.room = 100;
		sink.writeLast();
		expect(medium.text).toBe("first\nsecond\nthird\n");
	});
});

describe("a file", () => {
	test("is appended to, after a line feed where somebody left half a line", async () => {
		const path = join(dir, "log");
		execFileSync("sh", ["-c", 'printf "whole\\nhalf" > "$0"', path]);
		const sink = new LogSink(openLogFile(path), missing);
		sink.write("mine\n", true);
		await sink.flush(1_000);
		expect(readFileSync(path, "latin1")).toBe("whole\nhalf\nmine\n");
	});

	test("that is emptied under way goes on at its beginning", async () => {
		const path = join(dir, "log");
		const sink = new LogSink(openLogFile(path), missing);
		sink.write("before\n", true);
		await sink.flush(1_000);
		truncateSync(path);
		sink.write("after\n", true);
		await sink.flush(1_000);
		expect(readFileSync(path, "latin1")).toBe("after\n");
	});

	test("is changed for another between two lines", async () => {
		const sink = new LogSink(openLogFile(join(dir, "one")), missing);
		sink.write("1\n", true);
		await sink.flush(1_000);
		sink.use(openLogFile(join(dir, "two")));
		sink.write("2\n", true);
		await sink.flush(1_000);
		expect([readFileSync(join(dir, "one"), "latin1"), readFileSync(join(dir, "two"), "latin1")]).toEqual([
			"1\n",
			"2\n",
		]);
	});

	test("that cannot be opened is an error, a full medium is none", () => {
		expect(() => openLogFile(join(dir, "absent", "log"))).toThrow("ENOENT");
		expect(() => openLogFile(dir)).toThrow("EISDIR");
		const sink = new LogSink(openLogFile("/dev/full"), missing);
		expect(() => sink.write("x\n", true)).not.toThrow();
	});

	test("the rest of a line whose beginning was cut away is not written: the line is begun again", async () => {
		const cut: Array<[boolean, string]> = [];
		const target: LogTarget = {
			batchBytes: 64,
			write(bytes, rest, done) {
				cut.push([rest, bytes.toString()]);
				if (cut.length === 1) done(null, 3);
				else if (cut.length === 2) done(Object.assign(new Error(), { code: "TRUNCATED" }), 0);
				else done(null, bytes.length);
			},
			writeLast: (bytes) => bytes.length,
			close() {},
		};
		const sink = new LogSink(target, missing);
		sink.write("abcdef\n", true);
		sink.write("next\n", true);
		await sink.flush(1_000);
		expect(cut).toEqual([
			[false, "abcdef\n"],
			[true, "def\n"],
			[true, "abcdef\n"],
			[false, "next\n"],
		]);
	});

	test("on a full medium that is emptied is told once that a line's beginning is gone, and then takes the line", async (context) => {
		const medium = mkdtempSync(join(tmpdir(), "rollpin-medium-"));
		const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=32k", "tmpfs", medium]).status === 0;
		onTestFinished(() => {
			if (mounted) spawnSync("umount", ["-l", medium]);
			rmSync(medium, { recursive: true });
		});
		if (!mounted) context.skip("no right to mount a small tmpfs");
		const path = join(medium, "log");
		const target = openLogFile(path);
		const written = (bytes: string, rest: boolean) =>
			new Promise((resolve) =>
				target.write(Buffer.from(bytes), rest, (error, count) => resolve(error?.code ?? count)),
			);
		const line = `${"x".repeat(40_000)}\n`;
		expect(await written(line, false)).toBe(32 * 1024);
		expect(await written(line.slice(32 * 1024), true)).toBe("ENOSPC");
		truncateSync(path);
		expect(await written(line.slice(32 * 1024), true)).toBe("TRUNCATED");
		expect(await written("whole\n", true)).toBe(6);
		expect(readFileSync(path, "latin1")).toBe("whole\n");
		target.close();
	});
});
