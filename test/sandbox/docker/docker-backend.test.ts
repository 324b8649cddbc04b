// The conformance suite over a real Docker engine of its own.
import { describe } from "vitest";
import { DockerBackend } from "../../../src/sandbox/docker/docker-backend.js";
import { ContainerEngine, whyNoContainers } from "../../support/container-engine.js";
import { describeBackend } from "../conformance.js";

describe.skipIf(whyNoContainers("test:docker") !== null)("with a Docker engine", () => {
	describeBackend("docker", async () => {
		const engine = new ContainerEngine();
		await engine.start();
		engine.importShellImage("rollpin-test-shell");
		return {
			start: async () => new DockerBackend(engine.socketPath),
			image: "rollpin-test-shell",
			lose: async (id) => {
				engine.run("rm", "--force", id);
			},
			stop: () => engine.stop(),
		};
	});
});
