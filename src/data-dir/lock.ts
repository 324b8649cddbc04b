// The lock that keeps two clusters off one data dir: a file naming the host, the process and its start time.
import { readFileSync } from "node:fs";
import { link, rm, stat, writeFile } from "node:fs/promises";
import { constants, hostname } from "node:os";
import { dirname, join } from "node:path";
import { ConfigError } from "../base/errors.js";
import { readIfThere, writeBeside } from "./durable-file.js";

/** Name of the lock in its data dir. */
export const LOCK_NAME = "lock";
const TAKEOVER_TIMEOUT_MS = 2000;

interface LockOwner {
	host: string;
	pid: number;
	/** Start time of the process in the kernel's own unit, or null where the platform doesn't tell. */
	startTime: string | null;
}

/** Takes the lock, over a dead owner's if need be. @throws ConfigError when another cluster may hold it */
export async function takeLock(path: string): Promise<void> {
	const own: LockOwner = { host: hostname(), pid: process.pid, startTime: startTimeOf(process.pid) };
	const temporary = await writeBeside(path, `${JSON.stringify(own)}\n`);
	try {
		for (let attempt = 0; attempt < 100; attempt++) {
			try {
				// link() is atomic and never replaces: the lock appears whole, or not at all.
				await link(temporary, path);
				return;
			} catch (error) {
				if (!isCode(error, "EEXIST")) throw error;
			}
			await removeStale(path);
		}
	} finally {
		await rm(temporary, { force: true });
	}
	throw new ConfigError(
		`--data-dir: ${path} keeps changing hands: another cluster is starting on it; start one`,
	);
}

/** Gives the lock back, unless it isn't ours (any more). */
export async function releaseLock(path: string): Promise<void> {
	const owner = parseOwner(await readIfThere(path));
	if (owner?.pid === process.pid && owner.host === hostname()) await rm(path, { force: true });
}

/** @throws ConfigError when the lock's owner lives, or can't be judged from here */
async function removeStale(path: string): Promise<void> {
	if (await judgedStale(path)) {
		// Only the holder of the takeover file removes a lock, and it looks again first: another starter may have
		// put its own lock in the place of the stale one meanwhile.
		const takeover = `${path}.takeover`;
		if (!(await createExclusively(takeover))) return;
		try {
			if (await judgedStale(path)) await rm(path, { force: true });
		} finally {
			await rm(takeover, { force: true });
		}
	}
}

async function judgedStale(path: string): Promise<boolean> {
	const text = await readIfThere(path);
	if (text === undefined) return false;
	const owner = parseOwner(text);
	if (owner === undefined) {
		throw new ConfigError(
			`--data-dir: ${path} is not a lock of this program; remove it if no cluster runs here`,
		);
	}
	if (owner.host !== hostname()) {
		throw new ConfigError(
			`--data-dir: in use by process ${owner.pid} on host ${owner.host}; stop that cluster, or remove ${path} if it is gone`,
		);
	}
	if (isAlive(owner)) {
		throw new ConfigError(
			`--data-dir: ${dirname(path)} is in use by the cluster with process id ${owner.pid}; stop it, or choose another directory`,
		);
	}
	return true;
}

/** False, after a pause, when the file is there; one that a crash left behind goes after a while. */
async function createExclusively(path: string): Promise<boolean> {
	try {
		await writeFile(path, "", { flag: "wx", mode: 0o600 });
		return true;
	} catch (error) {
		if (!isCode(error, "EEXIST")) throw error;
	}
	const age = await stat(path).then(
		(found) => Date.now() - found.mtimeMs,
		() => 0,
	);
	if (age > TAKEOVER_TIMEOUT_MS) await rm(path, { force: true });
	else await new Promise((resolve) => setTimeout(resolve, 50));
	return false;
}

function isAlive(owner: LockOwner): boolean {
	try {
		process.kill(owner.pid, 0);
	} catch (error) {
		if (!isCode(error, "EPERM")) return false;
	}
	const startTime = startTimeOf(owner.pid);
	return startTime === null || owner.startTime === null || startTime === owner.startTime;
}

/** Field 22 of /proc/PID/stat; a pid that was given out again has another one. */
function startTimeOf(pid: number): string | null {
	try {
		const text = readFileSync(`/proc/${pid}/stat`, "utf8");
		return text.slice(text.lastIndexOf(")") + 2).split(" ")[19] ?? null;
	} catch {
		return null; // No /proc here: the process id alone decides.
	}
}

function parseOwner(text: string | undefined): LockOwner | undefined {
	try {
		const owner = JSON.parse(text ?? "") as Partial<LockOwner>;
		if (typeof owner.host !== "string" || typeof owner.pid !== "number") return undefined;
		return { host: owner.host, pid: owner.pid, startTime: owner.startTime ?? null };
	} catch {
		return undefined;
	}
}

function isCode(error: unknown, code: string): boolean {
	return error instanceof Error && "code" in error && error.code === code;
}

/** The running process that holds a data dir. @throws ConfigError when there is none on this host */
export async function primaryOf(dataDir: string): Promise<number> {
	const owner = parseOwner(await readIfThere(join(dataDir, LOCK_NAME)));
	if (owner === undefined) {
		throw new ConfigError(
			`--data-dir: no cluster runs on ${dataDir}; give the one it was started with, or --pid`,
		);
	}
	if (owner.host !== hostname()) {
		throw new ConfigError(
			`--data-dir: its cluster runs on host ${owner.host}, process ${owner.pid}; go there`,
		);
	}
	if (isAlive(owner)) return owner.pid;
	throw new ConfigError(`--data-dir: the cluster of ${dataDir}, process ${owner.pid}, does not run any more`);
}

/** True when that process handles the signal. Where the platform does not tell (no /proc), true when it runs. */
export function listensFor(pid: number, signal: NodeJS.Signals): boolean {
	let caught: string | undefined;
	try {
		caught = /^SigCgt:\s*([0-9a-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1];
	} catch {
		if (process.platform === "linux") return false;
	}
	if (caught !== undefined)
		return ((BigInt(`0x${caught}`) >> BigInt(constants.signals[signal] - 1)) & 1n) === 1n;
	try {
		return process.kill(pid, 0);
	} catch {
		return false;
	}
}
