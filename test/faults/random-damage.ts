// Random damage to a stored set, and what a reader, an owner and a check make of it: every session is as it was, or refused; and
// refused are only those whose files, or whose partition's, were harmed. All of a run follows from its seed.
import {
	closeSync,
	cpSync,
	ftruncateSync,
	openSync,
	readdirSync,
	readFileSync,
	readSync,
	rmSync,
	statSync,
	writeFileSync,
	writeSync,
} from "node:fs";
import { join } from "node:path";
import { RollpinError } from "../../src/base/errors.js";
import type { SessionId } from "../../src/base/ids.js";
import { partitionOf } from "../../src/base/partitions.js";
import { checkDataDir } from "../../src/store/check/check-data-dir.js";
import { fileStem } from "../../src/store/disk/names.js";
import { openDiskReader } from "../../src/store/disk/reader.js";
import type { ReadableStore, Store } from "../../src/store/store.js";
import { append, bytes, putSession, tid } from "../store/values.js";
import { Chance } from "./random.js";
import { type StoredSet, tell } from "./stored-set.js";

const PAGE_BYTES = 4096;

export interface DamageReport {
	harms: string[];
	refused: number;
	/** None is what is hoped for. */
	findings: string[];
}

/** Harms a file at one place or more. Returns what was done. */
function harm(path: string, others: readonly string[], chance: Chance): string {
	const { size } = statSync(path);
	const kind =
		size === 0
			? "append"
			: chance.pick(["flip", "flip", "flip", "zero", "zero", "cut", "append", "other"] as const);
	const fd = openSync(path, "r+");
	try {
		if (kind === "flip") {
			const places = chance.integer(1, 4);
			for (let place = 0; place < places; place++) {
				// Heads and slots are small, and decide much.
				const at = chance.integer(0, (chance.next() < 0.3 ? Math.min(size, 800) : size) - 1);
				const byte = Buffer.alloc(1);
				readSync(fd, byte, 0, 1, at);
				byte.writeUInt8(byte.readUInt8(0) ^ (1 << chance.integer(0, 7)), 0);
				writeSync(fd, byte, 0, 1, at);
			}
			return `${places} flips in ${path}`;
		}
		if (kind === "zero") {
			const at = PAGE_BYTES * chance.integer(0, Math.floor((size - 1) / PAGE_BYTES));
			writeSync(fd, Buffer.alloc(Math.min(PAGE_BYTES, size - at)), 0, Math.min(PAGE_BYTES, size - at), at);
			return `page ${at} of ${path} zeroed`;
		}
		if (kind === "cut") {
			const length = chance.integer(0, size - 1);
			ftruncateSync(fd, length);
			return `${path} cut to ${length} of ${size}`;
		}
		if (kind === "append") {
			writeSync(fd, bytes(chance.integer(1, 5000), 3), 0, 1, size);
			return `${path} appended to`;
		}
	} finally {
		closeSync(fd);
	}
	const other = chance.pick(others);
	writeFileSync(path, readFileSync(other));
	return `${path} overwritten by ${other}`;
}

const isRefusal = (error: unknown) =>
	error instanceof RollpinError && ["store_damaged", "partition_refused"].includes(error.code);

/** @param kept a copy of the set as it was */
export async function attack(set: StoredSet, kept: string, seed: number): Promise<DamageReport> {
	const chance = new Chance(seed);
	const { dir, sessions, deleted } = set;
	for (const name of readdirSync(dir.path))
		if (!name.startsWith("lock")) rmSync(join(dir.path, name), { recursive: true });
	cpSync(kept, dir.path, { recursive: true });
	const partitions = join(dir.path, "partitions");
	const files = readdirSync(partitions, { recursive: true, withFileTypes: true })
		.filter((entry) => entry.isFile())
		.map(({ parentPath, name }) => join(parentPath, name))
		.sort();
	const harmed = new Set<string>();
	const harms: string[] = [];
	const rounds = chance.integer(1, 6);
	for (let round = 0; round < rounds; round++) {
		const path = chance.pick(files);
		harmed.add(path);
		harms.push(harm(path, files, chance));
	}
	const findings: string[] = [];
	/** Whether damage explains that the session is refused. */
	const isExplained = (id: SessionId) => {
		const own = join(partitions, String(partitionOf(id)).padStart(2, "0"));
		return [...harmed].some((path) => {
			if (!path.startsWith(`${own}/`)) return false;
			const isPartitions = !path.startsWith(`${own}/sessions/`);
			return isPartitions || path.startsWith(`${own}/sessions/${fileStem(id)}.`);
		});
	};
	const look = async (who: string, store: ReadableStore): Promise<Set<SessionId>> => {
		const refused = new Set<SessionId>();
		for (const [id, told] of sessions) {
			try {
				const now = await tell(store, id);
				if (now !== told) findings.push(`${who}: ${id} is ${now === undefined ? "not there" : "another"}`);
			} catch (error) {
				if (isRefusal(error)) refused.add(id);
				else findings.push(`${who}: ${id}: ${String(error)}`);
				if (!isExplained(id)) findings.push(`${who}: ${id} is refused, and nothing of it was harmed`);
			}
		}
		for (const id of deleted) {
			try {
				if ((await store.tombstone(id)) === undefined)
					findings.push(`${who}: ${id} is not known to be deleted`);
			} catch (error) {
				if (!isRefusal(error) || !isExplained(id)) findings.push(`${who}: deleted ${id}: ${String(error)}`);
			}
		}
		return refused;
	};
	let refused = new Set<SessionId>();
	try {
		const told = { onPartitionRefused: () => undefined };
		const reader = await openDiskReader({ dataDir: dir.path, ...told });
		const besideRefused = await look("reader", reader);
		await reader.close();
		const checked = new Set<string>();
		await checkDataDir(dir.path, {
			found({ kind, scope, session, places, partition }) {
				if (kind !== "damaged" || scope === "data_dir") return;
				for (const id of sessions.keys()) {
					const isPartitions = scope === "partition" && partitionOf(id) === partition;
					// Of one whose head is gone the file's name alone tells.
					const isNamed = places.some(({ file }) => file.includes(`/${fileStem(id)}.`));
					if (isPartitions || session === id || (scope === "session" && isNamed)) checked.add(id);
				}
			},
			progress: () => undefined,
		});
		const store = await dir.open(told);
		refused = await look("owner", store);
		for (const id of sessions.keys()) {
			const said = `${refused.has(id)} ${besideRefused.has(id)} ${checked.has(id)}`;
			if (said !== "true true true" && said !== "false false false") {
				findings.push(`${id}: refused by owner, reader, check: ${said}`);
			}
		}
		await goOn(store, set, refused, chance, findings);
		await store.close();
	} catch (error) {
		findings.push(`thrown: ${error instanceof Error ? error.stack : String(error)}`);
	}
	return { harms, refused: refused.size, findings };
}

/** What is served takes a turn, what is refused takes none. */
async function goOn(
	store: Store,
	{ sessions }: StoredSet,
	refused: ReadonlySet<SessionId>,
	chance: Chance,
	findings: string[],
): Promise<void> {
	const some = [...sessions.keys()].filter((id) => refused.has(id) || chance.next() < 0.1);
	for (const id of some) {
		const turn = 900 + chance.integer(0, 90);
		try {
			await store.commit([append(id, turn, { reply: [bytes(500, turn)] }), putSession(id, { turnCount: 1 })]);
			if (refused.has(id)) findings.push(`${id} is refused, and takes a turn`);
			if (!(await store.part(id, tid(turn), "reply")).equals(bytes(500, turn)))
				findings.push(`${id}: another turn`);
		} catch (error) {
			if (!refused.has(id) || !isRefusal(error)) findings.push(`${id}, a turn more: ${String(error)}`);
		}
	}
}
