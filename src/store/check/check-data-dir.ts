// Checks every byte that counts of a data dir, beside its cluster or without one. Takes no lock, repairs nothing.
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { ConfigError } from "../../base/errors.js";
import type { Partition } from "../../base/ids.js";
import { PARTITION_COUNT } from "../../base/partitions.js";
import { bootId } from "../../data-dir/boot-id.js";
import { checkFormat, isOwnName } from "../../data-dir/data-dir.js";
import { readLaunch } from "../../data-dir/launch.js";
import { bootTagOf } from "../files/boot-tag.js";
import { Descriptors } from "../files/descriptors.js";
import { Medium } from "../files/medium.js";
import { isMissing } from "../store-errors.js";
import { checkBuffer } from "./file-check.js";
import { type Finding, leftover } from "./finding.js";
import { checkPartition } from "./partition-check.js";

/** One session is read after the other. */
const FILES_KEPT_OPEN = 16;

export interface CheckResult {
	/** That are served whole. */
	sessions: number;
	damagedSessions: number;
	damagedPartitions: number;
	/** Findings of each kind. */
	damaged: number;
	harmed: number;
	leftovers: number;
	/** That were read. */
	bytes: number;
}

export interface CheckListener {
	found(finding: Finding): void;
	/** After each session, and each partition. */
	progress(partitions: number, result: CheckResult): void;
}

/**
 * @param dataDir absolute path
 * @throws ConfigError when it is none, or of another format; what the system throws
 */
export async function checkDataDir(dataDir: string, listener: CheckListener): Promise<CheckResult> {
	const result: CheckResult = {
		...{ sessions: 0, damagedSessions: 0, damagedPartitions: 0 },
		...{ damaged: 0, harmed: 0, leftovers: 0, bytes: 0 },
	};
	const found = (finding: Finding): void => {
		const { kind, scope } = finding;
		if (kind === "leftover") result.leftovers++;
		else result[kind]++;
		if (kind === "damaged" && scope === "partition") result.damagedPartitions++;
		listener.found(finding);
	};
	const names = await readdir(dataDir).catch((error: unknown) => {
		const reason = error instanceof Error ? error.message : String(error);
		throw new ConfigError(`--data-dir: ${dataDir} can't be read (${reason}); give the data dir of a cluster`);
	});
	await checkFormat(dataDir);
	await checkNames(dataDir, names, found);
	const medium = new Medium();
	const descriptors = new Descriptors(FILES_KEPT_OPEN, medium);
	const shared = { dataDir, medium, descriptors, bootTag: bootTagOf(bootId()), buffer: checkBuffer() };
	try {
		for (let index = 0; index < PARTITION_COUNT; index++) {
			await checkPartition(index as Partition, {
				...shared,
				found,
				checked({ isWhole, isBuried, bytes }) {
					if (isWhole) result.sessions++;
					else if (!isBuried) result.damagedSessions++;
					result.bytes += bytes;
					listener.progress(index, result);
				},
			});
			// What was open is of no more use.
			descriptors.close();
			listener.progress(index + 1, result);
		}
	} finally {
		descriptors.close();
	}
	await checkLaunch(dataDir, result, found);
	return result;
}

async function checkNames(
	dataDir: string,
	names: readonly string[],
	found: (finding: Finding) => void,
): Promise<void> {
	for (const name of names) {
		if (isOwnName(name)) continue;
		const isTemporary = name.endsWith(".tmp");
		const what = isTemporary ? "a file that was never finished" : "no file of this program's";
		found(
			leftover(
				null,
				join(dataDir, name),
				what,
				isTemporary ? "remove it while no cluster runs" : "move it elsewhere",
			),
		);
	}
	const file = join(dataDir, "epoch");
	const text = await readFile(file, "utf8").catch((error: unknown) => {
		if (isMissing(error)) return "0";
		throw error;
	});
	if (/^\d+$/.test(text.trim())) return;
	const what = "it holds no number: the clock is taken instead";
	found({
		...{
			kind: "harmed",
			scope: "data_dir",
			partition: null,
			session: null,
			what,
			places: [{ file, offset: 0, what }],
			turns: null,
		},
		exportable: null,
		remedy: "none: the next start writes it anew",
	});
}

async function checkLaunch(
	dataDir: string,
	{ sessions, damagedSessions }: CheckResult,
	found: (finding: Finding) => void,
): Promise<void> {
	const file = join(dataDir, "launch.json");
	let what: string | null = null;
	try {
		if ((await readLaunch(dataDir)) === null && sessions + damagedSessions > 0) what = "it is gone";
	} catch (error) {
		if (!(error instanceof ConfigError)) throw error;
		what = "it is damaged, or of another version";
	}
	if (what === null) return;
	found({
		...{
			kind: "damaged",
			scope: "data_dir",
			partition: null,
			session: null,
			what,
			places: [{ file, offset: null, what }],
			turns: null,
		},
		exportable: "all of it with --format jsonl; else give --checkpoint, --tito-model, --mode and --backends",
		remedy:
			"restore it from a copy, or remove it and start with the very settings of before: nothing else keeps another tokenizer " +
			"off these sessions",
	});
}
