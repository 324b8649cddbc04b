// The conformance suite over a real Docker engine of its own.
import { describe } from "vitest";
import { DockerBackend } from "../../../src/sandbox/docker/docker-backend.js";
import { whyNoContainers } from "../../support/container-engine.js";
import { describeBackend } from "../conformance.js";
import { DockerRoom, IMAGE } from "./room.js";

describe.skipIf(whyNoContainers("test:docker") !== null)("with a Docker engine", () => {
	describeBackend("docker", async () => {
		const room = new DockerRoom();
		await room.start();
		return {
			start: async () => new DockerBackend(room.engine.socketPath),
			image: IMAGE,
			lose: async (id) => {
				room.engine.run("rm", "--force", id);
			},
			stop: () => room.stop(),
		};
	});
});
