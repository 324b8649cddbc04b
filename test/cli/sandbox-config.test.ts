// The options about sandboxes: what they come to, and what is refused beside each other.
import { expect, it } from "vitest";
import { compileConfig } from "../../src/cli/compile-config.js";
import { flagSettings, machineWith } from "../support/cli-machine.js";

const compile = (flags: Record<string, string | boolean>) =>
	compileConfig(flagSettings(flags), machineWith());

it("are off by default, and a setting that does nothing then is told", () => {
	const { config, warnings } = compile({ maxSandboxes: "4" });
	expect(config.sandbox).toBeNull();
	expect(warnings).toEqual([
		"--max-sandboxes: not used, there are no sandboxes; give --sandbox, or leave it out",
	]);
});

it("come to what the sandbox process is told; nobody has more by default than the most that may be asked for", () => {
	const flags = {
		sandbox: "local",
		sandboxTtl: "60",
		sandboxMaxExecTimeout: "5",
		sandboxMaxMemoryMib: "512",
	};
	expect(compile({ ...flags, sandboxAllowImages: "a/*,b" }).config.sandbox).toEqual({
		backend: "local",
		dockerSocket: "/var/run/docker.sock",
		ttlS: 60,
		maxTtlS: 86_400,
		maxExecTimeoutMs: 5_000,
		maxSandboxes: 256,
		createConcurrency: 8,
		image: "local",
		allowImages: ["a/*", "b"],
		pullPolicy: "missing",
		resources: { cpu: 1, memoryMib: 512, pids: 256, diskMib: 1024 },
		maxResources: { cpu: 4, memoryMib: 512, pids: 1024, diskMib: 8192 },
	});
});

it("of docker need an image; settings of its engine beside another backend are told", () => {
	const flags = { sandbox: "docker", sandboxImage: "python:3.13", sandboxDockerSocket: "/run/d.sock" };
	expect(compile({ ...flags, sandboxPull: "never" })).toMatchObject({
		config: {
			sandbox: {
				backend: "docker",
				dockerSocket: "/run/d.sock",
				image: "python:3.13",
				pullPolicy: "never",
			},
		},
		warnings: [],
	});
	expect(compile({ ...flags, sandbox: "local" }).warnings).toEqual([
		"--sandbox-docker-socket: not used, --sandbox local has no engine; leave it out",
	]);
});

it.each([
	[{ sandbox: "docker" }, /^--sandbox docker: needs --sandbox-image/],
	[{ sandbox: "vm" }, /^--sandbox vm: must be one of off, local, docker/],
	[{ sandbox: "local", sandboxTtl: "100000" }, /^--sandbox-ttl 100000: must not be above --max-sandbox-ttl/],
	[{ sandbox: "local", sandboxAllowImages: "a b" }, /^--sandbox-allow-images/],
	[
		{ sandbox: "local", host: "0.0.0.0", authTokenFile: "/t" },
		/^--sandbox local: .*not loopback.*--insecure/,
	],
])("%j is refused", (flags: Record<string, string>, line) => {
	const machine = machineWith({ "/t": "a-token-of-some-length" });
	expect(() => compileConfig(flagSettings(flags), machine)).toThrow(line);
	const allowed = { ...flags, insecure: true };
	if (flags["host"] !== undefined)
		expect(compileConfig(flagSettings(allowed), machine).config.sandbox).not.toBeNull();
});
