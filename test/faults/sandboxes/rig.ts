// A cluster with Docker sandboxes and the engine below it, for the faults of sandboxes; and a watch of the sandboxes' own processes.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ContainerEngine } from "../../support/container-engine.js";
import { type Answer, ask } from "../../support/sandbox-cluster.js";
import { ServedCluster } from "../../support/served-cluster.js";

const IMAGE = "rollpin-test-shell";

export class SandboxRig {
	readonly image = IMAGE;
	readonly engine = new ContainerEngine();
	readonly #dataDir = mkdtempSync(join(tmpdir(), "rollpin-sandbox-faults-"));
	readonly #flags: readonly string[];
	cluster: ServedCluster | null = null;
	url = "";

	constructor(flags: readonly string[] = []) {
		this.#flags = flags;
	}

	async start(): Promise<void> {
		await this.engine.start();
		this.engine.importShellImage(IMAGE);
		await this.serve();
	}

	/** Also again, after the cluster was killed: the same data dir. */
	async serve(): Promise<void> {
		const flags = ["--port", "0", "--log-format", "json", "--backends", "1", "--data-dir", this.#dataDir];
		const sandboxes = ["--sandbox", "docker", "--sandbox-docker-socket", this.engine.socketPath];
		const image = ["--sandbox-image", IMAGE, "--sandbox-pull", "never"];
		this.cluster = new ServedCluster([...flags, ...sandboxes, ...image, ...this.#flags], { bare: true });
		({ url: this.url } = await this.cluster.ready());
	}

	/** Every process of ours, at once; nothing is started again. */
	async killEverything(): Promise<void> {
		this.cluster?.signalGroup("SIGKILL");
		await this.cluster?.exited;
	}

	/** The process that holds the sandboxes. */
	get sandboxPid(): number {
		return Number(this.cluster?.all("sandbox_process_spawn").at(-1)?.["sandbox_pid"]);
	}

	async stop(): Promise<void> {
		await this.cluster?.stop();
		await this.engine.stop();
		rmSync(this.#dataDir, { recursive: true, force: true });
	}

	call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer> {
		return ask(this.url, method, path, body, headers);
	}

	async make(body: Record<string, unknown>, headers?: Record<string, string>): Promise<Made> {
		const made = await this.call("POST", "/sandboxes", { ...SMALL, ...body }, headers);
		if (made.status !== 201) throw new Error(`no sandbox: ${made.status} ${made.text}`);
		return made.json as Made;
	}

	run(id: string, cmd: string, more: Record<string, unknown> = {}): Promise<Answer> {
		return this.call("POST", `/sandboxes/${id}/exec`, { cmd, ...more });
	}

	/** Names of all containers that the engine knows, of those it asked itself. */
	containers(): string[] {
		return this.engine.run("ps", "-a", "--format", "{{.Names}}").split("\n").filter(Boolean);
	}
}

export interface Made {
	sandbox_id: string;
	expires_at: number;
}

const SMALL = { resources: { cpu: 0.5, memory_mib: 64, pids: 64, disk_mib: 8 } };

/** Looks at the PID 1 of each sandbox, as this machine's kernel sees it: the engine is not asked. */
export class LifeWatch {
	/** When each was last seen alive, ms since the epoch. */
	readonly #seen = new Map<string, number>();
	readonly #pids = new Map<string, { pid: number; start: string }>();

	constructor(engine: ContainerEngine, ids: readonly string[]) {
		const format = "{{.Name}} {{.State.Pid}}";
		for (const line of engine.run("inspect", "--format", format, ...ids).split("\n")) {
			const [name = "", pid = ""] = line.split(" ");
			this.#pids.set(name.slice(1), { pid: Number(pid), start: startOf(Number(pid)) ?? "" });
		}
	}

	/** Until none lives; by sandbox when it was last seen alive. */
	async untilGone(limitMs: number): Promise<ReadonlyMap<string, number>> {
		const endMs = performance.now() + limitMs;
		while (this.#pids.size > 0 && performance.now() < endMs) {
			for (const [id, { pid, start }] of this.#pids) {
				if (startOf(pid) === start) this.#seen.set(id, Date.now());
				else this.#pids.delete(id);
			}
			await new Promise((resolve) => setTimeout(resolve, 20));
		}
		if (this.#pids.size > 0) throw new Error(`${this.#pids.size} sandboxes live on`);
		return this.#seen;
	}
}

/** A process's start; null when it is gone or a zombie: the kernel has ended all of its namespace by then. */
function startOf(pid: number): string | null {
	try {
		const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
		const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
		return fields[0] === "Z" || fields[0] === "X" ? null : (fields[19] ?? null);
	} catch {
		return null;
	}
}
