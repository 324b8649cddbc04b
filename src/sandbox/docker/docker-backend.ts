// Sandboxes as containers of a Docker engine (or of Podman, which answers the same calls). Decides no admission and keeps no records.
import { orAborted } from "../../base/cancellation.js";
import { RollpinError } from "../../base/errors.js";
import type {
	CreatePhase,
	ExecCommand,
	ExecEnd,
	ExecOutput,
	FoundSandbox,
	SandboxBackend,
	SandboxEnd,
	SandboxFeature,
	SandboxSpec,
} from "../backend.js";
import { isSandboxId } from "../ids.js";
import { Commands } from "./commands.js";
import {
	type CommandSettings,
	commandSettings,
	containerBody,
	LABEL,
	readCommandSettings,
	selfKillUs,
} from "./container-spec.js";
import {
	type EngineEvent,
	eventsQuery,
	type InspectedContainer,
	LIST_QUERY,
	readEnd,
	readEvents,
	readList,
} from "./containers.js";
import { Engine, type EngineReply, expectStatus, lost, messageOf, unavailable } from "./engine.js";
import { getTar, putTar } from "./files.js";
import { type FoundImage, needImage } from "./image.js";
import { runInside } from "./inside.js";
import { missingOf } from "./probe.js";
import { SET_DEADLINE, scriptOf } from "./scripts.js";

const ASK_LIMIT_MS = 10_000;
/** Of a call that makes, starts or ends a container: many at once take their time. */
const WORK_LIMIT_MS = 60_000;
const LIST_LIMIT_MS = 30_000;
/** A name without a value is taken out: no variable of an image loads the workspace's code into a process of root's. */
const ROOT_ENV = ["LD_PRELOAD", "LD_LIBRARY_PATH", "LD_AUDIT", "GCONV_PATH", "LOCPATH"];

export class DockerBackend implements SandboxBackend {
	readonly name = "docker";
	readonly canExtend = true;
	readonly lacks: ReadonlySet<SandboxFeature> = new Set();
	readonly #engine: Engine;
	readonly #commands: Commands;
	/** By sandbox; read from its labels where another process made it. */
	readonly #settings = new Map<string, CommandSettings>();

	/** By sandbox: what the engine was asked to make and has not answered, also when nobody waits for it any more. */
	readonly #making = new Map<string, Promise<void>>();

	/** @param socketPath of the engine */
	constructor(socketPath: string) {
		this.#engine = new Engine(socketPath);
		this.#commands = new Commands(this.#engine);
	}

	async probe(signal: AbortSignal): Promise<void> {
		const missing = missingOf(await this.#info(signal));
		if (missing.length > 0) throw unavailable(`the container engine lacks ${missing.join(", ")}`);
	}

	async nowMs(signal: AbortSignal): Promise<number> {
		const { SystemTime } = (await this.#info(signal)) as { SystemTime: string };
		return Date.parse(SystemTime);
	}

	async create(spec: SandboxSpec, phase: (name: CreatePhase) => void, signal: AbortSignal): Promise<void> {
		const settings = commandSettings(spec);
		const image = await needImage(this.#engine, spec, () => phase("pull"), signal);
		const making = this.#make(spec, image, phase, signal);
		this.#making.set(spec.id, making);
		const made = () => this.#making.delete(spec.id);
		making.then(made, made);
		await orAborted(making, signal);
		this.#settings.set(spec.id, settings);
	}

	/** The engine makes what it was asked for, whoever has gone meanwhile: its calls are waited for, and only what is between them is left out. */
	async #make(
		spec: SandboxSpec,
		image: FoundImage,
		phase: (name: CreatePhase) => void,
		signal: AbortSignal,
	): Promise<void> {
		const { id } = spec;
		const unhurried = AbortSignal.timeout(2 * WORK_LIMIT_MS);
		phase("create");
		const body = containerBody(spec, image.id, image.volumes);
		const made = await this.#call("POST", `/containers/create?name=${id}`, WORK_LIMIT_MS, unhurried, body);
		const there = made.status === 409 && (await this.#inspect(id, signal)) !== null;
		if (!there) expectStatus(made, [201], `make sandbox ${id}`);
		signal.throwIfAborted();
		phase("start");
		const started = await this.#call("POST", `/containers/${id}/start`, WORK_LIMIT_MS, unhurried);
		if (/\/bin\/bash\\?": (stat|no such file)|exec: \\?"\/bin\/bash/.test(messageOf(started))) {
			throw new RollpinError(
				"image_unavailable",
				`image ${spec.image} has no /bin/bash, which sandboxes need`,
			);
		}
		expectStatus(started, [204, 304], `start sandbox ${id}`);
		// The one that was there may have been made with an earlier deadline.
		if (there) await this.setDeadline(id, spec.deadlineMs, signal);
	}

	async setDeadline(id: string, deadlineMs: number, signal: AbortSignal): Promise<void> {
		const argv = scriptOf(SET_DEADLINE, String(selfKillUs(deadlineMs)));
		const program = { argv, user: "0:0", env: ROOT_ENV };
		const { exitCode, stderr } = await runInside(this.#engine, id, program, signal);
		if (exitCode !== 0) throw unavailable(`the deadline of ${id} cannot be written: ${stderr}`);
	}

	async exec(id: string, command: ExecCommand, output: ExecOutput, signal: AbortSignal): Promise<ExecEnd> {
		return await this.#commands.exec(id, await this.#settingsOf(id, signal), command, output, signal);
	}

	async survivors(id: string, execId: string, signal: AbortSignal): Promise<number> {
		return await this.#commands.survivors(id, (await this.#settingsOf(id, signal)).user, execId, signal);
	}

	async putTar(id: string, tar: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void> {
		await putTar(this.#engine, id, (await this.#settingsOf(id, signal)).user, tar, signal);
	}

	async *getTar(id: string, path: string, signal: AbortSignal): AsyncIterable<Uint8Array> {
		yield* getTar(this.#engine, id, (await this.#settingsOf(id, signal)).user, path, signal);
	}

	async remove(id: string, signal: AbortSignal): Promise<boolean> {
		if (!isSandboxId(id)) return false;
		this.#settings.delete(id);
		const making = this.#making.get(id);
		if (making !== undefined) await orAborted(Promise.allSettled([making]), signal);
		const reply = await this.#call("DELETE", `/containers/${id}?force=1&v=1`, WORK_LIMIT_MS, signal);
		if (reply.status === 404) return false;
		if (reply.status === 409) {
			// The engine removes it already: it has ended by itself, or another asked.
			const wait = `/containers/${id}/wait?condition=removed`;
			const removed = await this.#call("POST", wait, WORK_LIMIT_MS, signal);
			expectStatus(removed, [200, 404], `wait for the end of ${id}`);
			return true;
		}
		expectStatus(reply, [204], `remove sandbox ${id}`);
		return true;
	}

	async *list(signal: AbortSignal): AsyncIterable<FoundSandbox> {
		const reply = await this.#call("GET", `/containers/json?${LIST_QUERY}`, LIST_LIMIT_MS, signal);
		yield* readList(expectStatus(reply, [200], "list the sandboxes"));
	}

	async ended(id: string, signal: AbortSignal): Promise<SandboxEnd | null> {
		const found = await this.#inspect(id, signal);
		if (found !== null) return readEnd(found);
		const nowMs = await this.nowMs(signal);
		const reply = await this.#call("GET", `/events?${eventsQuery(id, nowMs)}`, ASK_LIMIT_MS, signal);
		const body = expectStatus(reply, [200], `say what became of ${id}`);
		const lines = typeof body === "string" ? body.split("\n").filter((line) => line !== "") : [];
		const events = typeof body === "string" ? lines.map((line) => JSON.parse(line) as EngineEvent) : [body];
		return readEvents(events as EngineEvent[], nowMs);
	}

	async close(): Promise<void> {
		await this.#engine.close();
	}

	#call(
		method: "GET" | "POST" | "DELETE",
		path: string,
		limitMs: number,
		signal: AbortSignal,
		body?: unknown,
	): Promise<EngineReply> {
		return this.#engine.call({ method, path, limitMs, signal, body });
	}

	async #info(signal: AbortSignal): Promise<unknown> {
		return expectStatus(await this.#call("GET", "/info", ASK_LIMIT_MS, signal), [200], "tell about itself");
	}

	/** Null: there is none, or it is not the sandbox of that id. */
	async #inspect(id: string, signal: AbortSignal): Promise<InspectedContainer | null> {
		const reply = await this.#call("GET", `/containers/${id}/json`, ASK_LIMIT_MS, signal);
		if (reply.status === 404) return null;
		const found = expectStatus(reply, [200], `look at ${id}`) as InspectedContainer;
		return found.Config.Labels[LABEL.sandbox] === id ? found : null;
	}

	async #settingsOf(id: string, signal: AbortSignal): Promise<CommandSettings> {
		const known = this.#settings.get(id);
		if (known !== undefined) return known;
		const found = isSandboxId(id) ? await this.#inspect(id, signal) : null;
		const settings = readCommandSettings(found?.Config.Labels[LABEL.commands]);
		if (found === null || settings === null) throw lost(id, "the engine has none of that name");
		this.#settings.set(id, settings);
		return settings;
	}
}
