// What becomes of memory and disk when all sessions of a worker are deleted: at once, and within a minute.
import { lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { table } from "../../src/demo/report.js";
import type { Post } from "./chat-client.js";
import { memoryOf } from "./memory.js";
import { round } from "./output.js";

/** Bytes. */
interface Reading {
	rss: number;
	disk: number;
}

export interface DeletionInput {
	pid: number;
	dataDir: string;
	connect: () => Post;
	ids: readonly string[];
	/** Before there were any sessions. */
	before: Reading;
	/** With all of them. */
	full: Reading;
}

export interface Deletion {
	sessions: number;
	/** Until the last DELETE was answered. */
	deleted_s: number;
	readings: Array<{ when: string; rss_mib: number; rss_to_before: number; disk_mib: number }>;
}

const READ_AFTER_S = [0, 10, 30, 60];
const DELETED_AT_ONCE = 32;

export async function measureDeletion(input: DeletionInput): Promise<Deletion> {
	const { before, connect, dataDir, full, ids, pid } = input;
	const startedMs = performance.now();
	let next = 0;
	await Promise.all(
		Array.from({ length: DELETED_AT_ONCE }, async () => {
			const post = connect();
			while (next < ids.length) await post.remove(`/sessions/${ids[next++]}`);
			await post.close();
		}),
	);
	const deletedMs = performance.now();
	const mib = (bytes: number) => round(bytes / 1024 ** 2, 1);
	const described = (when: string, { disk, rss }: Reading) => ({
		when,
		rss_mib: mib(rss),
		rss_to_before: round(rss / before.rss),
		disk_mib: mib(disk),
	});
	const readings = [described("before the sessions", before), described("all there", full)];
	for (const afterS of READ_AFTER_S) {
		await sleep(Math.max(0, deletedMs + afterS * 1000 - performance.now()));
		const now = { rss: memoryOf(pid).rss, disk: diskBytes(dataDir) };
		readings.push(described(`${afterS} s after the last DELETE`, now));
	}
	return { sessions: ids.length, deleted_s: round((deletedMs - startedMs) / 1000), readings };
}

export function printDeletion({ deleted_s, readings, sessions }: Deletion): void {
	const rows = readings.map(({ disk_mib, rss_mib, rss_to_before, when }) => [
		when,
		rss_mib,
		rss_to_before,
		disk_mib,
	]);
	const head = [`${sessions} sessions deleted in ${deleted_s} s`, "RSS MiB", "to before", "data dir MiB"];
	process.stderr.write(`\n${table([head, ...rows])}\n`);
}

/** What the files below take, holes not counted. */
export function diskBytes(directory: string): number {
	const blocks = readdirSync(directory, { recursive: true, encoding: "utf8" }).map((name) => {
		try {
			return lstatSync(join(directory, name)).blocks;
		} catch {
			// Removed meanwhile.
			return 0;
		}
	});
	return blocks.reduce((sum, count) => sum + count, 0) * 512;
}
