// Finds the running primary of a data dir for whoever wants to send it a signal. Sends none.
import { readFileSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { ConfigError } from "../base/errors.js";
import { bootId } from "./boot-id.js";
import { findOwner, LOCK_NAME, pidNamespaceHere } from "./lock-record.js";
import { knock } from "./lock-socket.js";

/** Its process id. @throws ConfigError when none runs, or none that a process id of here could name */
export async function primaryOf(dataDir: string): Promise<number> {
	const found = await findOwner(join(dataDir, LOCK_NAME));
	if (found === null) {
		throw new ConfigError(
			`--data-dir: no cluster runs on ${dataDir}; give the one it was started with, or --pid`,
		);
	}
	const { bootId: boot, host, pid, pidNamespace, socket } = found.owner;
	if (boot !== bootId() || pidNamespace !== pidNamespaceHere()) {
		throw new ConfigError(
			`--data-dir: its cluster runs in another container or on another machine (host ${host}, process ${pid}); go there`,
		);
	}
	if (socket !== null && (await knock(join(dataDir, socket))) === "dead") {
		throw new ConfigError(`--data-dir: the cluster of ${dataDir}, process ${pid}, does not run any more`);
	}
	return pid;
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
