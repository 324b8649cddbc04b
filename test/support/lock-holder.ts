// A process that takes a data dir (test/fixtures/lock-holder.js), perhaps in namespaces of its own, and what it says.
import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { until, within } from "./wait.js";

const FIXTURE = fileURLToPath(new URL("../fixtures/lock-holder.js", import.meta.url));
const BUILT = fileURLToPath(new URL("../../dist/data-dir/data-dir.js", import.meta.url));

/** Commands that run another in namespaces of its own, as a container does. */
export const NAMESPACES: Readonly<Record<string, readonly string[]>> = {
	"of this host": [],
	"with another host name": [
		"unshare",
		"--uts",
		"sh",
		"-c",
		'echo elsewhere > /proc/sys/kernel/hostname; exec "$@"',
		"sh",
	],
	"in a PID namespace": ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"],
	"in a network namespace": ["unshare", "--net"],
	"in all of them": ["unshare", "--uts", "--net", "--pid", "--fork", "--mount-proc", "--kill-child"],
};

export const mayUnshare = spawnSync("unshare", ["--uts", "--net", "--pid", "--fork", "true"]).status === 0;

const running = new Set<LockHolder>();

/** For afterEach. */
export async function endHolders(): Promise<void> {
	for (const holder of [...running]) await holder.kill();
}

export class LockHolder {
	readonly lines: string[] = [];
	readonly #child: ChildProcessWithoutNullStreams;

	constructor(directory: string, wrap: readonly string[] = [], options: object = {}) {
		if (!existsSync(BUILT)) throw new Error("these tests run the build: npm run build first");
		const command = [...wrap, process.execPath, FIXTURE, directory, JSON.stringify(options)];
		this.#child = spawn(command[0] as string, command.slice(1), { stdio: "pipe" });
		this.#child.stderr.resume();
		let text = "";
		this.#child.stdout.setEncoding("utf8").on("data", (piece: string) => {
			const lines = (text + piece).split("\n");
			text = lines.pop() ?? "";
			this.lines.push(...lines);
		});
		running.add(this);
	}

	/** The first line that begins so. */
	said(start: string): Promise<string> {
		return until(`a holder to say ${start}, not ${this.lines.join("|")}`, 20_000, () =>
			this.lines.find((line) => line.startsWith(start)),
		);
	}

	/** What became of it, once it knows. */
	outcome(): Promise<string> {
		return until("a holder to know", 20_000, () => this.lines.find((line) => /^(held|refused)/.test(line)));
	}

	tell(line: "epoch" | "release"): void {
		this.#child.stdin.write(`${line}\n`);
	}

	signal(signal: NodeJS.Signals): void {
		this.#child.kill(signal);
	}

	async kill(): Promise<void> {
		running.delete(this);
		if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
		const exit = once(this.#child, "exit");
		this.#child.kill("SIGKILL");
		await within("a holder's end", 10_000, exit);
	}
}

/** Starts one and waits until it has the directory. */
export async function holderOf(directory: string, wrap: readonly string[] = []): Promise<LockHolder> {
	const holder = new LockHolder(directory, wrap);
	if ((await holder.outcome()) !== "held") throw new Error(holder.lines.join("\n"));
	return holder;
}

/** Makes a lock that of a process which can't be reached from here: on another machine, on a file system without sockets. */
export function moveToAnotherMachine(directory: string): void {
	const path = join(directory, "lock");
	const record = JSON.parse(readFileSync(path, "utf8")) as object;
	// In place: the owner goes on renewing this file.
	writeFileSync(path, JSON.stringify({ ...record, host: "elsewhere", bootId: "another", socket: null }));
}
