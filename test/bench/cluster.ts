// A cluster as its users start it (`rollpin serve`), of this build or another, for a benchmark. Its log goes to a file: reading it would cost.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "../support/wait.js";
import { Watched, watchEnv } from "./watched.js";

export interface ClusterOptions {
	/** Directory of a built rollpin. */
	home: string;
	upstream: string;
	checkpointDir: string;
	backends: number;
	/** Stays behind; without one it is a directory of the cluster's own. */
	dataDir?: string;
	/** Further arguments of `serve`. */
	serveArgs: readonly string[];
}

export interface BenchCluster {
	url: string;
	processes: ReadonlyMap<string, Watched>;
	stop(): Promise<void>;
}

export async function startBenchCluster(options: ClusterOptions): Promise<BenchCluster> {
	const dir = mkdtempSync(join(tmpdir(), "rollpin-bench-cluster-"));
	const logPath = join(dir, "log");
	const log = openSync(logPath, "a");
	const args = [
		join(options.home, "bin", "rollpin.js"),
		"serve",
		...["--port", "0", "--backends", String(options.backends), "--upstream", options.upstream],
		...[
			"--checkpoint",
			options.checkpointDir,
			"--data-dir",
			options.dataDir ?? join(dir, "data"),
			"--log-format",
			"json",
		],
		...options.serveArgs,
	];
	const child = spawn(process.execPath, args, {
		cwd: dir,
		env: { ...process.env, TMPDIR: dir, ...watchEnv(dir) },
		stdio: ["ignore", log, log],
	});
	// A benchmark that fails on the way leaves neither behind.
	const clear = () => {
		child.kill("SIGKILL");
		rmSync(dir, { recursive: true, force: true });
	};
	process.once("exit", clear);
	const ready = await until("the cluster to be ready", 60_000, () => {
		if (child.exitCode !== null) throw new Error(`it ended: ${readFileSync(logPath, "utf8")}`);
		return readyRecord(readFileSync(logPath, "utf8"));
	});
	const pids = ready["worker_pids"] as number[];
	const workers = pids.map((pid, index) => [pids.length === 1 ? "worker" : `worker ${index}`, pid] as const);
	const all = [
		...workers,
		["router", ready["router_pid"] as number] as const,
		["primary", child.pid ?? 0] as const,
	];
	return {
		url: String(ready["url"]),
		processes: new Map(all.map(([name, pid]) => [name, new Watched(pid, dir)])),
		async stop() {
			await ended(child);
			process.off("exit", clear);
			rmSync(dir, { recursive: true, force: true });
		},
	};
}

function readyRecord(log: string): Record<string, unknown> | null {
	const line = log.split("\n").find((text) => text.includes('"event":"cluster_ready"') && text.endsWith("}"));
	return line === undefined ? null : (JSON.parse(line) as Record<string, unknown>);
}

/** In order, and killed when that takes too long: nobody needs its data. */
function ended(child: ChildProcess): Promise<void> {
	return new Promise((resolve) => {
		if (child.exitCode !== null || child.signalCode !== null) return resolve();
		const kill = setTimeout(() => child.kill("SIGKILL"), 15_000);
		child.once("exit", () => {
			clearTimeout(kill);
			resolve();
		});
		child.kill("SIGTERM");
	});
}
