// A writer's data dir as it may be after the power is gone: at every step, with all, none or some of what was not flushed.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RollpinError } from "../../src/base/errors.js";
import type { WorkerIndex } from "../../src/base/ids.js";
import { PARTITION_COUNT, PartitionMap } from "../../src/base/partitions.js";
import { prepareDataDir } from "../../src/data-dir/data-dir.js";
import { openDiskStore } from "../../src/store/disk/store.js";
import { type CompiledFixture, compileFixture } from "../support/compiled-fixture.js";
import { type Choose, DROP_ALL, KEEP_ALL, Platter, seededChoose } from "../support/platter.js";
import { compilePreload } from "../support/preload.js";
import { within } from "../support/wait.js";
import { type Recorded, readWriteLog } from "../support/write-log.js";
import { bury, bytes, header, putSession, sha256, sid, streamed, tid, writersPayload } from "./values.js";

type Durability = "process" | "power";

const TURNS = 3;
/** Of a session that is there already: how it goes on is seen in its first turn. */
const LATER_TURNS = 1;
/** Before the writer is killed, where each step costs one look. */
const KILLED_TURNS = 6;
/** In the first partition: a worker of so many owns it alone. */
const id = sid("0000000000000000000000000000feed");

const preload = compilePreload("record-writes");
const root = mkdtempSync(join(tmpdir(), "rollpin-power-loss-"));
let fixture: CompiledFixture | undefined;
beforeAll(() => {
	if (preload !== null) fixture = compileFixture("store-writer");
}, 60_000);
afterAll(async () => {
	preload?.remove();
	await fixture?.remove();
	rmSync(root, { recursive: true, force: true });
});

const turnsOf = (isFirst: boolean) => (isFirst ? TURNS : LATER_TURNS);

/** A writer of so many turns that it is killed behind (and one more, or a close), and everything it did to its data dir. */
async function recordWriter(
	durability: Durability,
	point: "after-commit" | "closed",
	isFirst: boolean,
	turns: number,
): Promise<{ dir: string; base: string; log: Recorded[] }> {
	const home = mkdtempSync(join(root, `${durability}-`));
	const dir = join(home, "data");
	const dataDir = await prepareDataDir(dir);
	// The others are no matter of this writer's: each would be written anew for each loss.
	for (const name of readdirSync(join(dir, "partitions"))) {
		if (name !== "00") rmSync(join(dir, "partitions", name), { recursive: true });
	}
	if (!isFirst) {
		const partitions = new PartitionMap(PARTITION_COUNT);
		const former = await openDiskStore({
			...{ dataDir: dir, workerIndex: 0 as WorkerIndex, partitions, durability, tombstones: 10 },
			epoch: await dataDir.nextEpoch(),
		});
		// With its second commit it has a file.
		for (let commits = 0; commits < 2; commits++) await former.commit([putSession(id)]);
		await former.close();
	}
	const epoch = await dataDir.nextEpoch();
	await dataDir.release();
	const base = join(home, "base");
	cpSync(dir, base, { recursive: true });
	const args = [fixture?.path ?? "", dir, `${epoch}`, durability, id, point, `${turns}`];
	const logFile = join(home, "log");
	const env = {
		...process.env,
		...preload?.env,
		RECORD_ROOT: dir,
		RECORD_LOG: logFile,
		UV_USE_IO_URING: "0",
	};
	const child = spawn(process.execPath, [...args, `${PARTITION_COUNT}`], {
		env,
		stdio: ["ignore", "pipe", "inherit"],
	});
	child.stdout.resume();
	expect(await within("the writer's end", 20_000, once(child, "close"))).toEqual([null, "SIGKILL"]);
	return { dir, base, log: readWriteLog(logFile) };
}

/** What a reader finds of a session: refused as damaged, not there (-1), or so many turns, whole each. */
type Left = number | "refused";

/** Opens what is left as an owner does, under this boot unless told. Whole turns only, and the partition serves. */
async function turnsLeft(
	dir: string,
	durability: Durability,
	isFirst: boolean,
	bootId?: string,
): Promise<Left> {
	rmSync(join(dir, "lock"), { force: true });
	const dataDir = await prepareDataDir(dir);
	const refusals: string[] = [];
	const store = await openDiskStore({
		dataDir: dir,
		workerIndex: 0 as WorkerIndex,
		partitions: new PartitionMap(PARTITION_COUNT),
		durability,
		tombstones: 10,
		epoch: await dataDir.nextEpoch(),
		...(bootId === undefined ? {} : { bootId }),
		onPartitionRefused: (_partition, reason) => refusals.push(reason),
	});
	try {
		expect(refusals).toEqual([]);
		const session = await store.session(id).catch((error: unknown) => {
			if (error instanceof RollpinError && error.code === "store_damaged") return "refused" as const;
			throw error;
		});
		if (session === "refused") {
			// Never taken for one that was never seen, and gone when it is deleted.
			await expect(store.tombstone(id)).rejects.toMatchObject({ code: "store_damaged" });
			await expect(store.commit([putSession(id)])).rejects.toMatchObject({ code: "store_damaged" });
			await store.commit([bury(id)]);
			expect(await store.session(id)).toBeUndefined();
			return "refused";
		}
		if (session === undefined) {
			await store.commit([putSession(id)]);
			return -1;
		}
		const headers = await store.headers(id);
		expect(headers).toEqual(headers.map((_, turn) => header(turn)));
		expect(session.turnCount).toBe(headers.length);
		for (let turn = 0; turn < headers.length; turn++) {
			expect(sha256([await store.part(id, tid(turn), "prompt")])).toBe(sha256([bytes(1000, turn)]));
			expect(sha256([await store.part(id, tid(turn), "reply")])).toBe(sha256([bytes(20_000, turn + 100)]));
			expect(sha256(await streamed(store, id, turn, "payload:0"))).toBe(sha256([writersPayload(turn)]));
		}
		// It has one from its first turn on; a session that was there before, one of each owner's.
		if (isFirst) expect(filesOf(dir)).toHaveLength(headers.length === 0 ? 0 : 1);
		else expect(filesOf(dir).length).toBeLessThanOrEqual(2);
		await store.commit([putSession(id, { turnCount: headers.length, tokenCount: 1 })]);
		expect(await store.headers(id)).toEqual(headers);
		return headers.length;
	} finally {
		await store.close();
		await dataDir.release();
	}
}

/** Of sessions, in the only partition that is used. */
const filesOf = (dir: string) => readdirSync(join(dir, "partitions", "00", "sessions"));

interface Loss {
	step: number;
	variant: string;
	/** -1: not even the session was told of. */
	acknowledged: number;
	closed: boolean;
	left: Left;
}

/** What is worth losing the power for behind a step; the others would leave what the step before left. */
function variantsBehind({ type }: Recorded, step: number): Array<[string, Choose]> {
	if (type === "flush_begin") return [];
	const variants: Array<[string, Choose]> = [
		["some", seededChoose(step)],
		["some others", seededChoose(step + 1_000_000)],
	];
	// A write may be one that is on the medium when it returns.
	if (type === "flush_end" || type === "write" || type === "said")
		variants.push(["nothing unflushed", DROP_ALL]);
	if (type !== "flush_end") variants.push(["everything", KEEP_ALL]);
	return variants;
}

/** Loses the power behind every step of a log. */
async function loseEverywhere(
	durability: Durability,
	namesWithFiles: boolean,
	point: "after-commit" | "closed",
	isFirst: boolean,
): Promise<Loss[]> {
	const { dir, base, log } = await recordWriter(durability, point, isFirst, turnsOf(isFirst));
	const platter = new Platter(base, { shownAs: dir, namesWithFiles });
	const losses: Loss[] = [];
	let acknowledged = -1;
	let closed = false;
	const target = join(base, "..", "after");
	for (const [step, record] of log.entries()) {
		platter.apply(record);
		// Its first line is that the session is there.
		if (record.type === "said") {
			closed ||= record.text.includes("closed");
			acknowledged += record.text.split("\n").length - 1 - (record.text.includes("closed") ? 1 : 0);
		}
		// What it was written as must not matter to the next start.
		const openedAs = step % 3 === 2 ? (durability === "power" ? "process" : "power") : durability;
		for (const [variant, choose] of variantsBehind(record, step)) {
			rmSync(target, { recursive: true, force: true });
			platter.write(target, choose);
			const left = await turnsLeft(target, openedAs, isFirst, "the next boot").catch((error: unknown) => {
				const where = `behind step ${step} (${record.type}), keeping ${variant}, opened as ${openedAs}`;
				throw new Error(where, { cause: error });
			});
			losses.push({ step, variant, acknowledged, closed, left });
		}
	}
	expect(acknowledged).toBe(turnsOf(isFirst));
	expect(closed).toBe(point === "closed");
	return losses;
}

describe.skipIf(preload === null).each([
	["of a session that it makes", true],
	["of a session that a former owner has begun", false],
] as const)("A process that is killed in turns %s", (_what, isFirst) => {
	for (const durability of ["process", "power"] as const) {
		it(`behind any step of what it does to its data dir (${durability}) leaves every acknowledged turn and nothing half`, async () => {
			const { dir, base, log } = await recordWriter(durability, "after-commit", isFirst, KILLED_TURNS);
			const platter = new Platter(base, { shownAs: dir, namesWithFiles: false });
			const target = join(base, "..", "after");
			let acknowledged = -1;
			let looks = 0;
			for (const [step, record] of log.entries()) {
				platter.apply(record);
				if (record.type === "said") acknowledged += record.text.split("\n").length - 1;
				rmSync(target, { recursive: true, force: true });
				platter.write(target, KEEP_ALL);
				const left = await turnsLeft(target, durability, isFirst);
				looks++;
				expect([acknowledged, acknowledged + 1], `behind step ${step} (${record.type})`).toContain(left);
			}
			expect([acknowledged, looks > 20]).toEqual([KILLED_TURNS, true]);
		}, 60_000);
	}
});

describe.skipIf(preload === null)("A loss of power", () => {
	it("the log of the writes tells everything that was written", async () => {
		const { dir, base, log } = await recordWriter("power", "after-commit", true, TURNS);
		const platter = new Platter(base, { shownAs: dir, namesWithFiles: false });
		for (const record of log) platter.apply(record);
		const told = join(base, "..", "told");
		platter.write(told, KEEP_ALL);
		expect(contents(told)).toEqual(contents(dir));
	}, 60_000);
});

describe.skipIf(preload === null).each([
	["of a session that the writer has made", true],
	["of a session that a former owner has begun", false],
] as const)("A loss of power in turns %s", (_what, isFirst) => {
	it("under --durability power takes no acknowledged turn, whatever of the unflushed is kept", async () => {
		const losses = await loseEverywhere("power", false, "after-commit", isFirst);
		expect(losses.filter(({ left }) => left === "refused")).toEqual([]);
		expect(losses.filter(({ acknowledged, left }) => Number(left) < acknowledged)).toEqual([]);
		expect(losses.filter(({ acknowledged, left }) => Number(left) > acknowledged + 1)).toEqual([]);
	}, 120_000);

	it("under --durability process takes the last moments at most, never a half turn, and what it takes is seen", async () => {
		const losses = await loseEverywhere("process", true, "after-commit", isFirst);
		expect(losses.filter(({ acknowledged, left }) => left !== "refused" && left > acknowledged + 1)).toEqual(
			[],
		);
		const kept = losses.filter(({ variant }) => variant === "everything");
		expect(kept.filter(({ acknowledged, left }) => left === "refused" || left < acknowledged)).toEqual([]);
		// A session whose name outlived its bytes is refused: nobody takes it for a new one.
		expect(losses.some(({ left }) => left === "refused")).toBe(true);
	}, 120_000);

	it("under --durability process takes nothing of a store that was closed", async () => {
		const losses = await loseEverywhere("process", true, "closed", isFirst);
		const closed = losses.filter((loss) => loss.closed);
		expect(closed.length).toBeGreaterThan(0);
		expect(closed.filter(({ left }) => left !== turnsOf(isFirst))).toEqual([]);
	}, 120_000);
});

/** Hash of every file. */
function contents(dir: string): Record<string, string> {
	const files = readdirSync(dir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
	return Object.fromEntries(
		files
			.map(({ parentPath, name }) => join(parentPath, name))
			.sort()
			.map((path) => [path.slice(dir.length), sha256([readFileSync(path)])]),
	);
}
