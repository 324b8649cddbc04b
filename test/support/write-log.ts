// Reads what test/fixtures/record-writes.c recorded. Judges nothing.
import { readFileSync } from "node:fs";

/** Paths are absolute; a file that was removed while it was open ends in " (deleted)". */
export type Recorded =
	| { type: "create" | "directory" | "remove"; path: string }
	| { type: "truncate"; path: string; length: number }
	| { type: "rename"; path: string; to: string }
	/** `durable`: through a descriptor whose writes return when they are on the medium (O_DSYNC). */
	| { type: "write"; path: string; at: number; data: Buffer; durable: boolean }
	/** What was written between the two of one id may or may not be covered by that flush. */
	| { type: "flush_begin" | "flush_end"; path: string; id: number }
	/** Bytes on stdout. */
	| { type: "said"; text: string };

const HEAD_BYTES = 40;

/** Every whole record, in the order of the file; what a killed process left of its last one is passed over. */
export function readWriteLog(path: string): Recorded[] {
	const bytes = readFileSync(path);
	const records: Recorded[] = [];
	for (let at = 0; at + HEAD_BYTES <= bytes.length; ) {
		const [type, id, position, pathLength, dataLength] = [0, 8, 16, 24, 32].map((field) =>
			Number(bytes.readBigUInt64LE(at + field)),
		) as [number, number, number, number, number];
		const pathEnd = at + HEAD_BYTES + pathLength;
		const end = pathEnd + dataLength;
		if (end > bytes.length) break;
		const name = bytes.toString("utf8", at + HEAD_BYTES, pathEnd);
		records.push(recordOf(String.fromCharCode(type), name, id, position, bytes.subarray(pathEnd, end)));
		at = end;
	}
	return records;
}

function recordOf(type: string, path: string, id: number, at: number, data: Buffer): Recorded {
	switch (type) {
		case "C":
			return { type: "create", path };
		case "T":
			return { type: "truncate", path, length: at };
		case "M":
			return { type: "directory", path };
		case "U":
			return { type: "remove", path };
		case "R": {
			const [from, to] = path.split("\0") as [string, string];
			return { type: "rename", path: from, to };
		}
		case "W":
		case "D":
			return { type: "write", path, at, data, durable: type === "D" };
		case "S":
			return { type: "flush_begin", path, id };
		case "E":
			return { type: "flush_end", path, id };
		case "A":
			return { type: "said", text: data.toString("utf8") };
		default:
			throw new Error(`the write log has a record of an unknown type: ${type}`);
	}
}
