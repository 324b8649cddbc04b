// Preloaded (--import) into a Node process that is measured: answers SIGWINCH with a file that tells of its loop and its threads.
import { renameSync, writeFileSync } from "node:fs";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { isMainThread } from "node:worker_threads";
import { createLoopWatch } from "./loop-watch.js";
import { type ThreadGroups, threadsOf } from "./threads.js";
import type { WatchReport } from "./watched.js";

/** Node starts so many at once, at the first call that needs one. */
const LIBUV_THREADS = Number(process.env["UV_THREADPOOL_SIZE"] ?? 4);

const directory = process.env["BENCH_WATCH_DIR"];
if (directory !== undefined && isMainThread) await watch(directory);

async function watch(dir: string): Promise<void> {
	const threads = await groups();
	const loop = createLoopWatch();
	// A signal that nobody else here uses, and that does no harm to a process without this listener.
	process.on("SIGWINCH", () => {
		const report: WatchReport = { loop: loop.take(), threads };
		const path = join(dir, `${process.pid}.json`);
		writeFileSync(`${path}.new`, JSON.stringify(report));
		renameSync(`${path}.new`, path);
	});
}

/** Node 20 gives all its threads one name; but what there is before any other module runs is V8's and, newest, libuv's. */
async function groups(): Promise<ThreadGroups> {
	await stat(".");
	const helpers = threadsOf(process.pid)
		.filter((id) => id !== process.pid)
		.toSorted((one, other) => one - other);
	return { v8: helpers.slice(0, -LIBUV_THREADS), libuv: helpers.slice(-LIBUV_THREADS) };
}
