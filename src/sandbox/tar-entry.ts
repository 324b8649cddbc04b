// One file as a tar, and the first file of a tar: POSIX ustar with pax paths. Trees go as they are, never through here.
import { RollpinError } from "../base/errors.js";
import type { SandboxFile } from "./request.js";

const BLOCK = 512;
/** Of a name that a plain header holds. */
const NAME_BYTES = 100;
/** Of what stands before a file's own header: names and times. */
const MAX_HEAD_BYTES = 64 * 1024;

/** A file with its permissions; without them everybody reads it and its owner writes it. */
export interface TarFile extends SandboxFile {
	mode?: number;
}

/** A tar of these files; their directories come of themselves. */
export async function* tarOf(files: readonly TarFile[]): AsyncIterable<Uint8Array> {
	for (const { path, content, mode = 0o644 } of files) {
		const name = Buffer.from(path);
		if (name.length > NAME_BYTES) {
			const record = paxRecord("path", path);
			yield header("paxheader", "x", record.length, mode);
			yield padded(record);
		}
		yield header(name.subarray(0, NAME_BYTES).toString("latin1"), "0", content.length, mode);
		yield padded(content);
	}
	yield Buffer.alloc(2 * BLOCK);
}

/**
 * The content of a tar's one file.
 * @param path for the message
 * Read to its end: what made it may say only there that the file changed meanwhile.
 * @throws RollpinError `invalid_request` when it is a directory or another kind of thing; `body_too_large` over the limit
 */
export async function contentOf(
	tar: AsyncIterable<Uint8Array>,
	path: string,
	limitBytes: number,
): Promise<Buffer> {
	let head: Buffer = Buffer.alloc(0);
	let size: number | null = null;
	const pieces: Uint8Array[] = [];
	let length = 0;
	for await (const bytes of tar) {
		let rest: Uint8Array = bytes;
		if (size === null) {
			head = Buffer.concat([head, bytes]);
			for (let skipped = skipExtension(head); skipped !== null; skipped = skipExtension(head)) head = skipped;
			if (head.length > MAX_HEAD_BYTES + bytes.length) throw brokenOff(path);
			if (head.length < BLOCK || isExtension(head)) continue;
			size = sizeOfFile(head, path, limitBytes);
			rest = head.subarray(BLOCK);
		}
		const wanted = rest.subarray(0, size - length);
		if (wanted.length > 0) pieces.push(wanted);
		length += wanted.length;
	}
	if (size === null || length < size) throw brokenOff(path);
	return Buffer.concat(pieces);
}

function brokenOff(path: string): RollpinError {
	return new RollpinError("sandbox_backend_unavailable", `the tar of ${path} broke off`, { retryAfterS: 1 });
}

/** A header that says more of the entry that follows it: long names, times. */
function isExtension(header: Buffer): boolean {
	return "xgLK".includes(String.fromCharCode(header[156] as number));
}

/** What follows an extension that is there whole; null when there is none, or not yet whole. */
function skipExtension(tar: Buffer): Buffer | null {
	if (tar.length < BLOCK || !isExtension(tar)) return null;
	const whole = BLOCK + Math.ceil(sizeOf(tar) / BLOCK) * BLOCK;
	return tar.length < whole ? null : tar.subarray(whole);
}

/** Octal digits up to 8 GiB; more is written otherwise, and more than is taken here. */
function sizeOf(header: Buffer): number {
	const digits = /^ *([0-7]+)[ \0]*$/.exec(header.toString("latin1", 124, 136))?.[1];
	return digits === undefined ? Number.POSITIVE_INFINITY : Number.parseInt(digits, 8);
}

function sizeOfFile(header: Buffer, path: string, limitBytes: number): number {
	const kind = header[156] as number;
	if (kind !== 0x30 && kind !== 0) {
		throw new RollpinError(
			"invalid_request",
			`${path} is no file; ask for application/x-tar to get a directory`,
			{ param: "path" },
		);
	}
	const size = sizeOf(header);
	if (size <= limitBytes) return size;
	throw new RollpinError(
		"body_too_large",
		`${path} has ${size === Number.POSITIVE_INFINITY ? "8 GiB or more" : `${size} bytes`}, over ${limitBytes}; ask for application/x-tar`,
	);
}

function header(name: string, kind: "0" | "x", size: number, mode: number): Buffer {
	const block = Buffer.alloc(BLOCK);
	block.write(name, 0, NAME_BYTES, "latin1");
	block.write(`${mode.toString(8).padStart(7, "0")}\0`, 100, "latin1");
	block.write("0000000\0", 108, "latin1");
	block.write("0000000\0", 116, "latin1");
	block.write(`${size.toString(8).padStart(11, "0")}\0`, 124, "latin1");
	block.write(
		`${Math.floor(Date.now() / 1000)
			.toString(8)
			.padStart(11, "0")}\0`,
		136,
		"latin1",
	);
	block.write("        ", 148, "latin1");
	block.write(kind, 156, "latin1");
	block.write("ustar\x0000", 257, "latin1");
	let sum = 0;
	for (const byte of block) sum += byte;
	block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
	return block;
}

function padded(content: Uint8Array): Buffer {
	return Buffer.concat([content, Buffer.alloc((BLOCK - (content.length % BLOCK)) % BLOCK)]);
}

/** A record says its own length, digits included. */
function paxRecord(key: string, value: string): Buffer {
	const rest = ` ${key}=${value}\n`;
	let length = Buffer.byteLength(rest);
	while (String(length).length + Buffer.byteLength(rest) !== length)
		length = String(length).length + Buffer.byteLength(rest);
	return Buffer.from(`${length}${rest}`);
}
