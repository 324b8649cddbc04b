// How many processor cores this process may use: its affinity, and the CPU limits of its control groups. Decides nothing.
import { dirname, join } from "node:path";

/** A file's text, or null where there is none. */
export type ReadText = (path: string) => string | null;

const CGROUPS = "/sys/fs/cgroup";
/** Controllers of version 1 may share a directory. */
const CPU_DIRS = ["cpu", "cpu,cpuacct", "cpuacct,cpu"];

/**
 * The least of what the affinity allows and of the limits of this process's control groups and all above them; not a whole
 * number where a limit is none. Node's own count knows no control group before libuv 1.49.
 * https://docs.kernel.org/admin-guide/cgroup-v2.html (cpu.max), https://docs.kernel.org/scheduler/sched-bwc.html
 * @param allowed what the affinity allows
 */
export function usableCores(allowed: number, read: ReadText): number {
	let cores = allowed;
	for (const line of (read("/proc/self/cgroup") ?? "").split("\n")) {
		const [, id, controllers = "", path] = /^(\d+):([^:]*):(\/.*)$/.exec(line) ?? [];
		if (path === undefined) continue;
		if (id === "0") {
			for (const dir of upwards(CGROUPS, path)) cores = Math.min(cores, limitOf(read(join(dir, "cpu.max"))));
		} else if (controllers.split(",").includes("cpu")) {
			for (const dir of CPU_DIRS.flatMap((name) => upwards(join(CGROUPS, name), path))) {
				const quota = read(join(dir, "cpu.cfs_quota_us"))?.trim() ?? "";
				cores = Math.min(cores, limitOf(`${quota} ${read(join(dir, "cpu.cfs_period_us")) ?? ""}`));
			}
		}
	}
	return cores;
}

/** Of `<quota> <period>`; no limit for `max`, -1, and what is not understood. */
function limitOf(text: string | null): number {
	const [, quota, period] = /^(\d+) (\d+)\s*$/.exec(text ?? "") ?? [];
	const cores = Number(quota) / Number(period);
	return Number.isFinite(cores) && cores > 0 ? cores : Number.POSITIVE_INFINITY;
}

/** The group's directory and all above it. In a container its path may be the host's, and only the root be there. */
function upwards(root: string, path: string): string[] {
	const dirs = [join(root, path)];
	for (let dir = path; dir !== "/"; ) {
		dir = dirname(dir);
		dirs.push(join(root, dir));
	}
	return dirs;
}
