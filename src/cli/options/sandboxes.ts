// Options of the help section Sandboxes: where agents' commands run, and how much of that there may be.
import { choice, decimal, integer, list, path, text } from "../option-types.js";

const SANDBOXES = "Sandboxes";
/** As container engines name images; the rule is only to catch what is none at all. */
const IMAGE = /^[A-Za-z0-9][A-Za-z0-9._/:@-]{0,511}$/;

export const SANDBOX_OPTIONS = {
	sandbox: choice({
		group: SANDBOXES,
		description:
			"what runs the sandboxes of agents' commands; docker: containers of an engine; local: processes of this machine, which ISOLATES NOTHING",
		placeholder: "backend",
		choices: ["off", "local", "docker"],
		fallback: "off",
	}),
	sandboxDockerSocket: path({
		group: SANDBOXES,
		description: "--sandbox docker: socket of the engine; whoever may open it is root on its machine",
		placeholder: "file",
		fallback: "/var/run/docker.sock",
	}),
	sandboxTtl: integer({
		group: SANDBOXES,
		description: "life of a sandbox that asks for none",
		unit: "s",
		min: 1,
		max: 31_536_000,
		fallback: 900,
	}),
	maxSandboxTtl: integer({
		group: SANDBOXES,
		description: "longest life that one may ask for, extensions included",
		unit: "s",
		min: 1,
		max: 31_536_000,
		fallback: 86_400,
	}),
	sandboxMaxExecTimeout: integer({
		group: SANDBOXES,
		description: "longest timeout that a command may ask for",
		unit: "s",
		min: 1,
		max: 86_400,
		fallback: 600,
	}),
	maxSandboxes: integer({
		group: SANDBOXES,
		description: "sandboxes that there may be at once; one more is answered 429",
		min: 1,
		max: 100_000,
		fallback: 256,
	}),
	sandboxCreateConcurrency: integer({
		group: SANDBOXES,
		description: "sandboxes made at once; 16 times as many may wait, more are answered 429",
		min: 1,
		max: 1_000,
		fallback: 8,
	}),
	sandboxImage: text({
		group: SANDBOXES,
		description: "image of a sandbox that asks for none",
		placeholder: "image",
		rule: "the name of an image",
		check: (name) => (IMAGE.test(name) ? name : undefined),
		fallback: null,
		defaultText: "local: the name local; docker: none, one is needed",
	}),
	sandboxPull: choice({
		group: SANDBOXES,
		description:
			"--sandbox docker: missing: an image that the engine has not is pulled, without credentials; never: it is refused",
		placeholder: "policy",
		choices: ["missing", "never"],
		fallback: "missing",
	}),
	sandboxAllowImages: list({
		group: SANDBOXES,
		description: "other images that a sandbox may ask for; * stands for any characters",
		placeholder: "patterns",
		rule: "a comma-separated list of names of images, in which * stands for any characters",
		check: (pattern) => IMAGE.test(pattern.replaceAll("*", "x")),
		fallback: [],
	}),
	sandboxMaxCpu: decimal({
		group: SANDBOXES,
		description: "most cores that a sandbox may ask for; it has 1 if it asks for none",
		min: 0.01,
		max: 1_000,
		fallback: 4,
	}),
	sandboxMaxMemoryMib: integer({
		group: SANDBOXES,
		description: "most memory that a sandbox may ask for; it has 1024 if it asks for none",
		unit: "MiB",
		min: 16,
		max: 10_000_000,
		fallback: 8_192,
	}),
	sandboxMaxPids: integer({
		group: SANDBOXES,
		description: "most processes that a sandbox may ask for; it has 256 if it asks for none",
		min: 4,
		max: 100_000,
		fallback: 1_024,
	}),
	sandboxMaxDiskMib: integer({
		group: SANDBOXES,
		description: "largest workspace that a sandbox may ask for; it has 1024 if it asks for none",
		unit: "MiB",
		min: 1,
		max: 10_000_000,
		fallback: 8_192,
	}),
};
