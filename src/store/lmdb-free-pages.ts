// Reads the free list of an environment's file. Needed for one question only: may pages behind the file's end be missing?
//
// A page that a transaction takes and gives back before its commit is never written. At the end of the file it leaves
// the file shorter than the meta page says, and nothing is wrong: such a page is in the free list.
import { closeSync, openSync, readSync } from "node:fs";

const MAGIC = 0xbeefc0de;
const DATA_VERSION = 2;
const PAGE_HEADER = 24;
const BRANCH = 1;
const LEAF = 2;
/** A node whose data stands on pages of its own. */
const BIG_DATA = 1;
const META_COUNT = 2;

/** What lmdb's own statistics say of the state that was opened. */
export interface OpenedState {
	lastTxnId: number;
	lastPageNumber: number;
	pageSize: number;
}

/** True when every page from `size` on to the last is free, so that nothing was cut off. False also when in doubt. */
export function missingPagesAreFree(path: string, size: number, opened: OpenedState): boolean {
	const file = openSync(path, "r");
	try {
		const reader = new PageReader(file, opened.pageSize, Math.floor(size / opened.pageSize));
		const root = reader.freeRoot(opened.lastTxnId);
		if (root === null) return false;
		const free = new Set<number>();
		reader.collect(root, free);
		for (let page = reader.pages; page <= opened.lastPageNumber; page++) if (!free.has(page)) return false;
		return true;
	} catch (error) {
		// A list that cannot be followed proves nothing.
		if (error instanceof RangeError) return false;
		throw error;
	} finally {
		closeSync(file);
	}
}

class PageReader {
	/** Whole pages that the file has. */
	readonly pages: number;
	readonly #file: number;
	readonly #pageSize: number;

	constructor(file: number, pageSize: number, pages: number) {
		this.#file = file;
		this.#pageSize = pageSize;
		this.pages = pages;
	}

	/** Root page of the free list as of that transaction; null when no meta page is of it. */
	freeRoot(txnId: number): number | null {
		for (let index = 0; index < META_COUNT; index++) {
			const meta = this.#read(index, 1).subarray(PAGE_HEADER);
			if (meta.readUInt32LE(0) !== MAGIC || meta.readUInt32LE(4) !== DATA_VERSION) continue;
			// address 8, map size 16, free list 24, main tree 72, last page 120, transaction 128
			if (number(meta, 128) === txnId) return number(meta, 64);
		}
		return null;
	}

	/** Adds the page numbers that the list below `page` holds. */
	collect(page: number, free: Set<number>): void {
		const bytes = this.#read(page, 1);
		const flags = bytes.readUInt16LE(18);
		const nodes = bytes.readUInt16LE(20) / 2;
		if ((flags & (BRANCH | LEAF)) === 0) throw new RangeError("no page of a tree");
		for (let index = 0; index < nodes; index++) {
			const node = bytes.subarray(bytes.readUInt16LE(PAGE_HEADER + 2 * index) + PAGE_HEADER);
			const low = node.readUInt32LE(0);
			const nodeFlags = node.readUInt16LE(4);
			if ((flags & BRANCH) !== 0) {
				this.collect(low + nodeFlags * 2 ** 32, free);
				continue;
			}
			const data = node.subarray(8 + node.readUInt16LE(6));
			if ((nodeFlags & BIG_DATA) === 0) addAll(data.subarray(0, low), free);
			else {
				const whole = this.#read(number(data, 0), Math.ceil((PAGE_HEADER + low) / this.#pageSize));
				addAll(whole.subarray(PAGE_HEADER, PAGE_HEADER + low), free);
			}
		}
	}

	#read(page: number, count: number): Buffer {
		if (page + count > this.pages) throw new RangeError(`page ${page} is behind the end of the file`);
		const bytes = Buffer.alloc(this.#pageSize * count);
		readSync(this.#file, bytes, 0, bytes.length, page * this.#pageSize);
		return bytes;
	}
}

/** A list is its length and so many page numbers; a negative one gives the length of a run that starts at the next. */
function addAll(list: Buffer, free: Set<number>): void {
	const count = number(list, 0);
	for (let index = 1; index <= count; index++) {
		const entry = Number(list.readBigInt64LE(8 * index));
		if (entry >= 0) {
			free.add(entry);
			continue;
		}
		const first = number(list, 8 * (index + 1));
		for (let page = first; page < first - entry; page++) free.add(page);
		index++;
	}
}

function number(bytes: Buffer, offset: number): number {
	return Number(bytes.readBigUInt64LE(offset));
}
