// A Docker engine for one test file, a backend at it, and sandboxes in few words.

import type { ExecEnd, SandboxSpec } from "../../../src/sandbox/backend.js";
import { DockerBackend } from "../../../src/sandbox/docker/docker-backend.js";
import { newExecId, newSandboxId } from "../../../src/sandbox/ids.js";
import { ContainerEngine } from "../../support/container-engine.js";

export const IMAGE = "rollpin-test-shell";
export const never = new AbortController().signal;

export class DockerRoom {
	readonly engine = new ContainerEngine();
	backend = new DockerBackend(this.engine.socketPath);

	async start(): Promise<void> {
		await this.engine.start();
		this.engine.importShellImage(IMAGE);
	}

	async stop(): Promise<void> {
		await this.backend.close();
		await this.engine.stop();
	}

	/** @param lifeMs until the announced deadline */
	async make(lifeMs: number, over: Partial<SandboxSpec> = {}): Promise<{ id: string; deadlineMs: number }> {
		const deadlineMs = (await this.backend.nowMs(never)) + lifeMs;
		const id = newSandboxId();
		const spec: SandboxSpec = {
			id,
			instance: "test",
			sessionId: null,
			image: IMAGE,
			pullPolicy: "never",
			deadlineMs,
			ceilingMs: deadlineMs,
			env: {},
			workdir: ".",
			user: null,
			resources: { cpu: 1, memoryMib: 128, pids: 64, diskMib: 16 },
			network: "none",
			runtime: null,
			labels: {},
			...over,
		};
		await this.backend.create(spec, () => undefined, never);
		return { id, deadlineMs };
	}

	/** Runs a script with `bash -c`; its output as one text. */
	async bash(
		id: string,
		script: string,
		{ signal = never, execId = newExecId() } = {},
	): Promise<ExecEnd & { text: string }> {
		const pieces: Uint8Array[] = [];
		const command = { execId, argv: ["bash", "-c", script], stdin: null, env: {}, cwd: null };
		const end = await this.backend.exec(id, command, (_stream, bytes) => void pieces.push(bytes), signal);
		return { ...end, text: Buffer.concat(pieces).toString() };
	}
}
