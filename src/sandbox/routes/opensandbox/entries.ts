// What the scripts print about files, as OpenSandbox's clients have it. Pure.
import { timeText } from "./answers.js";

interface Entry {
	name: string;
	/** Raw mode, as stat's. */
	mode: number;
	sizeBytes: number;
	modifiedS: number;
	changedS: number;
	owner: string;
	group: string;
}

/** @throws Error when it is not what the scripts print: the agent's processes can write into the same stream */
export function readEntries(printed: string): Entry[] {
	const entries: Entry[] = [];
	for (let at = 0; at < printed.length; ) {
		const lineEnd = printed.indexOf("\n", at);
		const count = lineEnd < 0 ? "" : printed.slice(at, lineEnd);
		if (!/^\d{1,9}$/.test(count)) throw new Error(`no number of files after ${entries.length}`);
		at = lineEnd + 1;
		const facts: string[] = [];
		for (let each = 0; each < Number(count); each++) {
			const end = printed.indexOf("\n", at);
			if (end < 0) throw new Error(`the list of files breaks off after ${entries.length}`);
			facts.push(printed.slice(at, end));
			at = end + 1;
		}
		for (const line of facts) {
			const end = printed.indexOf("\0", at);
			if (end < 0) throw new Error(`the list of files breaks off after ${entries.length}`);
			entries.push(entryOf(line, printed.slice(at, end)));
			at = end + 1;
		}
	}
	return entries;
}

function entryOf(facts: string, name: string): Entry {
	const [mode = "", size, modified, changed, uid = "", gid = "", user = "", group = ""] = facts.split(" ");
	return {
		name,
		mode: Number.parseInt(mode, 16),
		sizeBytes: Number(size),
		modifiedS: Number(modified),
		changedS: Number(changed),
		owner: user === "UNKNOWN" ? uid : user,
		group: group === "UNKNOWN" ? gid : group,
	};
}

/** @param path as the client wrote it, or below what it asked for */
export function entryJson(entry: Entry, path: string): Record<string, unknown> {
	return {
		path,
		type: typeOf(entry.mode),
		size: entry.sizeBytes,
		mode: Number((entry.mode & 0o777).toString(8)),
		owner: entry.owner,
		group: entry.group,
		modified_at: timeText(entry.modifiedS * 1000),
		// Linux tells no time of birth everywhere; theirs is this one, too.
		created_at: timeText(entry.changedS * 1000),
	};
}

const TYPES: Readonly<Record<number, string>> = { 32768: "file", 16384: "directory", 40960: "symlink" };

function typeOf(mode: number): string {
	return TYPES[mode & 0xf000] ?? "other";
}
