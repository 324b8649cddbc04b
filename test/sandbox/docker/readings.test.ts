// What the engine is asked for and what it answers, read: container bodies, lists, ends, images, its abilities.
import { describe, expect, it } from "vitest";
import { KILL_MARGIN_MS, type SandboxSpec } from "../../../src/sandbox/backend.js";
import {
	containerBody,
	readCeiling,
	readCommandSettings,
	selfKillUs,
} from "../../../src/sandbox/docker/container-spec.js";
import { readEnd, readEvents, readList } from "../../../src/sandbox/docker/containers.js";
import { pullError, withTag } from "../../../src/sandbox/docker/image.js";
import { missingOf } from "../../../src/sandbox/docker/probe.js";

const spec: SandboxSpec = {
	id: `sbx-${"0".repeat(32)}`,
	instance: "here",
	sessionId: "session-1",
	image: "image",
	pullPolicy: "never",
	deadlineMs: 1_800_000_000_000,
	ceilingMs: 1_800_000_900_000,
	env: { WORD: "two words" },
	workdir: "app",
	user: null,
	resources: { cpu: 1.5, memoryMib: 512, pids: 100, diskMib: 256 },
	network: "none",
	runtime: null,
	labels: { task: "7" },
};

interface Body {
	User: string;
	Labels: Record<string, string>;
	Entrypoint: string[];
	HostConfig: Record<string, unknown> & { Tmpfs: Record<string, string> };
}

const bodyOf = (over: Partial<SandboxSpec> = {}, volumes: string[] = []): Body =>
	containerBody({ ...spec, ...over }, "sha256:1", volumes) as Body;

describe("the container of a sandbox", () => {
	it("has the limits that were asked for, memory and files each in full", () => {
		const { HostConfig } = bodyOf();
		const memory = (512 + 256 + 64) * 1024 * 1024;
		expect(HostConfig).toMatchObject({
			Memory: memory,
			MemorySwap: memory,
			CpuPeriod: 10_000,
			CpuQuota: 15_000,
			PidsLimit: 100,
		});
		expect(HostConfig.Tmpfs["/workspace"]).toContain("uid=65532,gid=65532,mode=0755,size=256m");
	});

	it("says when it ends in the arguments of PID 1, and its ceiling in a label", () => {
		const { Entrypoint, Labels } = bodyOf();
		expect(Entrypoint.at(-1)).toBe(`${(1_800_000_000_000 - KILL_MARGIN_MS) * 1_000}`);
		expect(selfKillUs(1_000_000.9)).toBe((1_000_000 - KILL_MARGIN_MS) * 1_000);
		expect(Labels).toMatchObject({
			"rollpin.io/sandbox": spec.id,
			"rollpin.io/instance": "here",
			"rollpin.io/ceiling": "1800000900000",
			"rollpin.io/session": "session-1",
			"rollpin.io/label/task": "7",
		});
		expect(readCommandSettings(Labels["rollpin.io/commands"])).toEqual({
			user: "65532:65532",
			workdir: "app",
			env: { WORD: "two words" },
		});
	});

	it("lets no label of a client stand for one of ours", () => {
		const { Labels } = bodyOf({ labels: { "rollpin.io/ceiling": "9" } });
		expect(Labels["rollpin.io/ceiling"]).toBe("1800000900000");
	});

	it("puts the image's volumes into memory, of bounded size", () => {
		const { Tmpfs } = bodyOf({}, ["/data", "/workspace"]).HostConfig;
		expect(Tmpfs["/data"]).toContain("size=64m");
		expect(Tmpfs["/workspace"]).toContain("size=256m");
	});

	it.each(["0", "0:0", "root", "1000:", "-1", "1000:staff", "00", ""])("refuses the user %j", (user) => {
		expect(() => bodyOf({ user })).toThrow("user");
	});

	it("refuses a share of a core that is too small to end in time with", () => {
		expect(() => bodyOf({ resources: { ...spec.resources, cpu: 0.09 } })).toThrow("cpu 0.09");
	});

	it("gives the workspace to the user that is asked for, and PID 1 to root", () => {
		const body = bodyOf({ user: "1000:50" });
		expect(body.User).toBe("0:0");
		expect(body.HostConfig.Tmpfs["/workspace"]).toContain("uid=1000,gid=50");
		expect(readCommandSettings(body.Labels["rollpin.io/commands"])?.user).toBe("1000:50");
		expect(bodyOf({ user: "7" }).HostConfig.Tmpfs["/workspace"]).toContain("uid=7,gid=7");
	});
});

describe("what the engine says of containers", () => {
	it.each([undefined, "", "NaN", "Infinity", "1e9", "-5", " 7", "9".repeat(16)])(
		"takes %j for no ceiling",
		(label) => {
			expect(readCeiling(label)).toBeNull();
		},
	);

	it("lists ours only, with what the reaper needs to know", () => {
		const listed = (name: string, labels: Record<string, string>, state: string) => ({
			Names: [`/${name}`],
			Labels: labels,
			Created: 1_700_000_000,
			State: state,
		});
		const list = [
			listed(spec.id, { "rollpin.io/instance": "here", "rollpin.io/ceiling": "5" }, "running"),
			listed(`sbx-${"1".repeat(32)}`, {}, "created"),
			listed("postgres", { "rollpin.io/sandbox": "x" }, "running"),
		];
		expect(readList(list)).toEqual([
			{ id: spec.id, instance: "here", createdMs: 1_700_000_000_000, ceilingMs: 5, running: true },
			{
				id: `sbx-${"1".repeat(32)}`,
				instance: null,
				createdMs: 1_700_000_000_000,
				ceilingMs: null,
				running: false,
			},
		]);
	});

	it.each([
		["running", { Running: true }, null],
		["created", { Status: "created" }, null],
		["exited", { ExitCode: 0 }, "deadline"],
		["exited", { ExitCode: 137 }, "lost"],
		["exited", { ExitCode: 137, OOMKilled: true }, "oom"],
	] as const)("reads the end of one that is still there: %s, %j", (Status, state, reason) => {
		const State = {
			Running: false,
			OOMKilled: false,
			ExitCode: 0,
			FinishedAt: "2026-01-01T00:00:00Z",
			Status,
			...state,
		};
		expect(readEnd({ Config: { Labels: {} }, State })?.reason ?? null).toBe(reason);
	});

	const event = (Action: string, exitCode = "137") => ({
		Action,
		timeNano: 5e6,
		Actor: { Attributes: { exitCode } },
	});
	it.each([
		["nothing", [], "lost"],
		["its own end", [event("die", "0")], "deadline"],
		["a kill", [event("kill"), event("die")], "removed"],
		["want of memory", [event("oom"), event("die")], "oom"],
		["want of memory once, and its own end", [event("oom"), event("die", "0")], "deadline"],
		["a death", [event("die")], "lost"],
	])("reads the end of one that is gone from %s", (_name, events, reason) => {
		expect(readEvents(events, 7).reason).toBe(reason);
	});
});

describe("what the engine says of images and of itself", () => {
	it.each([
		["ubuntu", "ubuntu:latest"],
		["ubuntu:22.04", "ubuntu:22.04"],
		["host:5000/team/image", "host:5000/team/image:latest"],
		["host:5000/team/image:1", "host:5000/team/image:1"],
		["image@sha256:12", "image@sha256:12"],
	])("asks for one image only: %s", (image, asked) => {
		expect(withTag(image)).toBe(asked);
	});

	it("finds why a pull failed in the lines of its progress", () => {
		const lines = '{"status":"Pulling"}\n{"errorDetail":{"message":"no"},"error":"no \\"manifest\\""}\n';
		expect(pullError(lines)).toBe('no "manifest"');
		expect(pullError({ error: "denied" })).toBe("denied");
		expect(pullError('{"status":"Done"}')).toContain("without it");
	});

	it("names what an engine lacks", () => {
		const able = {
			OSType: "linux",
			MemoryLimit: true,
			PidsLimit: true,
			CpuCfsQuota: true,
			SecurityOptions: ["name=seccomp,profile=default"],
		};
		expect(missingOf(able)).toEqual([]);
		expect(missingOf({ ...able, PidsLimit: false, SecurityOptions: [] })).toEqual([
			"a limit of processes",
			"seccomp",
		]);
		expect(missingOf({ ...able, OSType: "windows" })).toEqual(["Linux containers"]);
	});
});
