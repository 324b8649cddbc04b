// How many file descriptors this process may open. Reads the operating system only.
import { readFileSync } from "node:fs";

/** The soft limit (`ulimit -n`); Infinity where it is unlimited or the system does not tell. */
export function openFilesLimit(): number {
	try {
		const soft = /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "latin1"))?.[1];
		return soft === undefined ? Number.POSITIVE_INFINITY : Number(soft);
	} catch {
		// Not Linux. Connections are then refused by the system itself when it has no more.
		return Number.POSITIVE_INFINITY;
	}
}
