// Measures children from outside: resident and virtual memory, cpu. Reads the operating system only.
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import pidusage from "pidusage";
import type { ProcessUsage } from "../telemetry/heartbeat-fields.js";

/** pidusage asks the system for its units once, in two shells; asked about many processes at once it would start two for each. */
let units: Promise<unknown> | undefined;

/** The usage of each of `pids` that is still running; a process that is gone is left out. */
export async function measureProcesses(pids: readonly number[]): Promise<Map<number, ProcessUsage>> {
	const measured = new Map<number, ProcessUsage>();
	units ??= pidusage(process.pid).catch(() => undefined);
	await units;
	await Promise.all(
		pids.map(async (pid) => {
			try {
				const [{ memory, cpu }, vmsBytes] = await Promise.all([pidusage(pid), virtualBytes(pid)]);
				measured.set(pid, { rssBytes: memory, vmsBytes, cpuPercent: cpu });
			} catch {
				// Only a process that ended between asking and reading has no usage; its exit is reported elsewhere.
			}
		}),
	);
	return measured;
}

async function virtualBytes(pid: number): Promise<number> {
	if (process.platform === "linux") {
		const status = await readFile(`/proc/${pid}/status`, "latin1");
		return Number(/^VmSize:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
	}
	const { stdout } = await promisify(execFile)("ps", ["-o", "vsz=", "-p", String(pid)]);
	return Number(stdout.trim()) * 1024;
}
