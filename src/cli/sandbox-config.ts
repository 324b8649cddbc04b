// The options about sandboxes -> SandboxConfig, and the rules between them. Pure.
import { ConfigError } from "../base/errors.js";
import { isLoopback } from "../base/loopback.js";
import type { ClusterConfig } from "../config/cluster-config.js";
import type { Label } from "./config-rules.js";
import { SANDBOX_OPTIONS } from "./options/sandboxes.js";
import type { OptionKey } from "./options.js";
import type { SettledValues } from "./settled-values.js";

/** Of a sandbox that asks for none; less where the most is less. */
const RESOURCES = { cpu: 1, memoryMib: 1024, pids: 256, diskMib: 1024 };

const DOCKER_ONLY = ["sandboxDockerSocket", "sandboxPull"] as const;

export function sandboxConfig(values: SettledValues): ClusterConfig["sandbox"] {
	if (values.sandbox === "off") return null;
	const maxResources = {
		cpu: values.sandboxMaxCpu,
		memoryMib: values.sandboxMaxMemoryMib,
		pids: values.sandboxMaxPids,
		diskMib: values.sandboxMaxDiskMib,
	};
	return {
		backend: values.sandbox,
		dockerSocket: values.sandboxDockerSocket,
		ttlS: values.sandboxTtl,
		maxTtlS: values.maxSandboxTtl,
		maxExecTimeoutMs: values.sandboxMaxExecTimeout * 1000,
		maxSandboxes: values.maxSandboxes,
		createConcurrency: values.sandboxCreateConcurrency,
		image: values.sandboxImage ?? "local",
		allowImages: values.sandboxAllowImages,
		pullPolicy: values.sandboxPull,
		resources: {
			cpu: Math.min(RESOURCES.cpu, maxResources.cpu),
			memoryMib: Math.min(RESOURCES.memoryMib, maxResources.memoryMib),
			pids: Math.min(RESOURCES.pids, maxResources.pids),
			diskMib: Math.min(RESOURCES.diskMib, maxResources.diskMib),
		},
		maxResources,
	};
}

/** @throws ConfigError */
export function checkSandboxes(values: SettledValues, label: Label): void {
	if (values.sandboxTtl > values.maxSandboxTtl) {
		throw new ConfigError(
			`${label("sandboxTtl")} ${values.sandboxTtl}: must not be above ${label("maxSandboxTtl")} (${values.maxSandboxTtl}); lower the one or raise the other`,
		);
	}
	if (values.sandbox === "docker" && values.sandboxImage === null) {
		throw new ConfigError(
			`${label("sandbox")} docker: needs ${label("sandboxImage")}, an image with bash and tar`,
		);
	}
	if (values.sandbox === "local" && !isLoopback(values.host) && !values.insecure) {
		throw new ConfigError(
			`${label("sandbox")} local: runs what clients send as this user, with nothing between, and ${label("host")} ${values.host} is not loopback; use another backend, or --insecure to do it all the same`,
		);
	}
}

/** Settings of sandboxes beside `--sandbox off`: a line each. */
export function unusedSandboxSettings(
	values: SettledValues,
	label: Label,
	given: (key: OptionKey) => boolean,
): string[] {
	if (values.sandbox !== "off") {
		return DOCKER_ONLY.filter((key) => values.sandbox !== "docker" && given(key)).map(
			(key) => `${label(key)}: not used, ${label("sandbox")} ${values.sandbox} has no engine; leave it out`,
		);
	}
	const keys = Object.keys(SANDBOX_OPTIONS) as Array<keyof typeof SANDBOX_OPTIONS>;
	return keys
		.filter((key) => key !== "sandbox" && given(key))
		.map(
			(key) => `${label(key)}: not used, there are no sandboxes; give ${label("sandbox")}, or leave it out`,
		);
}
