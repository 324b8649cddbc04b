// What memory a process has, as the kernel counts it: now, once it has settled, and at its most. Changes nothing.
import { readFileSync } from "node:fs";

/** Bytes. `file` is what is mapped from files, of which the store's pages are the page cache's and can be taken back. */
export interface Memory {
	rss: number;
	anonymous: number;
	file: number;
}

export function memoryOf(pid: number): Memory {
	const status = readFileSync(`/proc/${pid}/status`, "utf8");
	const bytes = (field: string) =>
		Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(status)?.[1]) * 1024;
	return {
		rss: bytes("VmRSS"),
		anonymous: bytes("RssAnon"),
		file: bytes("RssFile") + bytes("RssShmem"),
	};
}

const POLL_MS = 200;
const READINGS = 15;
const SETTLED_BYTES = 1024 * 1024;
const DEADLINE_MS = 60_000;

/** Once 15 readings in a row, 200 ms apart, lie within 1 MiB. */
export async function settledMemory(pid: number): Promise<Memory> {
	const endMs = performance.now() + DEADLINE_MS;
	let readings: number[] = [];
	for (;;) {
		const memory = memoryOf(pid);
		readings = [...readings.slice(1 - READINGS), memory.rss];
		if (readings.length === READINGS && Math.max(...readings) - Math.min(...readings) <= SETTLED_BYTES) {
			return memory;
		}
		if (performance.now() > endMs) {
			throw new Error(`waited ${DEADLINE_MS} ms for the memory of process ${pid} to settle`);
		}
		await new Promise((resolve) => setTimeout(resolve, POLL_MS));
	}
}

/** Watches a process from now on; the function returned ends it and tells the most it had. */
export function watchPeak(pid: number): () => Memory {
	let peak = memoryOf(pid);
	const look = () => {
		const now = memoryOf(pid);
		if (now.rss > peak.rss) peak = now;
	};
	const timer = setInterval(look, 20);
	return () => {
		clearInterval(timer);
		look();
		return peak;
	};
}
