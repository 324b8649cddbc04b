// Records of sandboxes on disk: one small file each, whole after a crash. Knows no backend.
import { readdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { RollpinError } from "../base/errors.js";
import { isSessionId } from "../base/partitions.js";
import { randomHex } from "../base/random-hex.js";
import { readIfThere, replaceFile } from "../data-dir/durable-file.js";
import { makeDirectory } from "../data-dir/make-directory.js";
import { isSandboxId } from "./ids.js";
import { readRecord, type SandboxRecord } from "./record.js";

/** A file that is there and holds no record. */
export interface DamagedRecord {
	id: string;
	/** As far as it can still be read in it. */
	sessionId: string | null;
	path: string;
	error: unknown;
}

export interface LoadedRecords {
	records: SandboxRecord[];
	damaged: DamagedRecord[];
	/** How many were another data dir's, of which this one is a copy. They are removed: their sandboxes are the other one's. */
	foreign: number;
}

export interface RecordStore {
	/** Whose sandboxes these are: one name for each data dir, for good. */
	readonly instance: string;
	/** Whether what bears that name at the backend is surely another cluster's. */
	isForeign(instance: string | null): boolean;
	/** Whatever can be read; a damaged record costs its own sandbox only. @throws what the system throws */
	load(): Promise<LoadedRecords>;
	/**
	 * Survives a crash when this resolves. Calls for one record are done in their order.
	 * @throws RollpinError `store_unavailable`
	 */
	put(record: SandboxRecord): Promise<void>;
	delete(id: string): Promise<void>;
}

/** For `--store memory`: whatever a process of that kind leaves ends at its deadline, and nobody knows it before. */
export function memoryRecords(): RecordStore {
	return {
		instance: randomHex(16),
		// Its own earlier process had another name.
		isForeign: () => false,
		load: async () => ({ records: [], damaged: [], foreign: 0 }),
		put: async () => undefined,
		delete: async () => undefined,
	};
}

/** @param directory made when it is missing */
export async function diskRecords(directory: string): Promise<RecordStore> {
	await makeDirectory(directory, 0o700);
	const instanceFile = join(directory, "instance");
	// A copy has the files of the directory, and not its number: two clusters of one name would end each other's sandboxes.
	const { ino } = await stat(directory, { bigint: true });
	let [instance = "", place = ""] = (await readIfThere(instanceFile))?.trim().split(" ") ?? [];
	const isNew = !/^[0-9a-f]{32}$/.test(instance) || place !== String(ino);
	if (isNew) instance = randomHex(16);
	const writes = new Map<string, Promise<void>>();
	const inOrder = (id: string, write: () => Promise<void>): Promise<void> => {
		const before = writes.get(id) ?? Promise.resolve();
		const done = before.then(write);
		const settled = done.catch(() => undefined);
		writes.set(id, settled);
		void settled.then(() => {
			if (writes.get(id) === settled) writes.delete(id);
		});
		return done;
	};
	const pathOf = (id: string): string => join(directory, `${id}.json`);
	return {
		instance,
		isForeign: (other) => other !== null && other !== instance,
		async load() {
			const records: SandboxRecord[] = [];
			let foreign = 0;
			const damaged: DamagedRecord[] = [];
			for (const name of await readdir(directory)) {
				const id = name.endsWith(".json") ? name.slice(0, -5) : "";
				if (name.endsWith(".tmp")) await rm(join(directory, name), { force: true });
				if (!isSandboxId(id)) continue;
				const path = pathOf(id);
				if (isNew) {
					await rm(path, { force: true });
					foreign++;
					continue;
				}
				const text = await readFile(path, "utf8");
				try {
					records.push(readRecord(text, id));
				} catch (error) {
					damaged.push({ id, sessionId: sessionIn(text), path, error });
				}
			}
			// Last: whatever ends this before has the next process do it anew.
			if (isNew) await replaceFile(instanceFile, `${instance} ${ino}\n`);
			return { records, damaged, foreign };
		},
		put(record) {
			const text = `${JSON.stringify(record)}\n`;
			return inOrder(record.id, async () => {
				try {
					await replaceFile(pathOf(record.id), text);
				} catch (error) {
					throw notWritten(directory, error);
				}
			});
		},
		delete: (id) => inOrder(id, () => rm(pathOf(id), { force: true })),
	};
}

function sessionIn(text: string): string | null {
	const found = /"sessionId":"([^"]+)"/.exec(text)?.[1];
	return found !== undefined && isSessionId(found) ? found : null;
}

function notWritten(directory: string, cause: unknown): RollpinError {
	const { code, message } = cause as NodeJS.ErrnoException;
	return new RollpinError(
		"store_unavailable",
		`the record of a sandbox cannot be written below ${directory} (${code ?? message}): free space there, or mend its medium, and ask again`,
		{ cause },
	);
}
