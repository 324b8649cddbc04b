// The cores that may be used, as a table: affinity and control groups of both versions.
import { describe, expect, it } from "vitest";
import { usableCores } from "../../src/cli/usable-cores.js";

const ROOT = "/sys/fs/cgroup";

function cores(allowed: number, cgroup: string | null, files: Record<string, string> = {}): number {
	const all: Record<string, string> = {
		...files,
		...(cgroup === null ? {} : { "/proc/self/cgroup": cgroup }),
	};
	return usableCores(allowed, (path) => all[path] ?? null);
}

describe("the cores that may be used", () => {
	it("are those of the affinity where no control group tells of itself", () => {
		expect(cores(6, null)).toBe(6);
		expect(cores(6, "0::/\n")).toBe(6);
		expect(cores(6, "not a line\n\n")).toBe(6);
	});

	it.each([
		["max 100000\n", 8],
		["250000 100000\n", 2.5],
		["50000 100000\n", 0.5],
		["1600000 100000\n", 8],
		["0 100000\n", 8],
		["100000 0\n", 8],
		["100000\n", 8],
		["words\n", 8],
	])("are at most cpu.max of the group: %j of 8 is %d", (limit, expected) => {
		expect(cores(8, "0::/job\n", { [`${ROOT}/job/cpu.max`]: limit })).toBe(expected);
	});

	it("are at most the limit of any group above", () => {
		const limits = {
			[`${ROOT}/slice/pod/job/cpu.max`]: "max 100000\n",
			[`${ROOT}/slice/pod/cpu.max`]: "300000 100000\n",
			[`${ROOT}/slice/cpu.max`]: "600000 100000\n",
		};
		expect(cores(8, "0::/slice/pod/job\n", limits)).toBe(3);
	});

	it("are found in a container that shows the host's path but only its own group", () => {
		const limits = { [`${ROOT}/cpu.max`]: "200000 100000\n" };
		expect(cores(8, "0::/kubepods/pod1/abc\n", limits)).toBe(2);
	});

	it.each(["cpu", "cpu,cpuacct", "cpuacct,cpu"])(
		"are at most the quota of version 1, mounted as %s",
		(dir) => {
			const limits = {
				[`${ROOT}/${dir}/docker/abc/cpu.cfs_quota_us`]: "150000\n",
				[`${ROOT}/${dir}/docker/abc/cpu.cfs_period_us`]: "100000\n",
			};
			expect(cores(8, "9:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n", limits)).toBe(1.5);
		},
	);

	it("are not limited by a quota of -1", () => {
		const limits = {
			[`${ROOT}/cpu/cpu.cfs_quota_us`]: "-1\n",
			[`${ROOT}/cpu/cpu.cfs_period_us`]: "100000\n",
		};
		expect(cores(8, "1:cpu:/\n", limits)).toBe(8);
	});
});
