// A cluster of real processes (the build's primary and router, stand-in workers) and its log, for tests.
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { ClusterConfig } from "../../src/config/cluster-config.js";
import { clusterConfig } from "./cluster-config.js";
import { until, within } from "./wait.js";

export type LogRecord = Record<string, unknown> & { event?: string; msg?: string };

const MAIN = fileURLToPath(new URL("../fixtures/cluster-main.js", import.meta.url));
const BUILT = fileURLToPath(new URL("../../dist/router/child.js", import.meta.url));

/** What the stand-in worker does at a request; the router relays them as paths of the engine. */
const FIXTURE_PATHS = ["/crash", "/kill", "/stop", "/block", "/hang", "/slow400", "/slow500"];

export class ClusterProcess {
	readonly records: LogRecord[] = [];
	stderr = "";
	readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
	readonly child: ChildProcess;
	#text = "";

	/** @param openFiles the soft limit of file descriptors, for each of its processes */
	constructor(overrides: Partial<ClusterConfig> = {}, env: NodeJS.ProcessEnv = {}, openFiles?: number) {
		if (!existsSync(BUILT)) throw new Error("these tests run the build: npm run build first");
		const limit = openFiles === undefined ? "" : `ulimit -n ${openFiles}; `;
		const config = clusterConfig({ passThroughPaths: FIXTURE_PATHS, ...overrides });
		const args = [process.execPath, MAIN, JSON.stringify(config)];
		this.child = spawn("/bin/sh", ["-c", `${limit}exec "$@"`, "sh", ...args], {
			stdio: ["ignore", "pipe", "pipe"],
			env: { ...process.env, ...env },
		});
		this.exited = new Promise((resolve) => {
			this.child.once("exit", (code, signal) => resolve({ code, signal }));
		});
		this.child.stdout?.setEncoding("utf8").on("data", (piece: string) => this.#read(piece));
		this.child.stderr?.setEncoding("utf8").on("data", (piece: string) => {
			this.stderr += piece;
		});
	}

	/** The first record of an event behind `from`, waited for. */
	event(
		name: string,
		timeoutMs = 10_000,
		match: (record: LogRecord) => boolean = () => true,
	): Promise<LogRecord> {
		return until(`the event ${name}\n${this.stderr}`, timeoutMs, () =>
			this.records.find((record) => record.event === name && match(record)),
		);
	}

	all(name: string): LogRecord[] {
		return this.records.filter(({ event }) => event === name);
	}

	async ready(): Promise<{ url: string; port: number; workerPids: number[]; routerPid: number }> {
		const record = await this.event("cluster_ready", 15_000);
		const url = String(record["url"]);
		return {
			url,
			port: Number(new URL(url).port),
			workerPids: record["worker_pids"] as number[],
			routerPid: record["router_pid"] as number,
		};
	}

	signal(signal: NodeJS.Signals): void {
		this.child.kill(signal);
	}

	/** Ends what is left of it; for afterEach. */
	async stop(): Promise<void> {
		if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill("SIGKILL");
		await within("the primary to be gone", 5_000, this.exited);
	}

	#read(piece: string): void {
		this.#text += piece;
		const lines = this.#text.split("\n");
		this.#text = lines.pop() ?? "";
		for (const line of lines) if (line !== "") this.records.push(JSON.parse(line) as LogRecord);
	}
}

/** True while a process with that id exists and is no zombie. */
export function isRunning(pid: number): boolean {
	try {
		process.kill(pid, 0);
		if (process.platform !== "linux") return true;
		return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, "latin1"));
	} catch {
		return false;
	}
}
