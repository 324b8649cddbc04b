// CPU time of a process by groups of its threads, from /proc. Measures other processes; changes nothing in them.
import { readdirSync, readFileSync } from "node:fs";

/** Which thread of a Node process does what. A thread in no group was started later: a worker thread, or a binding's own. */
export interface ThreadGroups {
	v8: number[];
	libuv: number[];
}

export type ThreadGroup = "main" | "v8" | "libuv" | "other";

/** CPU ms of every thread, by its id. */
export type ThreadTimes = ReadonlyMap<number, number>;

/** Empty when the process is gone. */
export function threadTimes(pid: number): ThreadTimes {
	const times = new Map<number, number>();
	for (const id of threadsOf(pid)) {
		const ms = readThread(pid, id);
		if (ms !== null) times.set(id, ms);
	}
	return times;
}

export function threadsOf(pid: number): number[] {
	try {
		return readdirSync(`/proc/${pid}/task`).map(Number);
	} catch {
		return [];
	}
}

/** What was used between two readings. A thread that ended meanwhile is not counted: none of those measured here does. */
export function usedBetween(
	pid: number,
	before: ThreadTimes,
	after: ThreadTimes,
	groups: ThreadGroups | null,
): Record<ThreadGroup, number> {
	const used = { main: 0, v8: 0, libuv: 0, other: 0 };
	for (const [id, ms] of after) used[groupOf(pid, id, groups)] += ms - (before.get(id) ?? 0);
	return used;
}

function groupOf(pid: number, id: number, groups: ThreadGroups | null): ThreadGroup {
	if (id === pid) return "main";
	if (groups?.v8.includes(id)) return "v8";
	return groups?.libuv.includes(id) ? "libuv" : "other";
}

function readThread(pid: number, id: number): number | null {
	try {
		return Number(readFileSync(`/proc/${pid}/task/${id}/schedstat`, "latin1").split(" ")[0]) / 1e6;
	} catch {
		return null;
	}
}
