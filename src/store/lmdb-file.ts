// Reads the head of an LMDB file without mapping it: a page behind the end of a cut file would be a SIGBUS.
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { missingPagesAreFree } from "./lmdb-free-pages.js";

/** Layout of MDB_meta in the bundled lmdb.h / mdb.c (MDB_data version 2, 64-bit), in bytes behind its magic. */
const MAGIC = 0xbeefc0de;
const PAGE_SIZE_AT = 24;
const FREE_ROOT_AT = 64;
const LAST_PAGE_AT = 120;
const TXN_ID_AT = 128;
const META_BYTES = 136;
/** The magic stands behind a page header of 16 or 24 bytes. */
const HEADER_BYTES = [16, 24];

interface Meta {
	headerBytes: number;
	pageSize: number;
	freeRoot: number;
	lastPage: number;
	txnId: bigint;
}

/**
 * What is wrong with the file, or null when it holds every page that its newest meta page needs. Throws what the
 * system throws when it can't be opened.
 */
export function findDefect(path: string): string | null {
	let file: number;
	try {
		file = openSync(path, "r");
	} catch (error) {
		// Only a missing file is a defect: what else keeps it from being opened says nothing of what it holds.
		if (error instanceof Error && "code" in error && error.code === "ENOENT") return error.message;
		throw error;
	}
	try {
		const { size } = fstatSync(file);
		const first = readMeta(file, 0);
		if (first === null) return "it does not begin like an environment";
		const second = readMeta(file, first.pageSize);
		if (second === null) return "its second page is missing or overwritten";
		const newest = second.txnId > first.txnId ? second : first;
		const needed = (newest.lastPage + 1) * first.pageSize;
		if (size >= needed) return null;
		const { pageSize } = first;
		const pages = Math.floor(size / pageSize);
		const whole = { descriptor: file, pageSize, headerBytes: newest.headerBytes, pages };
		if (missingPagesAreFree(whole, newest.freeRoot, newest.lastPage)) return null;
		return `it has ${size} bytes of ${needed}`;
	} finally {
		closeSync(file);
	}
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
	};
}
