// Reads the head of an LMDB file without mapping it: a page past the end of a cut file would be a SIGBUS.
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { missingPagesAreFree } from "./free-pages.js";

/** Layout of MDB_meta in the bundled lmdb.h / mdb.c (MDB_data version 2, 64-bit), in bytes after its magic. */
const MAGIC = 0xbeefc0de;
const PAGE_SIZE_AT = 24;
const FLAGS_AT = 28;
const FREE_ROOT_AT = 64;
const LAST_PAGE_AT = 120;
const TXN_ID_AT = 128;
const BOOT_ID_AT = 136;
const META_BYTES = 144;
/** lmdb.h's MDB_OVERLAPPINGSYNC: the transaction was not flushed when its meta page was written. */
const UNFLUSHED = 0x1000;
/** The magic stands after a page header of 16 or 24 bytes. */
const HEADER_BYTES = [16, 24];

interface Meta {
	headerBytes: number;
	pageSize: number;
	freeRoot: number;
	lastPage: number;
	txnId: bigint;
	unflushed: boolean;
	/** First group of the boot id under which it was written; 0 where that could not be read. */
	bootId: bigint;
}

/**
 * What is wrong with the file, or null when it holds every page that an owner's open needs. Throws what the system
 * throws when it can't be opened.
 * @param bootId the machine's own boot id; null when it can't be read
 */
export function findDefect(path: string, bootId: string | null): string | null {
	let file: number;
	try {
		file = openSync(path, "r");
	} catch (error) {
		// Only a missing file is a defect: what else keeps it from being opened says nothing of what it holds.
		if (error instanceof Error && "code" in error && error.code === "ENOENT") return error.message;
		throw error;
	}
	try {
		const metas = readMetas(file);
		if (typeof metas === "string") return metas;
		const { size } = fstatSync(file);
		const { pageSize, headerBytes, freeRoot, lastPage } = usedMeta(metas, bootId);
		const needed = (lastPage + 1) * pageSize;
		if (size >= needed) return null;
		const pages = Math.floor(size / pageSize);
		const whole = { descriptor: file, pageSize, headerBytes, pages };
		if (missingPagesAreFree(whole, freeRoot, lastPage)) return null;
		return `it has ${size} bytes of ${needed}`;
	} finally {
		closeSync(file);
	}
}

/**
 * True when its newest transaction was written under another boot and may never have reached the medium whole: only an
 * owner's open, which falls back to the last flushed one, may read it. For a file without a defect.
 * @param bootId the machine's own boot id; null when it can't be read
 */
export function needsFallback(path: string, bootId: string | null): boolean {
	return withMetas(path, (metas) => usedMeta(metas, bootId).txnId !== newestMeta(metas).txnId);
}

/** True when its newest transaction was not flushed before its meta page was written. For a file without a defect. */
export function isUnflushed(path: string): boolean {
	return withMetas(path, (metas) => newestMeta(metas).unflushed);
}

function withMetas(path: string, judge: (metas: Metas) => boolean): boolean {
	const file = openSync(path, "r");
	try {
		const metas = readMetas(file);
		return typeof metas !== "string" && judge(metas);
	} finally {
		closeSync(file);
	}
}

interface Metas {
	first: Meta;
	second: Meta;
	/** Of the last flush; null before the first one. It stands in the middle of the first page. */
	flushed: Meta | null;
}

/** What is wrong instead, as a sentence's end. */
function readMetas(file: number): Metas | string {
	const first = readMeta(file, 0);
	if (first === null) return "it does not begin like an environment";
	const second = readMeta(file, first.pageSize);
	if (second === null) return "its second page is missing or overwritten";
	return { first, second, flushed: readMeta(file, first.pageSize / 2) };
}

function newestMeta({ first, second }: Metas): Meta {
	return second.txnId > first.txnId ? second : first;
}

/** The one that an overlapping open goes on from, as mdb_pick_meta and mdb_env_pick_meta of the bundled mdb.c choose it. */
function usedMeta(metas: Metas, bootId: string | null): Meta {
	const { first, second, flushed } = metas;
	const own = bootId === null ? 0n : bootIdNumber(bootId);
	const isSafe = (meta: Meta) => !meta.unflushed || (meta.bootId !== 0n && meta.bootId === own);
	const newest = newestMeta(metas);
	if (isSafe(newest)) return newest;
	const older = newest === first ? second : first;
	if (flushed === null) return older;
	const [low, high] = flushed.txnId > older.txnId ? [older, flushed] : [flushed, older];
	return isSafe(high) ? high : low;
}

/** As LMDB keeps it: the hexadecimal digits before the first dash. */
function bootIdNumber(bootId: string): bigint {
	const digits = /^[0-9a-f]{1,16}/i.exec(bootId)?.[0];
	return digits === undefined ? 0n : BigInt(`0x${digits}`);
}

function readMeta(file: number, at: number): Meta | null {
	const bytes = Buffer.alloc(Math.max(...HEADER_BYTES) + META_BYTES);
	if (readSync(file, bytes, 0, bytes.length, at) < bytes.length) return null;
	const header = HEADER_BYTES.find((length) => bytes.readUInt32LE(length) === MAGIC);
	if (header === undefined) return null;
	const pageSize = bytes.readUInt32LE(header + PAGE_SIZE_AT);
	if (pageSize < 512 || pageSize > 65_536) return null;
	return {
		headerBytes: header,
		pageSize,
		freeRoot: Number(bytes.readBigUInt64LE(header + FREE_ROOT_AT)),
		lastPage: Number(bytes.readBigUInt64LE(header + LAST_PAGE_AT)),
		txnId: bytes.readBigUInt64LE(header + TXN_ID_AT),
		unflushed: (bytes.readUInt16LE(header + FLAGS_AT) & UNFLUSHED) !== 0,
		bootId: bytes.readBigUInt64LE(header + BOOT_ID_AT),
	};
}
