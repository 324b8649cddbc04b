// The soak's cluster: its log goes through a pipe that may stall, so its processes are found over HTTP and in /proc, never by the log.
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isRunning, type LogRecord } from "../../support/cluster-process.js";
import { REPOSITORY } from "../../support/run-rollpin.js";
import { until, within } from "../../support/wait.js";
import { freePort } from "../kept-cluster.js";
import { LogPipe } from "./log-pipe.js";

export interface SoakClusterOptions {
	/** For the pipes, the settings and its TMPDIR. */
	workDir: string;
	dataDir: string;
	upstream: string;
	checkpointDir: string;
	backends: number;
	/** Of the `--config` file. */
	settings: Readonly<Record<string, unknown>>;
}

export interface WorkerView {
	worker: number;
	state: string;
	pid: number | null;
	epoch: number;
	drain: boolean;
}

const READY_MS = 60_000;
const END_MS = 45_000;

export class SoakCluster {
	readonly url: string;
	readonly #options: SoakClusterOptions;
	readonly #port: number;
	#backends: number;
	#lives = 0;
	#child!: ChildProcess;
	#pipe!: LogPipe;
	readonly #earlier: LogPipe[] = [];

	private constructor(options: SoakClusterOptions, port: number) {
		this.#options = options;
		this.#port = port;
		this.#backends = options.backends;
		this.url = `http://127.0.0.1:${port}`;
		mkdirSync(join(options.workDir, "tmp"));
		this.writeSettings(options.settings);
	}

	static async start(options: SoakClusterOptions): Promise<SoakCluster> {
		const cluster = new SoakCluster(options, await freePort());
		cluster.#spawn();
		await cluster.#ready();
		return cluster;
	}

	/** Of the primary that runs now. */
	get log(): LogPipe {
		return this.#pipe;
	}

	get primaryPid(): number {
		return this.#child.pid as number;
	}

	get strayLines(): string[] {
		return [...this.#earlier, this.#pipe].flatMap(({ strayLines }) => strayLines);
	}

	get dataDir(): string {
		return this.#options.dataDir;
	}

	get settingsFile(): string {
		return join(this.#options.workDir, "rollpin.json");
	}

	writeSettings(settings: object | string): void {
		writeFileSync(this.settingsFile, typeof settings === "string" ? settings : JSON.stringify(settings));
	}

	/** @throws TypeError while nobody answers */
	async workers(): Promise<WorkerView[]> {
		const reply = await fetch(`${this.url}/cluster`, { signal: AbortSignal.timeout(10_000) });
		return ((await reply.json()) as { workers: WorkerView[] }).workers;
	}

	/**
	 * The worker's next process is ready.
	 * @returns until when it surely was not, by `performance.now()`
	 */
	async workerReady(worker: number, afterEpoch: number, timeoutMs: number): Promise<number> {
		let notReadyMs = performance.now();
		await until(`worker ${worker} after epoch ${afterEpoch}`, timeoutMs, async () => {
			const askedMs = performance.now();
			const view = (await this.workers().catch(() => []))[worker];
			if (view !== undefined && view.state === "ready" && view.epoch > afterEpoch) return true;
			notReadyMs = askedMs;
			return false;
		});
		return notReadyMs;
	}

	/** 0 while there is none. */
	routerPid(): number {
		const children = read(`/proc/${this.primaryPid}/task/${this.primaryPid}/children`).trim().split(" ");
		return Number(children.find((pid) => read(`/proc/${pid}/cmdline`).startsWith("rollpin router")) ?? 0);
	}

	/** A record of one of these events, after the first `from`. Time during which nobody reads the log does not count. */
	async record(events: readonly string[], from: number, timeoutMs: number): Promise<LogRecord> {
		const { log } = this;
		const startMs = performance.now();
		const quietMs = log.quietMs;
		for (;;) {
			const found = log.records.slice(from).find(({ event = "" }) => events.includes(event));
			if (found !== undefined) return found;
			const passedMs = performance.now() - startMs - (log.quietMs - quietMs);
			if (passedMs > timeoutMs)
				throw new Error(`no record ${events.join(" or ")} in the log after ${timeoutMs} ms`);
			await new Promise((resolve) => setTimeout(resolve, 20));
		}
	}

	/**
	 * Ends it with a signal and starts it again with a new log.
	 * @returns the exit code of the one before; null after a kill
	 */
	async restart(
		how: "SIGTERM" | "SIGKILL" | "all SIGKILL",
		backends = this.#backends,
	): Promise<number | null> {
		const child = this.#child;
		const exited = new Promise<number | null>((resolve) => {
			if (child.exitCode !== null || child.signalCode !== null) resolve(child.exitCode);
			else child.once("exit", (code) => resolve(code));
		});
		if (how === "all SIGKILL") process.kill(-this.primaryPid, "SIGKILL");
		else process.kill(this.primaryPid, how);
		const code = await within(`the primary's end by ${how}`, END_MS, exited);
		this.#backends = backends;
		this.#earlier.push(this.#pipe);
		this.#spawn();
		await this.#ready();
		return code;
	}

	async stop(): Promise<void> {
		if (isRunning(this.primaryPid)) process.kill(-this.primaryPid, "SIGKILL");
		await until("the cluster to be gone", 5_000, () => !isRunning(this.primaryPid));
		this.#pipe.leave();
	}

	#spawn(): void {
		const { checkpointDir, dataDir, upstream, workDir } = this.#options;
		this.#lives += 1;
		this.#pipe = new LogPipe(workDir, `log${this.#lives}`);
		const writer = this.#pipe.openWriter();
		const flags = {
			port: this.#port,
			backends: this.#backends,
			upstream,
			checkpoint: checkpointDir,
			"data-dir": dataDir,
			"drain-timeout": 20,
			"log-format": "json",
			"max-session-tokens": 20_000,
			r3: "full",
			config: this.settingsFile,
		};
		const args = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, String(value)]);
		const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("ROLLPIN_"));
		this.#child = spawn(
			process.execPath,
			[join(REPOSITORY, "bin", "rollpin.js"), "serve", ...args, "--log-content"],
			{
				env: { ...Object.fromEntries(inherited), TMPDIR: join(workDir, "tmp") },
				stdio: ["ignore", writer, "inherit"],
				detached: true,
			},
		);
		closeSync(writer);
	}

	async #ready(): Promise<void> {
		await until("the cluster to be ready", READY_MS, () => {
			if (this.#child.exitCode !== null) throw new Error(`the start ended with ${this.#child.exitCode}`);
			return this.#pipe.records.some(({ event }) => event === "cluster_ready");
		});
	}
}

/** Empty for a process that has just ended. */
function read(path: string): string {
	try {
		return readFileSync(path, "latin1");
	} catch {
		return "";
	}
}
