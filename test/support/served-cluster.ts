// A cluster started as its users start it (`rollpin serve`), its log and its simulated engine's control plane.
import { type ChildProcess, spawn } from "node:child_process";
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SimControl } from "../../src/sim/control/control-client.js";
import { isRunning, type LogRecord } from "./cluster-process.js";
import { REPOSITORY } from "./run-rollpin.js";
import { until, within } from "./wait.js";

export interface ServeOptions {
	/** `npm start -- ...` instead of the program itself. */
	throughNpm?: boolean;
	/** Added to an environment without any ROLLPIN_ variable. */
	env?: Record<string, string>;
	/** Without --store memory --backends 2 --log-format json in front of the arguments. */
	bare?: boolean;
	/** Another installation's program. */
	program?: string;
	/** Another user's process. Needs the right to change it. */
	uid?: number;
}

export interface ReadyCluster {
	url: string;
	port: number;
	workerPids: number[];
	routerPid: number;
	/** Of the simulated engine that the cluster started; null with an --upstream. */
	simPid: number | null;
	/** Every child of the primary. */
	childPids: number[];
}

const DEFAULTS = ["--port", "0", "--store", "memory", "--backends", "2", "--log-format", "json"];

export class ServedCluster {
	/** Its own process group: `signalGroup` reaches the cluster and nothing else. */
	readonly child: ChildProcess;
	readonly records: LogRecord[] = [];
	/** What stood on stdout and is no JSON object. */
	readonly strayLines: string[] = [];
	stderr = "";
	readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
	/** Its TMPDIR: nobody else puts anything there. */
	readonly tempDir: string;
	#text = "";

	constructor(args: readonly string[] = [], options: ServeOptions = {}) {
		if (!existsSync(join(REPOSITORY, "dist", "cli", "main.js"))) {
			throw new Error("dist/ is missing: run `npm run build` before these tests (`npm test` does)");
		}
		this.tempDir = mkdtempSync(join(tmpdir(), "rollpin-e2e-"));
		if (options.uid !== undefined) chownSync(this.tempDir, options.uid, options.uid);
		const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("ROLLPIN_"));
		const all = options.bare === true ? args : [...DEFAULTS, ...args];
		const [command, commandArgs] =
			options.throughNpm === true
				? ["npm", ["start", "--silent", "--", ...all]]
				: [process.execPath, [options.program ?? join(REPOSITORY, "bin", "rollpin.js"), "serve", ...all]];
		this.child = spawn(command, commandArgs, {
			cwd: REPOSITORY,
			env: { ...Object.fromEntries(inherited), TMPDIR: this.tempDir, ...options.env },
			stdio: ["ignore", "pipe", "pipe"],
			detached: true,
			...(options.uid === undefined ? {} : { uid: options.uid, gid: options.uid }),
		});
		this.exited = new Promise((resolve, reject) => {
			this.child.once("error", reject);
			// `close`: the last lines are read by then.
			this.child.once("close", (code, signal) => resolve({ code, signal }));
		});
		this.child.stdout?.setEncoding("utf8").on("data", (piece: string) => this.#read(piece));
		this.child.stderr?.setEncoding("utf8").on("data", (piece: string) => {
			this.stderr += piece;
		});
	}

	/** The first record of an event that matches, waited for. */
	event(
		name: string,
		timeoutMs = 10_000,
		match: (record: LogRecord) => boolean = () => true,
	): Promise<LogRecord> {
		return until(`the event ${name}`, timeoutMs, () => {
			const found = this.records.find((record) => record.event === name && match(record));
			if (found === undefined && this.child.exitCode !== null) {
				throw new Error(`it ended without the event ${name}: ${this.stderr}`);
			}
			return found;
		});
	}

	all(name: string): LogRecord[] {
		return this.records.filter(({ event }) => event === name);
	}

	async ready(): Promise<ReadyCluster> {
		const record = await this.event("cluster_ready", 20_000);
		const url = String(record["url"]);
		const workerPids = record["worker_pids"] as number[];
		const routerPid = record["router_pid"] as number;
		const simPid = (this.all("sim_engine")[0]?.["sim_pid"] as number | undefined) ?? null;
		const childPids = [...workerPids, routerPid, ...(simPid === null ? [] : [simPid])];
		return { url, port: Number(new URL(url).port), workerPids, routerPid, simPid, childPids };
	}

	/** The primary's own pid, also behind npm. */
	get primaryPid(): number {
		const pid = this.all("cluster_starting")[0]?.pid;
		if (typeof pid !== "number") throw new Error("the primary has not said its pid yet");
		return pid;
	}

	/** Control of the simulated engine that the cluster started; ready clusters only. */
	get sim(): SimControl {
		return new SimControl(String(this.all("sim_engine").at(-1)?.["control_url"]));
	}

	/** To the primary alone. */
	signal(signal: NodeJS.Signals): void {
		process.kill(this.primaryPid, signal);
	}

	/** To the whole process group, as a terminal's Ctrl-C. */
	signalGroup(signal: NodeJS.Signals): void {
		process.kill(-(this.child.pid as number), signal);
	}

	/** Directories left in its TMPDIR. */
	leftovers(): string[] {
		return readdirSync(this.tempDir);
	}

	/** Ends what is left of it; for afterEach. */
	async stop(): Promise<void> {
		try {
			if (this.child.exitCode === null && this.child.signalCode === null) this.signalGroup("SIGKILL");
			await within("the cluster to be gone", 5_000, this.exited);
		} finally {
			rmSync(this.tempDir, { recursive: true, force: true });
		}
	}

	#read(piece: string): void {
		this.#text += piece;
		const lines = this.#text.split("\n");
		this.#text = lines.pop() ?? "";
		for (const line of lines) {
			try {
				this.records.push(JSON.parse(line) as LogRecord);
			} catch {
				this.strayLines.push(line);
			}
		}
	}
}

/** Resolves when none of the processes exists any more. */
export async function allGone(pids: readonly number[], timeoutMs: number): Promise<void> {
	await until(`the end of processes ${pids.join(", ")}`, timeoutMs, () => !pids.some(isRunning));
}
