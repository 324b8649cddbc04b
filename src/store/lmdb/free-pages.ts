// Follows the free list in an LMDB file. For one question only: may pages past the file's end be missing?
//
// A page that a transaction takes and gives back before its commit is never written. At the end of the file it leaves
// the file shorter than the meta page says, and nothing is wrong: such a page is in the free list.
import { readSync } from "node:fs";

const BRANCH = 1;
const LEAF = 2;
/** A node whose data stands on pages of its own. */
const BIG_DATA = 1;

export interface LmdbFile {
	descriptor: number;
	pageSize: number;
	/** Of every page's header: 16 or 24. */
	headerBytes: number;
	/** Whole pages that the file has. */
	pages: number;
}

/** True when every page from the end of the file to the last is free: nothing was cut off. False when in doubt. */
export function missingPagesAreFree(file: LmdbFile, freeRoot: number, lastPage: number): boolean {
	const free = new Set<number>();
	try {
		collect(file, freeRoot, free);
	} catch (error) {
		// A list that cannot be followed proves nothing.
		if (error instanceof RangeError) return false;
		throw error;
	}
	for (let page = file.pages; page <= lastPage; page++) if (!free.has(page)) return false;
	return true;
}

/** Adds the page numbers that the list's tree below `page` holds. */
function collect(file: LmdbFile, page: number, free: Set<number>): void {
	const { headerBytes, pageSize } = file;
	const bytes = readPages(file, page, 1);
	// The header ends with flags, and the bounds of the free space after the pointers to the nodes.
	const flags = bytes.readUInt16LE(headerBytes - 6);
	const nodes = bytes.readUInt16LE(headerBytes - 4) / 2;
	if ((flags & (BRANCH | LEAF)) === 0) throw new RangeError("no page of a tree");
	for (let index = 0; index < nodes; index++) {
		const node = bytes.subarray(bytes.readUInt16LE(headerBytes + 2 * index) + headerBytes);
		const low = node.readUInt32LE(0);
		const nodeFlags = node.readUInt16LE(4);
		if ((flags & BRANCH) !== 0) {
			collect(file, low + nodeFlags * 2 ** 32, free);
			continue;
		}
		const data = node.subarray(8 + node.readUInt16LE(6));
		if ((nodeFlags & BIG_DATA) === 0) addAll(data.subarray(0, low), free);
		else {
			const length = headerBytes + low;
			const whole = readPages(file, numberAt(data, 0), Math.ceil(length / pageSize));
			addAll(whole.subarray(headerBytes, length), free);
		}
	}
}

/** A list is its length and that many entries: a page, or minus the length of a run and the run's first page. */
function addAll(list: Buffer, free: Set<number>): void {
	const count = numberAt(list, 0);
	for (let index = 1; index <= count; index++) {
		const entry = Number(list.readBigInt64LE(8 * index));
		if (entry >= 0) {
			free.add(entry);
			continue;
		}
		index++;
		const first = numberAt(list, 8 * index);
		for (let page = first; page < first - entry; page++) free.add(page);
	}
}

function readPages({ descriptor, pages, pageSize }: LmdbFile, page: number, count: number): Buffer {
	if (page + count > pages) throw new RangeError(`page ${page} is past the end of the file`);
	const bytes = Buffer.alloc(pageSize * count);
	readSync(descriptor, bytes, 0, bytes.length, page * pageSize);
	return bytes;
}

function numberAt(bytes: Buffer, offset: number): number {
	return Number(bytes.readBigUInt64LE(offset));
}
