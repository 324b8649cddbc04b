// One process that is measured: CPU by thread, memory, and its loop where it was started with the preload. Starts and stops nothing.
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { until } from "../support/wait.js";
import type { LoopFigures } from "./loop-watch.js";
import { memoryOf } from "./memory.js";
import { round } from "./output.js";
import { type ThreadGroup, type ThreadGroups, threadTimes, usedBetween } from "./threads.js";

/** What the preload writes. */
export interface WatchReport {
	loop: LoopFigures;
	threads: ThreadGroups;
}

export interface ProcessUsed {
	/** CPU ms; of a process without the preload all but its main thread are `other`. */
	cpuMs: Record<ThreadGroup, number>;
	loop: LoopFigures | null;
	rssMib: number;
	/** Since the start of the measurement. */
	peakRssMib: number;
}

const PRELOAD = new URL("./watch-preload.js", import.meta.url).href;

/** For the environment of a process that shall be watched, and of its children. */
export function watchEnv(dir: string): Record<string, string> {
	return { NODE_OPTIONS: `--import ${PRELOAD}`, BENCH_WATCH_DIR: dir };
}

export class Watched {
	readonly #pid: number;
	readonly #dir: string | null;

	/** @param dir null: a process that was not started with the preload */
	constructor(pid: number, dir: string | null) {
		this.#pid = pid;
		this.#dir = dir;
	}

	/** From now on; the function returned tells what was used until it is called. */
	async measure(): Promise<() => Promise<ProcessUsed>> {
		await this.#report();
		resetPeak(this.#pid);
		const before = threadTimes(this.#pid);
		return async () => {
			const after = threadTimes(this.#pid);
			const { rss } = memoryOf(this.#pid);
			const peak = peakRss(this.#pid);
			const report = await this.#report();
			return {
				cpuMs: usedBetween(this.#pid, before, after, report?.threads ?? null),
				loop: report?.loop ?? null,
				rssMib: round(rss / 1024 ** 2, 0),
				peakRssMib: round(peak / 1024 ** 2, 0),
			};
		};
	}

	/** Since the last one. */
	async #report(): Promise<WatchReport | null> {
		if (this.#dir === null) return null;
		const path = join(this.#dir, `${this.#pid}.json`);
		process.kill(this.#pid, "SIGWINCH");
		const text = await until(`the report of process ${this.#pid}`, 30_000, () => readIfThere(path));
		rmSync(path);
		return JSON.parse(text) as WatchReport;
	}
}

function readIfThere(path: string): string | null {
	try {
		return readFileSync(path, "utf8");
	} catch {
		return null;
	}
}

/** The kernel's own mark of the most a process had starts anew. Where that is refused, it is that of its whole life. */
function resetPeak(pid: number): void {
	try {
		writeFileSync(`/proc/${pid}/clear_refs`, "5");
	} catch {
		// Another user's process.
	}
}

function peakRss(pid: number): number {
	const status = readFileSync(`/proc/${pid}/status`, "latin1");
	return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
}
