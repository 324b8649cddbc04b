// The backend that the configuration names.
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SandboxConfig } from "../config/cluster-config.js";
import type { SandboxBackend } from "../sandbox/backend.js";
import { DockerBackend } from "../sandbox/docker/docker-backend.js";
import { LocalBackend } from "../sandbox/local/local-backend.js";

/** One directory for each user: whoever starts a cluster finds what an earlier one left. */
const LOCAL_ROOT = join(tmpdir(), `rollpin-sandboxes-${process.geteuid?.() ?? 0}`);

export function createBackend(config: SandboxConfig): SandboxBackend {
	switch (config.backend) {
		case "local":
			return new LocalBackend(LOCAL_ROOT);
		case "docker":
			return new DockerBackend(config.dockerSocket);
	}
}
