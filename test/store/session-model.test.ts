// Random commits and reads of many sessions, against a model: no byte lost, doubled or mixed up, no file left over.
import { existsSync, readdirSync, readlinkSync } from "node:fs";
import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { RollpinError } from "../../src/base/errors.js";
import type { Partition, SessionId, WorkerIndex } from "../../src/base/ids.js";
import { PARTITION_COUNT, PartitionMap } from "../../src/base/partitions.js";
import { type DataDir, prepareDataDir } from "../../src/data-dir/data-dir.js";
import { partitionDirectory, sessionsDirectory } from "../../src/store/disk/names.js";
import { openDiskStore } from "../../src/store/disk/store.js";
import type { PartCursor, PartName, Store } from "../../src/store/store.js";
import { TurnGone } from "../../src/store/store-errors.js";
import { type ModelSession, type ModelTurn, modelIds, StoreModel } from "../support/store-model.js";
import { until } from "../support/wait.js";
import { tid } from "./values.js";

const PARTITION = 0 as Partition;
const ids = modelIds(6);
/** Of each owner. */
const ROUNDS = 15;

let dataDir: DataDir;
beforeEach(async () => {
	dataDir = await prepareDataDir(await mkdtemp(join(tmpdir(), "rollpin-model-")));
});
afterEach(async () => {
	await dataDir.release();
	await rm(dataDir.path, { recursive: true, force: true });
});

const partition = () => partitionDirectory(dataDir.path, PARTITION);
const files = () => sessionsDirectory(partition());

/** A worker of so many owns the first partition alone. */
async function open(filesKeptOpen: number): Promise<Store> {
	return openDiskStore({
		dataDir: dataDir.path,
		workerIndex: 0 as WorkerIndex,
		partitions: new PartitionMap(PARTITION_COUNT),
		durability: "process",
		tombstones: 100,
		epoch: await dataDir.nextEpoch(),
		reserveBytes: 0,
		filesKeptOpen,
		onPartitionRefused: (_partition, reason) => {
			throw new Error(reason);
		},
		onSessionDamaged: (_id, _file, reason) => {
			throw new Error(reason);
		},
	});
}

/** What is open of the partition's files; null where the system doesn't tell. */
function openFiles(): string[] | null {
	if (!existsSync("/proc/self/fd")) return null;
	const links = readdirSync("/proc/self/fd").flatMap((descriptor) => {
		try {
			return [readlinkSync(`/proc/self/fd/${descriptor}`)];
		} catch {
			return [];
		}
	});
	return links.filter((link) => link.startsWith(files()));
}

async function expectStored(store: Store, id: SessionId, model: ModelSession): Promise<void> {
	expect((await store.session(id)) !== undefined, id).toBe(model !== null);
	const headers = await store.headers(id);
	const wanted = [...(model ?? [])].sort(([left], [right]) => left - right);
	expect(headers.map((header) => [header.id, header.timestamp])).toEqual(
		wanted.map(([turn, { timestamp }]) => [turn, timestamp]),
	);
	for (const [turn, { parts }] of wanted) {
		for (const [name, { bytes, dropped }] of parts) {
			expect(await store.partLength(id, tid(turn), name)).toBe(bytes.length);
			const read = store.part(id, tid(turn), name);
			if (dropped) await expect(read).rejects.toBeInstanceOf(TurnGone);
			else if (!(await read).equals(bytes)) throw new Error(`session ${id}, turn ${turn}, ${name} differs`);
		}
	}
}

/** There is a file for what is stored and nothing else, as long as the store says; a session may have none before its first turn. Gives the names. */
async function expectTidy(store: Store, sessions: ReadonlyMap<SessionId, ModelSession>): Promise<string[]> {
	const counted = await store.sizeBytes();
	const names = (await readdir(files())).sort();
	let bytes = 0;
	for (const name of names) bytes += (await stat(join(files(), name))).size;
	for (const name of await readdir(partition())) {
		if (name.startsWith("ledger.")) bytes += (await stat(join(partition(), name))).size;
	}
	expect(counted).toBe(bytes);
	const live = ids.filter((id) => (sessions.get(id) ?? null) !== null);
	const filed = new Set(names.map((name) => name.split(".")[0]));
	expect([...filed]).toEqual(live.filter((id) => filed.has(id) || (sessions.get(id)?.size ?? 0) > 0));
	return names;
}

interface Read {
	id: SessionId;
	turn: number;
	name: PartName;
	model: ModelTurn;
	bytes: Buffer;
}

function readable(sessions: ReadonlyMap<SessionId, ModelSession>): Read[] {
	return [...sessions].flatMap(([id, session]) =>
		[...(session ?? [])].flatMap(([turn, model]) =>
			[...model.parts]
				.filter(([, part]) => !part.dropped)
				.map(([name, { bytes }]) => ({ id, turn, name, model, bytes })),
		),
	);
}

/** Reads a part in a random manner; true when it was whole, false when it is gone. */
async function readSlowly(store: Store, random: StoreModel, read: Read): Promise<boolean> {
	const { id, turn, name, bytes } = read;
	const [manner, size, pause] = [random.below(4), 1 + random.below(90_000), random.below(3)];
	const found: Buffer[] = [];
	let cursor: PartCursor | undefined;
	try {
		if (manner === 0) found.push(await store.part(id, tid(turn), name));
		else if (manner === 1) {
			const buffers = [Buffer.alloc(size)];
			for await (const piece of store.streamPart(id, tid(turn), name, buffers)) {
				found.push(Buffer.from(piece));
				for (let wait = 0; wait < pause; wait++) await new Promise(setImmediate);
			}
		} else {
			cursor = store.openPart(id, tid(turn), name);
			for (;;) {
				const buffer = Buffer.alloc(size);
				const length = (manner === 2 ? null : cursor.readNow(buffer)) ?? (await cursor.read(buffer));
				found.push(buffer.subarray(0, length));
				if (length < size) break;
				for (let wait = 0; wait < pause; wait++) await new Promise(setImmediate);
			}
		}
	} catch (error) {
		if (error instanceof TurnGone) return false;
		throw error;
	} finally {
		await cursor?.close();
	}
	if (!Buffer.concat(found).equals(bytes)) throw new Error(`read of ${id}, turn ${turn}, ${name} differs`);
	return true;
}

async function round(
	store: Store,
	random: StoreModel,
	writers: ReadonlyMap<SessionId, StoreModel>,
	sessions: Map<SessionId, ModelSession>,
): Promise<void> {
	const before = readable(sessions);
	const reads = Array.from({ length: Math.min(8, before.length) }, () => random.pick(before)).map(
		async (read) => ({ read, whole: await readSlowly(store, random, read) }),
	);
	const commits = ids
		.filter(() => random.below(2) === 0)
		.map(async (id) => {
			const writer = writers.get(id) as StoreModel;
			for (let left = 1 + writer.below(3); left > 0; left--) {
				const commit = writer.commit(id, sessions.get(id) ?? null);
				const refused = await store.commit(commit.ops).then(
					() => false,
					(error: unknown) => {
						if (error instanceof RollpinError && error.code === "session_state_conflict") return true;
						throw error;
					},
				);
				// What is in memory must be what is stored.
				if (writer.below(3) === 0) store.cool(id);
				if (commit.mustRefuse) expect(refused).toBe(true);
				else if (refused) expect(commit.mayRefuse).toBe(true);
				if (!refused) sessions.set(id, commit.behind);
			}
		});
	await Promise.all(commits);
	for (const { read, whole } of await Promise.all(reads)) {
		if (whole) continue;
		const left = sessions.get(read.id)?.get(read.turn);
		const stays = left?.timestamp === read.model.timestamp && left.parts.get(read.name)?.dropped === false;
		expect(stays, `${read.id}, turn ${read.turn}, ${read.name} was said to be gone`).toBe(false);
	}
}

describe("Random commits and reads, many at once", () => {
	for (const [filesKeptOpen, seed] of [
		[0, 11],
		[1, 22],
		[2, 33],
		[256, 44],
	] as const) {
		it(`lose, double or mix up no byte and leave no file with ${filesKeptOpen} files kept open (seed ${seed})`, async () => {
			const random = new StoreModel(seed);
			// One each: what they do must not depend on how their commits interleave.
			const writers = new Map(ids.map((id, index) => [id, new StoreModel(seed * 64 + index * 2)]));
			const sessions = new Map<SessionId, ModelSession>();
			for (let owner = 0; owner < 3; owner++) {
				const store = await open(filesKeptOpen);
				try {
					for (const id of ids) await expectStored(store, id, sessions.get(id) ?? null);
					await expectTidy(store, sessions);
					for (let made = 0; made < ROUNDS; made++) {
						await round(store, random, writers, sessions);
						await store.sizeBytes();
						// Sessions that were cooled are being flushed.
						await until("no file more open than may stay", 5000, async () => {
							const kept = openFiles() ?? [];
							return kept.length <= filesKeptOpen && !kept.some((link) => link.endsWith("(deleted)"));
						});
					}
					for (const id of ids) await expectStored(store, id, sessions.get(id) ?? null);
					await expectTidy(store, sessions);
				} finally {
					await store.close();
				}
				expect(openFiles() ?? []).toEqual([]);
				const left = (await readdir(files())).sort();
				const again = await open(filesKeptOpen);
				expect(await expectTidy(again, sessions)).toEqual(left);
				await again.close();
			}
			const last = await open(filesKeptOpen);
			for (const id of ids) {
				await last.commit([{ op: "bury", tombstone: { id, reason: "deleted", at: 1 } }]);
			}
			expect(await readdir(files())).toEqual([]);
			await last.close();
		}, 60_000);
	}
});
