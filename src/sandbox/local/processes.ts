// The processes of a local sandbox, found in /proc by what they carry, and their end. Starts none.
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** Which processes are meant. */
export interface Marked {
	/** As in an environment: `ROLLPIN_EXEC=...`. */
	mark: string;
	/** Also those that work below it, have no terminal and carry no mark of an exec: they threw their environment away. */
	below?: string;
}

/** In a process's environment, beside the sandbox's id: which command it is of. */
const EXEC_MARK = "ROLLPIN_EXEC=";
/** Fields of /proc/<pid>/stat that follow the name, which may hold anything: state, ppid, pgrp, session, terminal. */
const TERMINAL_FIELD = 4;

/** Live ones; zombies have no environment any more. */
export function findProcesses({ mark, below }: Marked): number[] {
	const found: number[] = [];
	for (const name of readdirSync("/proc")) {
		const pid = Number(name);
		if (!Number.isInteger(pid) || pid === process.pid) continue;
		const environment = readEnvironment(pid);
		if (environment === null) continue;
		if (environment.includes(mark)) found.push(pid);
		else if (below !== undefined && !environment.some((each) => each.startsWith(EXEC_MARK))) {
			if (worksBelow(pid, below) && !hasTerminal(pid)) found.push(pid);
		}
	}
	return found;
}

export function carries(pid: number, mark: string): boolean {
	return readEnvironment(pid)?.includes(mark) ?? false;
}

/**
 * Ends all of them: frozen first, until no new one appears, so that a fork bomb cannot outrun it.
 * @throws Error when some cannot be ended
 */
export async function killProcesses(marked: Marked): Promise<void> {
	for (let round = 0; round < 200; round++) {
		const frozen = new Set<number>();
		for (let grown = true; grown; ) {
			grown = false;
			for (const pid of findProcesses(marked)) {
				if (frozen.has(pid)) continue;
				frozen.add(pid);
				grown = true;
				signal(pid, "SIGSTOP");
			}
		}
		if (frozen.size === 0) return;
		for (const pid of frozen) signal(pid, "SIGKILL");
		await sleep(round < 10 ? 2 : 25);
	}
	throw new Error(`processes that carry ${marked.mark} cannot be ended`);
}

function signal(pid: number, name: NodeJS.Signals): void {
	try {
		process.kill(pid, name);
	} catch {
		// Gone by now, or somebody else's.
	}
}

/** Null: gone, or not ours. */
function readEnvironment(pid: number): string[] | null {
	try {
		return readFileSync(`/proc/${pid}/environ`, "latin1").split("\0");
	} catch {
		return null;
	}
}

function worksBelow(pid: number, directory: string): boolean {
	try {
		const cwd = readlinkSync(`/proc/${pid}/cwd`);
		return cwd === directory || cwd.startsWith(`${directory}/`);
	} catch {
		return false;
	}
}

/** An operator who looks around in a sandbox's directory has one. */
function hasTerminal(pid: number): boolean {
	try {
		const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
		return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[TERMINAL_FIELD] !== "0";
	} catch {
		return false;
	}
}
