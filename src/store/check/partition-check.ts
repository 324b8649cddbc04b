// One partition as a check sees it: its owner, its ledger, and its sessions one after the other. Holds no more than one of them.
import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import type { Partition, SessionId } from "../../base/ids.js";
import { type LedgerRecord, readLedger } from "../disk/ledger.js";
import {
	type FileStamp,
	fileName,
	fileStem,
	LEDGER_STEM,
	newestLedger,
	parseFileName,
	partitionDirectory,
	sessionsDirectory,
	UNFINISHED,
} from "../disk/names.js";
import { readOwner } from "../disk/owner.js";
import { beginAnew, checkWhole, RefusedPartition } from "../disk/refused-partition.js";
import type { SessionSource } from "../disk/session-files.js";
import { isUnfiled } from "../disk/unfiled.js";
import type { Descriptors } from "../files/descriptors.js";
import type { Medium } from "../files/medium.js";
import { run } from "../files/steps.js";
import { isMissing, isSystemError } from "../store-errors.js";
import { checkFile } from "./file-check.js";
import { type Finding, leftover, type Place } from "./finding.js";
import { type CheckedSession, checkSession } from "./session-check.js";

/** Files are written anew, or removed, while a cluster runs. */
const TRIES = 5;
/** Damage that is there twice is none of a cluster's that was just writing. */
const LOOKS_AT_DAMAGE = 2;
const TRY_PAUSE_MS = 20;

const STRANGE = "no file of this program's";
const MOVE_IT = "move it elsewhere";

export interface PartitionParts {
	dataDir: string;
	medium: Medium;
	descriptors: Descriptors;
	bootTag: number;
	buffer: Buffer;
	found(finding: Finding): void;
	/** After each session. */
	checked(session: CheckedSession): void;
}

export async function checkPartition(partition: Partition, parts: PartitionParts): Promise<void> {
	const directory = partitionDirectory(parts.dataDir, partition);
	const buried = await checkRecords(directory, partition, parts);
	let names: string[];
	try {
		names = await readdir(sessionsDirectory(directory));
	} catch (error) {
		// It was told of as a part of the partition.
		if (isSystemError(error) && buried === null) return;
		throw error;
	}
	const files = stampsByStem(names);
	for (const [stem, stamps] of files) {
		await checkStem(directory, partition, stem, stamps, buried ?? new Map(), parts);
	}
	// A session without a file stands in the ledger, which was read.
	for (const record of buried?.values() ?? []) {
		if (!isUnfiled(record) || files.has(fileStem(record.id))) continue;
		parts.checked({ findings: [], isWhole: true, isBuried: false, bytes: 0 });
	}
	for (const name of names) {
		const path = `${sessionsDirectory(directory)}/${name}`;
		// A running cluster's has its name by now.
		if (parseFileName(name) !== null || !existsSync(path)) continue;
		const isUnfinished = name.endsWith(UNFINISHED);
		const what = isUnfinished ? "a file that was never finished" : STRANGE;
		const remedy = isUnfinished ? "none: the next worker removes it" : MOVE_IT;
		parts.found(leftover(partition, path, what, remedy));
	}
}

/** Owner and ledger. What is known of deleted ids; null: the partition is refused, and nobody can tell. */
async function checkRecords(
	directory: string,
	partition: Partition,
	{ medium, bootTag, found, buffer }: PartitionParts,
): Promise<ReadonlyMap<SessionId, LedgerRecord> | null> {
	for (let tries = 1; ; tries++) {
		let places: readonly Place[] = [];
		try {
			const { ledger } = await run(readOwner(medium, directory));
			const names = await readdir(directory);
			checkWhole(directory, names, ledger);
			const newest = newestLedger(names);
			const path = newest === null ? null : `${directory}/${fileName(LEDGER_STEM, newest)}`;
			if (path !== null) places = (await run(checkFile(medium, path, null, buffer))).places;
			const known = newest === null ? null : await run(readLedger(medium, directory, newest, bootTag));
			if (places.length > 0) found(harmedLedger(partition, places));
			for (const name of names) {
				const isKnown = name === "owner" || name === "sessions" || `${directory}/${name}` === path;
				if (isKnown) continue;
				const isFormer = parseFileName(name)?.stem === LEDGER_STEM || name.endsWith(UNFINISHED);
				const what = isFormer ? "a former ledger, or one that was never finished" : STRANGE;
				const remedy = isFormer ? "none: it goes with the next record" : MOVE_IT;
				found(leftover(partition, `${directory}/${name}`, what, remedy));
			}
			return known?.records ?? new Map();
		} catch (error) {
			if (!(error instanceof RefusedPartition || isSystemError(error))) throw error;
			if (tries < TRIES && !isLasting(error)) {
				await pause();
				continue;
			}
			const refused =
				error instanceof RefusedPartition ? error : new RefusedPartition(String(error), beginAnew(directory));
			found({
				...{ kind: "damaged", scope: "partition", partition, session: null, what: refused.why, turns: null },
				places: places.length > 0 ? places : [{ file: directory, offset: null, what: refused.why }],
				exportable: "nothing of its sessions",
				remedy: refused.remedy,
			});
			return null;
		}
	}
}

function harmedLedger(partition: number, places: readonly Place[]): Finding {
	return {
		...{
			kind: "harmed",
			scope: "partition",
			partition,
			session: null,
			what: "its ledger is not as written",
			places,
			turns: null,
		},
		exportable: null,
		remedy: "none: it is written anew in time; the medium that changed these bytes may change others",
	};
}

async function checkStem(
	directory: string,
	partition: Partition,
	stem: string,
	listed: readonly FileStamp[],
	buried: ReadonlyMap<SessionId, LedgerRecord>,
	parts: PartitionParts,
): Promise<void> {
	const { medium, descriptors, bootTag, buffer, found, checked } = parts;
	const source: SessionSource = {
		...{ medium, descriptors, bootTag },
		pathOf: (stamp) => `${sessionsDirectory(directory)}/${fileName(stem, stamp)}`,
		isOwn: () => false,
	};
	let stamps: readonly FileStamp[] = listed;
	for (let tries = 1, damaged = 0; ; tries++) {
		try {
			const session = await run(checkSession({ stem, stamps, partition, source, buried, buffer }));
			if (!(session.isWhole || session.isBuried)) damaged++;
			if (damaged === 0 || damaged === LOOKS_AT_DAMAGE) {
				for (const finding of session.findings) found(finding);
				checked(session);
				return;
			}
		} catch (error) {
			if (!isMissing(error) || tries === TRIES) throw error;
		}
		await pause();
		stamps = stampsByStem(await readdir(sessionsDirectory(directory))).get(stem) ?? [];
		// Deleted meanwhile.
		if (stamps.length === 0) return;
	}
}

function stampsByStem(names: readonly string[]): Map<string, FileStamp[]> {
	const all = new Map<string, FileStamp[]>();
	for (const name of names) {
		const parsed = parseFileName(name);
		if (parsed === null) continue;
		const stamps = all.get(parsed.stem);
		if (stamps === undefined) all.set(parsed.stem, [parsed.stamp]);
		else stamps.push(parsed.stamp);
	}
	return all;
}

/** No cluster that goes on makes it better. */
function isLasting(error: unknown): boolean {
	return isSystemError(error) && !isMissing(error);
}

const pause = () => new Promise((resolve) => setTimeout(resolve, TRY_PAUSE_MS));
