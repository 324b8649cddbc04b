// Looks at a cluster from outside while it is under load: how long /health takes, and the memory of its processes.
import { Client } from "undici";
import { measureProcesses } from "../../src/primary/process-usage.js";

const HEALTH_EVERY_MS = 50;
const MEMORY_EVERY_MS = 500;
const MIB = 1024 * 1024;

export interface Watched {
	healthMs: number[];
	/** Answers of /health with another status than 200. */
	healthFailures: number;
	/** MiB of each process, oldest first. */
	rssMib: number[][];
}

export interface Watch {
	stop(): Promise<Watched>;
}

export function watchCluster(url: string, pids: readonly number[]): Watch {
	const client = new Client(url);
	const watched: Watched = { healthMs: [], healthFailures: 0, rssMib: pids.map(() => []) };
	let stopped = false;
	const every = async (pauseMs: number, look: () => Promise<void>) => {
		while (!stopped) {
			await look();
			await new Promise((resolve) => setTimeout(resolve, pauseMs));
		}
	};
	const health = every(HEALTH_EVERY_MS, async () => {
		const startedMs = performance.now();
		const { statusCode, body } = await client.request({ method: "GET", path: "/health" });
		await body.dump();
		watched.healthMs.push(performance.now() - startedMs);
		if (statusCode !== 200) watched.healthFailures++;
	});
	const memory = every(MEMORY_EVERY_MS, async () => {
		const usage = await measureProcesses(pids);
		for (const [index, pid] of pids.entries()) {
			const rssBytes = usage.get(pid)?.rssBytes;
			if (rssBytes === undefined) throw new Error(`process ${pid} of the cluster is gone`);
			watched.rssMib[index]?.push(rssBytes / MIB);
		}
	});
	return {
		async stop() {
			stopped = true;
			await Promise.all([health, memory]);
			await client.close();
			return watched;
		},
	};
}
