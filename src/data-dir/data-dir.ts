// The data dir as a whole: its format, its lock, its epochs. Opens no partition.
import { chmod, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { ConfigError } from "../base/errors.js";
import { PARTITION_COUNT } from "../base/partitions.js";
import { readIfThere, replaceFile } from "./durable-file.js";
import { type LockOptions, takeLock } from "./lock.js";
import { LOCK_NAME } from "./lock-record.js";
import { makeDirectory } from "./make-directory.js";
import { isUnused, makePartitions } from "./new-partitions.js";
import { RESERVE_NAME, SPARE_NAME, withReserve } from "./reserve.js";

const FORMAT_VERSION = 3;
/** What else an older format is known by. */
const NAMED_FORMATS: ReadonlyMap<number, string> = new Map([
	[1, " (LMDB, up to version 0.2)"],
	[2, " (before partitions were made with the data dir)"],
]);

/** A data dir that this process holds the lock of. */
export interface DataDir {
	readonly path: string;
	/**
	 * A number greater than every one handed out before for this data dir, also across restarts. Every worker that
	 * is spawned opens its store with a fresh one; that is what shuts its predecessor out.
	 * @throws ConfigError when another cluster has taken the directory over
	 */
	nextEpoch(): Promise<number>;
	/** Resolves, with one line for the operator, when another cluster has taken the directory over. */
	readonly lost: Promise<string>;
	/** Gives the lock back, unless another cluster has it by now. */
	release(): Promise<void>;
}

/**
 * Creates or checks the data dir and takes its lock; called once by the primary, before it forks.
 * @throws ConfigError when it is in use, isn't ours, has another format, or can't be written
 */
export async function prepareDataDir(path: string, options: LockOptions = {}): Promise<DataDir> {
	try {
		return await prepare(path, options);
	} catch (error) {
		if (error instanceof ConfigError) throw error;
		const reason = error instanceof Error ? error.message : String(error);
		throw new ConfigError(
			`--data-dir: ${path} can't be used: ${reason}; choose a directory this user may write`,
			{
				cause: error,
			},
		);
	}
}

/**
 * A mounted volume's root belongs to whoever made it, as a rule to root with a group that may write (Kubernetes' fsGroup): only that
 * owner could change its mode, and all that is made inside is closed by itself.
 */
async function closeToOthers(path: string): Promise<void> {
	try {
		await chmod(path, 0o700);
	} catch (error) {
		const owner = (await stat(path)).uid;
		if (owner === process.geteuid?.()) throw error;
	}
}

async function prepare(path: string, options: LockOptions): Promise<DataDir> {
	await makeDirectory(path, 0o700);
	const foreign = await holdsOthersFiles(path);
	const format = await readIfThere(formatFile(path));
	if (foreign && format === undefined) {
		throw new ConfigError(
			`--data-dir: ${path} is neither empty nor a data dir (it has no format.json); choose an empty directory`,
		);
	}
	await closeToOthers(path);
	const lock = await withReserve(path, () => takeLock(join(path, LOCK_NAME), options));
	try {
		if (format === undefined) {
			await withReserve(path, () => makePartitions(partitionsDirectory(path)));
			const created = { format: FORMAT_VERSION, partitions: PARTITION_COUNT };
			await replaceFile(formatFile(path), `${JSON.stringify(created)}\n`);
		}
		await checkFormat(path);
	} catch (error) {
		await lock.release();
		throw error;
	}
	let last = Number((await readIfThere(epochFile(path))) ?? 0);
	let queue: Promise<unknown> = Promise.resolve();
	return {
		path,
		lost: lock.lost,
		nextEpoch() {
			const next = queue.then(async () => {
				// The clock keeps epochs growing even if the file of the last one is lost or damaged.
				const epoch = Math.max(Number.isSafeInteger(last) ? last + 1 : 0, Date.now());
				// A primary that was stopped for longer than its lease must not outbid the one that took over: that one reads
				// the file after it has the lock, so an epoch that was written while the lock was still held is below its own.
				await lock.check();
				await withReserve(path, () => replaceFile(epochFile(path), `${epoch}\n`));
				await lock.check();
				last = epoch;
				return epoch;
			});
			queue = next.catch(() => undefined);
			return next;
		},
		release: () => lock.release(),
	};
}

/** Anything but what a start that was killed before it wrote the format down leaves behind. */
async function holdsOthersFiles(path: string): Promise<boolean> {
	for (const entry of await readdir(path, { withFileTypes: true })) {
		if (entry.name.startsWith("lock") || entry.name.endsWith(".tmp")) continue;
		// An ext4 volume's root is born with it.
		if (entry.name === "lost+found") continue;
		const whole = join(path, entry.name);
		const isOwn = entry.isDirectory() && whole === partitionsDirectory(path);
		if (!isOwn || !(await isUnused(whole))) return true;
	}
	return false;
}

/** @throws ConfigError when the directory holds no data, or data of another format */
export async function checkFormat(path: string): Promise<void> {
	const text = await readIfThere(formatFile(path));
	let format: { format?: unknown; partitions?: unknown } | null = null;
	try {
		format = JSON.parse(text ?? "null") as { format?: unknown; partitions?: unknown } | null;
	} catch {
		// Told below, with the remedy.
	}
	if (typeof format !== "object" || format === null || typeof format.format !== "number") {
		throw new ConfigError(
			`--data-dir: ${formatFile(path)} is ${text === undefined ? "missing" : "damaged"}; restore it from a copy of ` +
				`this data dir, or choose an empty directory`,
		);
	}
	if (format.format !== FORMAT_VERSION || format.partitions !== PARTITION_COUNT) {
		throw new ConfigError(
			`--data-dir: ${path} has format ${format.format}${NAMED_FORMATS.get(format.format) ?? ""} with ` +
				`${String(format.partitions)} partitions, this version reads format ${FORMAT_VERSION} with ${PARTITION_COUNT}; serve ` +
				"or export it with the version that wrote it, and choose an empty directory for this one",
		);
	}
}

const OWN_NAMES: ReadonlySet<string> = new Set([
	"format.json",
	"epoch",
	"launch.json",
	"partitions",
	"sandboxes",
	RESERVE_NAME,
	SPARE_NAME,
]);

/** Whether a data dir has a use for a file of that name. */
export function isOwnName(name: string): boolean {
	return OWN_NAMES.has(name) || name === LOCK_NAME || name.startsWith(`${LOCK_NAME}.`);
}

export const partitionsDirectory = (path: string) => join(path, "partitions");
const formatFile = (path: string) => join(path, "format.json");
const epochFile = (path: string) => join(path, "epoch");
