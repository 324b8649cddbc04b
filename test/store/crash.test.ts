// Processes that are killed or stopped while they commit: what was acknowledged is whole, nothing is half there.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { WorkerIndex } from "../../src/base/ids.js";
import { PartitionMap, partitionOf } from "../../src/base/partitions.js";
import { type DataDir, prepareDataDir } from "../../src/data-dir/data-dir.js";
import { partitionDirectory, sessionsDirectory } from "../../src/store/disk/names.js";
import { openDiskStore } from "../../src/store/disk/store.js";
import type { Store } from "../../src/store/store.js";
import { type CompiledFixture, compileFixture } from "../support/compiled-fixture.js";
import { within } from "../support/wait.js";
import { bytes, header, putSession, sha256, sid, streamed, tid, writersPayload } from "./values.js";

let fixture: CompiledFixture;
let dataDir: DataDir;
const children: ChildProcess[] = [];
const id = sid("0000000000000000000000000000feed");

beforeAll(() => {
	fixture = compileFixture("store-writer");
});
afterAll(() => fixture.remove());
beforeEach(async () => {
	dataDir = await prepareDataDir(await mkdtemp(join(tmpdir(), "rollpin-crash-")));
});
afterEach(async () => {
	for (const child of children.splice(0)) {
		if (child.exitCode === null && child.signalCode === null) {
			child.kill("SIGKILL");
			await once(child, "exit");
		}
	}
	await removeDataDir();
});

/** Its lock is kept by this process, which would put it back while the directory is removed. */
async function removeDataDir(): Promise<void> {
	await dataDir.release();
	await rm(dataDir.path, { recursive: true, force: true });
}

interface Writer {
	child: ChildProcess;
	/** The line of a given number, 0-based; rejects when the process ends before it. */
	line(number: number): Promise<string>;
	/** Turns acknowledged by the time the process had ended. */
	ended(): Promise<number>;
	/** The newest line. */
	last(): string | undefined;
}

async function startWriter(
	point: string,
	turns: number,
	durability = "process",
	workers = 1,
): Promise<Writer> {
	const epoch = await dataDir.nextEpoch();
	const args = [
		fixture.path,
		dataDir.path,
		String(epoch),
		durability,
		id,
		point,
		String(turns),
		String(workers),
	];
	const child = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] });
	children.push(child);
	const lines: string[] = [];
	const waiting = new Set<() => void>();
	createInterface({ input: child.stdout as NonNullable<typeof child.stdout> })
		.on("line", (line) => {
			lines.push(line);
			for (const look of waiting) look();
		})
		.on("close", () => {
			for (const look of waiting) look();
		});
	const closed = once(child, "close");
	let isClosed = false;
	void closed.then(() => {
		isClosed = true;
	});
	return {
		child,
		line: (number) =>
			new Promise((resolve, reject) => {
				const look = () => {
					const line = lines[number];
					if (line !== undefined) resolve(line);
					else if (isClosed) reject(new Error(`the writer ended before line ${number}`));
					else return;
					waiting.delete(look);
				};
				waiting.add(look);
				look();
			}),
		last: () => lines.at(-1),
		ended: async () => {
			await closed;
			return lines.filter((line) => line.startsWith("ack ")).length;
		},
	};
}

async function reopen(durability: "process" | "power" = "process"): Promise<Store> {
	return openDiskStore({
		dataDir: dataDir.path,
		workerIndex: 0 as WorkerIndex,
		partitions: new PartitionMap(1),
		durability,
		tombstones: 10,
		epoch: await dataDir.nextEpoch(),
	});
}

/** Checks every turn that is there whole, and returns how many there are. */
async function wholeTurns(store: Store): Promise<number> {
	const headers = await store.headers(id);
	expect(headers).toEqual(headers.map((_, turn) => header(turn)));
	expect((await store.session(id))?.turnCount).toBe(headers.length);
	for (let turn = 0; turn < headers.length; turn++) {
		expect(sha256([await store.part(id, tid(turn), "prompt")])).toBe(sha256([bytes(1000, turn)]));
		expect(sha256([await store.part(id, tid(turn), "reply")])).toBe(sha256([bytes(20_000, turn + 100)]));
		expect(sha256(await streamed(store, id, turn, "payload:0"))).toBe(sha256([writersPayload(turn)]));
	}
	return headers.length;
}

/** One for the session, whatever was begun besides. */
async function fileCount(): Promise<number> {
	return (await readdir(sessionsDirectory(partitionDirectory(dataDir.path, partitionOf(id))))).length;
}

describe("A process that is killed", () => {
	for (const [point, left] of [
		["before-commit", [5]],
		// Such a small turn is written at once; nobody was told.
		["queued", [5, 6]],
		["after-commit", [6]],
	] as const) {
		it(`${point} leaves every acknowledged turn and nothing half`, async () => {
			const writer = await startWriter(point, 5);
			expect(await writer.ended()).toBe(5);
			expect(writer.child.signalCode).toBe("SIGKILL");
			const store = await reopen();
			expect(left).toContain(await wholeTurns(store));
			expect(await fileCount()).toBe(1);
			await store.close();
		});
	}

	for (const durability of ["process", "power"] as const) {
		it(`at successive moments inside a commit (${durability}) leaves the turn whole or absent`, async () => {
			for (const ticks of [1, 3, 6, 10, 20, 60]) {
				await removeDataDir();
				dataDir = await prepareDataDir(dataDir.path);
				const writer = await startWriter(`in-commit:${ticks}`, 3, durability);
				const acked = await writer.ended();
				const store = await reopen(durability);
				const turns = await wholeTurns(store);
				expect(turns).toBeGreaterThanOrEqual(acked);
				expect(turns).toBeLessThanOrEqual(acked + 1);
				expect(await fileCount()).toBe(1);
				await store.commit([putSession(id, { turnCount: turns })]);
				await store.close();
			}
		}, 60_000);
	}

	it("from outside at any moment, again and again, never loses or halves an acknowledged turn", async () => {
		for (let round = 0; round < 6; round++) {
			await removeDataDir();
			dataDir = await prepareDataDir(dataDir.path);
			const writer = await startWriter("never", 0);
			await writer.line(round * 7 + 1);
			writer.child.kill("SIGKILL");
			const acked = await writer.ended();
			expect(acked).toBeGreaterThan(round * 7);
			const store = await reopen();
			const turns = await wholeTurns(store);
			expect(turns).toBeGreaterThanOrEqual(acked);
			await store.close();
		}
	}, 60_000);

	it("is replaced under the other durability without a loss, both ways", async () => {
		for (const [before, behind] of [
			["process", "power"],
			["power", "process"],
		] as const) {
			await removeDataDir();
			dataDir = await prepareDataDir(dataDir.path);
			const writer = await startWriter("after-commit", 4, before);
			expect(await writer.ended()).toBe(4);
			const store = await reopen(behind);
			expect(await wholeTurns(store)).toBe(5);
			await store.close();
		}
	});
});

describe("A process that is stopped while it writes", () => {
	it("blocks no other worker of the same data dir, and is whole again when it goes on", async () => {
		const writer = await startWriter("never", 0, "process", 2);
		for (let round = 0; round < 5; round++) {
			await writer.line(3 + round * 5);
			writer.child.kill("SIGSTOP");
			const store = await within(
				"opening the other worker's partitions",
				5000,
				openDiskStore({
					dataDir: dataDir.path,
					workerIndex: 1 as WorkerIndex,
					partitions: new PartitionMap(2),
					durability: "process",
					tombstones: 10,
					epoch: await dataDir.nextEpoch(),
				}),
			);
			const own = Array.from({ length: 64 }, (_, index) => sid(`s${index}`)).filter(
				(other) => new PartitionMap(2).workerOf(other) === 1,
			);
			expect(own.length).toBeGreaterThan(10);
			const commits = Promise.all(own.map((other) => store.commit([putSession(other)])));
			await within("the other worker's commits", 5000, commits);
			await store.close();
			writer.child.kill("SIGCONT");
		}
		await writer.line(60);
		writer.child.kill("SIGKILL");
		const acked = await writer.ended();
		const store = await reopen();
		expect(await wholeTurns(store)).toBeGreaterThanOrEqual(acked);
		await store.close();
	});
});

describe("A process that is stopped while it writes, and replaced", () => {
	it("is refused when it goes on, and leaves what its successor has read and written as it is", async () => {
		for (let round = 0; round < 8; round++) {
			await removeDataDir();
			dataDir = await prepareDataDir(dataDir.path);
			const late = await startWriter("until-refused", 0);
			const seen = await late.line(3 + round * 3);
			expect(seen).toMatch(/^ack /);
			late.child.kill("SIGSTOP");
			const store = await reopen();
			const turns = await wholeTurns(store);
			expect(turns).toBeGreaterThanOrEqual(3 + round * 3);
			// Every other time the successor has only read when the late one goes on.
			if (round % 2 === 0) await store.commit([putSession(id, { tokenCount: 42, turnCount: turns })]);
			late.child.kill("SIGCONT");
			await late.ended();
			expect(late.child.exitCode).toBe(0);
			expect(late.last()).toBe("refused session_state_conflict");
			expect(await wholeTurns(store)).toBe(turns);
			await store.commit([putSession(id, { tokenCount: 43, turnCount: turns })]);
			await store.close();
			const next = await reopen();
			expect(await wholeTurns(next)).toBe(turns);
			expect((await next.session(id))?.tokenCount).toBe(43);
			await next.close();
		}
	}, 60_000);

	it("takes back what it had begun to write: no later owner finds it, when nobody else has written", async () => {
		for (let round = 0; round < 4; round++) {
			await removeDataDir();
			dataDir = await prepareDataDir(dataDir.path);
			const late = await startWriter("until-refused", 0);
			await late.line(2 + round);
			late.child.kill("SIGSTOP");
			const store = await reopen();
			const turns = await wholeTurns(store);
			late.child.kill("SIGCONT");
			await late.ended();
			expect(late.last()).toBe("refused session_state_conflict");
			await store.close();
			const next = await reopen();
			expect(await wholeTurns(next)).toBe(turns);
			await next.close();
		}
	}, 60_000);
});

describe("A process that was replaced and doesn't know it", () => {
	it("has its late commits refused, and its successor's turns stay as they are", async () => {
		const late = await startWriter("step", 0);
		expect(await late.line(0)).toBe("ready");
		late.child.stdin?.write("go\n");
		expect(await late.line(1)).toBe("ack 0");
		const store = await reopen();
		await store.commit([putSession(id, { tokenCount: 42, turnCount: 1 })]);
		for (const line of [2, 3]) {
			late.child.stdin?.write("go\n");
			expect(await late.line(line)).toBe("refused session_state_conflict");
		}
		expect((await store.session(id))?.tokenCount).toBe(42);
		expect(await wholeTurns(store)).toBe(1);
		await store.commit([putSession(id, { tokenCount: 43, turnCount: 1 })]);
		expect((await store.session(id))?.tokenCount).toBe(43);
		await store.close();
	});

	it("removes and cuts no file of its successor's turns with a commit that is refused", async () => {
		const late = await startWriter("step", 0);
		late.child.stdin?.write("go\n");
		expect(await late.line(1)).toBe("ack 0");
		const store = await reopen();
		for (const [index, asked] of ["drop", "bury"].entries()) {
			late.child.stdin?.write(`${asked}\n`);
			expect(await late.line(index + 2)).toBe("refused session_state_conflict");
			expect(await fileCount()).toBe(1);
			expect(await wholeTurns(store)).toBe(1);
		}
		await store.close();
	});
});
