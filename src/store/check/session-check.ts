// One session as a check sees it: what a cluster would make of its files, and where they are not as they were written.
import type { SessionId } from "../../base/ids.js";
import { PARTITION_COUNT, partitionOf } from "../../base/partitions.js";
import { type LedgerRecord, outdates } from "../disk/ledger.js";
import { type FileStamp, fileStem, idOfStem, isNewer, stampText } from "../disk/names.js";
import {
	Damage,
	type FoundSession,
	findSession,
	readImage,
	type SessionSource,
} from "../disk/session-files.js";
import type { Steps } from "../files/steps.js";
import { extentsOf } from "../plan/extents.js";
import { BLOCK_BYTES, type SessionImage } from "../plan/image.js";
import { isUnreadable } from "../store-errors.js";
import { type BadBlock, type CheckedFile, checkFile } from "./file-check.js";
import { damagedSession, type Finding, harmedSession, leftover, PLACES_TOLD, type Place } from "./finding.js";

export interface SessionAsked {
	stem: string;
	stamps: readonly FileStamp[];
	partition: number;
	source: SessionSource;
	buried: ReadonlyMap<SessionId, LedgerRecord>;
	buffer: Buffer;
}

export interface CheckedSession {
	/** None: it is as it was written. Of a buried one `leftover` alone. */
	findings: Finding[];
	/** It is served whole. */
	isWhole: boolean;
	/** It is no session any more. */
	isBuried: boolean;
	bytes: number;
}

/** @throws what the system throws, `ENOENT` too: the files were changed meanwhile */
export function* checkSession(asked: SessionAsked): Steps<CheckedSession> {
	const { stem, stamps, partition, source, buried, buffer } = asked;
	const newest = stamps.reduce((left, right) => (isNewer(right, left) ? right : left));
	let found: FoundSession | null = null;
	let why: string | null = null;
	let id = idOfStem(stem) as SessionId | null;
	let order: number | null = null;
	try {
		found = yield* findSession(source, newest, id);
		[id, order] = [found.id, found.order];
		why = misplaced(found.id, stem, partition);
	} catch (error) {
		if (!(error instanceof Damage) && !isUnreadable(error)) throw error;
		why = (error as Error).message;
		const head = error instanceof Damage ? error.head : null;
		if (head !== null && fileStem(head.id as SessionId) === stem) {
			[id, order] = [head.id as SessionId, head.order];
		}
	}
	if (order !== null && id !== null && outdates(buried.get(id), order)) {
		const what = `files of session ${id}, which was deleted`;
		const findings = stamps.map((stamp) => unneeded(partition, source.pathOf(stamp), what));
		return { findings, isWhole: false, isBuried: true, bytes: 0 };
	}
	const chain = found === null ? stamps : found.segments.map(({ stamp }) => stamp);
	const files: CheckedFile[] = [];
	const unreadable: Place[] = [];
	for (const [index, stamp] of chain.entries()) {
		const length =
			found !== null && index < chain.length - 1 ? (found.segments[index]?.length ?? null) : null;
		const path = source.pathOf(stamp);
		try {
			files.push(yield* checkFile(source.medium, path, length, buffer));
		} catch (error) {
			if (!isUnreadable(error)) throw error;
			unreadable.push({ file: path, offset: null, what: (error as Error).message });
		}
	}
	const badBlocks = files.flatMap((file) => file.badBlocks);
	let turns: Finding["turns"] = null;
	if (found !== null && why === null) {
		try {
			turns = wholeTurns(found, yield* readImage(source, found.segments), badBlocks, source);
			if (turns.whole.length < turns.stored)
				why = `${turns.stored - turns.whole.length} of its turns can't be read`;
		} catch (error) {
			if (!(error instanceof Damage)) throw error;
			why = error.message;
		}
	}
	const places = [...unreadable, ...files.flatMap((file) => file.places), ...badBlocks];
	const findings: Finding[] = [];
	const about = { partition, session: id, places: places.slice(0, PLACES_TOLD), turns };
	if (why !== null) {
		const at =
			places.length > 0
				? about
				: { ...about, places: [{ file: source.pathOf(newest), offset: null, what: why }] };
		findings.push(damagedSession({ ...at, what: why }));
	} else {
		if (found !== null && found.lost > 0) {
			const what = `a loss of power took its last moments (${found.lost} bytes)`;
			const lost = [{ file: source.pathOf(newest), offset: found.segments.at(-1)?.length ?? null, what }];
			findings.push(harmedSession({ ...about, what, places: lost }));
		}
		if (places.length > 0)
			findings.push(harmedSession({ ...about, what: "bytes that it can do without are not as written" }));
		const needed = new Set(chain.map(stampText));
		for (const stamp of stamps) {
			if (needed.has(stampText(stamp))) continue;
			findings.push(unneeded(partition, source.pathOf(stamp), `a former file of session ${id}`));
		}
	}
	const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
	return { findings, isWhole: why === null, isBuried: false, bytes };
}

function unneeded(partition: number, path: string, what: string): Finding {
	return leftover(partition, path, what, "none: the next worker that opens the partition removes it");
}

/** Null: it is where a cluster looks for it. */
function misplaced(id: SessionId, stem: string, partition: number): string | null {
	if (fileStem(id) !== stem) return `it is of session ${id}, whose files have other names`;
	const own = partitionOf(id);
	if (own === partition) return null;
	return `it is of session ${id}, whose place is partition ${own} of ${PARTITION_COUNT}`;
}

/** Which turns' parts can all be read. */
function wholeTurns(
	{ id, segments }: FoundSession,
	image: SessionImage,
	badBlocks: readonly BadBlock[],
	source: SessionSource,
): NonNullable<Finding["turns"]> {
	const paths = new Map(segments.map(({ name, stamp }) => [name, source.pathOf(stamp)]));
	const whole: number[] = [];
	for (const [turn, { parts }] of image.turns()) {
		const isWhole = [...parts].every(([part, { dropped }]) => {
			if (dropped === true) return true;
			try {
				return extentsOf(id, image, turn, part).every(({ place, length }) => {
					const end = place.offset + Math.ceil(length / BLOCK_BYTES) * BLOCK_BYTES;
					return !badBlocks.some(
						({ file, offset }) =>
							file === paths.get(place.segment) &&
							offset >= place.offset &&
							offset < Math.min(end, place.offset + place.stored),
					);
				});
			} catch {
				return false;
			}
		});
		if (isWhole) whole.push(turn);
	}
	return { stored: image.size, whole };
}
