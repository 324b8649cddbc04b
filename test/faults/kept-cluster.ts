// A cluster that is started again on the same port and data dir whenever its primary is gone. Knows its pids by its log.

import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import type { LogRecord } from "../support/cluster-process.js";
import { ServedCluster } from "../support/served-cluster.js";
import { until, within } from "../support/wait.js";

export interface KeptClusterOptions {
	dataDir: string;
	upstream: string;
	checkpointDir: string;
	backends: number;
	drainTimeoutS: number;
}

export class KeptCluster {
	readonly url: string;
	/** Log records of all its lives, oldest first. */
	readonly #earlier: LogRecord[] = [];
	readonly #port: number;
	#options: KeptClusterOptions;
	#served: ServedCluster;

	private constructor(options: KeptClusterOptions, port: number) {
		this.#options = options;
		this.#port = port;
		this.url = `http://127.0.0.1:${port}`;
		this.#served = this.#spawn();
	}

	static async start(options: KeptClusterOptions): Promise<KeptCluster> {
		const cluster = new KeptCluster(options, await freePort());
		await cluster.#served.ready();
		return cluster;
	}

	get served(): ServedCluster {
		return this.#served;
	}

	get backends(): number {
		return this.#options.backends;
	}

	records(): LogRecord[] {
		return [...this.#earlier, ...this.#served.records];
	}

	/** The worker that is ready now, or was last. */
	worker(index: number): { pid: number; epoch: number } {
		const last = this.#served.all("worker_ready").findLast(({ worker }) => worker === index);
		return { pid: Number(last?.["worker_pid"]), epoch: Number(last?.["epoch"]) };
	}

	router(): { pid: number; epoch: number } {
		const last = this.#served.all("router_ready").at(-1);
		return { pid: Number(last?.["router_pid"]), epoch: Number(last?.["epoch"]) };
	}

	workerReady(index: number, afterEpoch: number, timeoutMs: number): Promise<LogRecord> {
		const next = (record: LogRecord) => record["worker"] === index && Number(record["epoch"]) > afterEpoch;
		return this.#served.event("worker_ready", timeoutMs, next);
	}

	routerReady(afterEpoch: number, timeoutMs: number): Promise<LogRecord> {
		return this.#served.event("router_ready", timeoutMs, (record) => Number(record["epoch"]) > afterEpoch);
	}

	/** Starts it again once its primary is gone. @returns the exit code of the one before */
	async startAgain(change: Partial<KeptClusterOptions> = {}): Promise<number | null> {
		// Its exit, not the end of its output: children that outlive it keep that open for a moment.
		const { child } = this.#served;
		await until("the primary's exit", 40_000, () => child.exitCode !== null || child.signalCode !== null);
		const before = this.#served;
		this.#options = { ...this.#options, ...change };
		this.#served = this.#spawn();
		await this.#served.ready();
		await within("the end of the former cluster's children", 10_000, before.exited);
		this.#earlier.push(...before.records);
		await before.stop();
		return child.exitCode;
	}

	async stop(): Promise<void> {
		await this.#served.stop();
	}

	#spawn(): ServedCluster {
		const { backends, checkpointDir, dataDir, drainTimeoutS, upstream } = this.#options;
		const flags = {
			port: this.#port,
			backends,
			upstream,
			checkpoint: checkpointDir,
			"data-dir": dataDir,
			"drain-timeout": drainTimeoutS,
			"log-format": "json",
			r3: "full",
		};
		const args = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, String(value)]);
		return new ServedCluster(args, { bare: true });
	}
}

export async function freePort(): Promise<number> {
	const server = createServer();
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	const { port } = server.address() as AddressInfo;
	await new Promise((resolve) => server.close(resolve));
	return port;
}
