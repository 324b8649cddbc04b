// Commands of clients: run, called off with all that they started, counted. Knows the sandbox's id and settings only.
import { setTimeout as sleep } from "node:timers/promises";
import type { ExecCommand, ExecEnd, ExecOutput } from "../backend.js";
import { type CommandSettings, WORKSPACE } from "./container-spec.js";
import { type Engine, unavailable } from "./engine.js";
import { deliver, EXEC_VARIABLE, runInside, whenAborted } from "./inside.js";
import { type InsideCommand, Run } from "./run.js";
import { KILL, runnerOf, SURVIVORS, scriptOf } from "./scripts.js";

/** How long a command that is called off may take to begin, and its killing. */
const KILL_LIMIT_MS = 10_000;
/** The streams of processes that were killed are closed by then. */
const CLOSED_LIMIT_MS = 1_000;
/** An engine that has not begun a command by then is stuck. */
const SLOW_ENGINE_MS = 2_000;
/** `survivors` asks about commands that were called off a moment ago. */
const REMEMBERED_MS = 600_000;

export class Commands {
	readonly #engine: Engine;
	/** By exec id, those that were called off not long ago. */
	readonly #calledOff = new Map<string, { startTicks: number; atMs: number }>();

	constructor(engine: Engine) {
		this.#engine = engine;
	}

	async exec(
		id: string,
		settings: CommandSettings,
		command: ExecCommand,
		output: ExecOutput,
		signal: AbortSignal,
	): Promise<ExecEnd> {
		const { execId, argv, stdin } = command;
		const { user, workdir, env } = settings;
		const inside: InsideCommand = {
			argv: runnerOf(command.cwd ?? workdir, argv),
			user,
			env: environment({ HOME: WORKSPACE, ...env, ...command.env, ROLLPIN_EXEC: execId }),
			withStdin: stdin !== null,
		};
		const askedMs = performance.now();
		const fired = whenAborted(signal);
		try {
			const starting = Run.start(this.#engine, id, inside, signal);
			const run = await Promise.race([starting, fired.promise]);
			if (run === null) return await this.#callOffUnstarted(id, user, execId, starting, askedMs);
			if (stdin !== null) void run.feed([stdin]);
			const reading = deliver(run, output);
			const end = await Promise.race([reading, fired.promise]);
			if (end !== null) return end;
			reading.catch(() => undefined);
			await this.#callOff(id, user, execId, run);
			await Promise.race([reading.catch(() => null), sleep(CLOSED_LIMIT_MS, undefined, { ref: false })]);
			run.detach();
			return { exitCode: null, oom: false };
		} finally {
			fired.forget();
		}
	}

	/** @throws RollpinError `sandbox_backend_unavailable`: that nothing came of it in its time is the engine's doing, not the agent's */
	async #callOffUnstarted(
		id: string,
		user: string,
		execId: string,
		starting: Promise<Run>,
		askedMs: number,
	): Promise<ExecEnd> {
		const killed = starting
			// What it writes has to be read, or its beginning is not seen.
			.then((run) => Promise.all([this.#callOff(id, user, execId, run), deliver(run, () => undefined)]))
			.catch(() => undefined);
		if (performance.now() - askedMs > SLOW_ENGINE_MS) {
			throw unavailable(`the container engine did not begin a command in ${id} within the command's time`);
		}
		await killed;
		return { exitCode: null, oom: false };
	}

	async #callOff(id: string, user: string, execId: string, run: Run): Promise<void> {
		run.callOff();
		await Promise.race([run.begun, sleep(KILL_LIMIT_MS, undefined, { ref: false })]);
		this.#remember(execId, run.startTicks);
		await this.#kill(id, user, execId);
	}

	async survivors(id: string, user: string, execId: string, signal: AbortSignal): Promise<number> {
		const since = String(this.#calledOff.get(execId)?.startTicks ?? 0);
		const argv = scriptOf(SURVIVORS, EXEC_VARIABLE + execId, EXEC_VARIABLE, since);
		const { exitCode, stdout, stderr } = await runInside(this.#engine, id, { argv, user }, signal);
		if (exitCode !== 0 || !/^\d+\n$/.test(stdout)) {
			throw unavailable(`the processes of ${id} cannot be counted: ${stderr}`);
		}
		return Number(stdout);
	}

	async #kill(id: string, user: string, execId: string): Promise<void> {
		const argv = scriptOf(KILL, EXEC_VARIABLE + execId);
		try {
			await runInside(this.#engine, id, { argv, user }, AbortSignal.timeout(KILL_LIMIT_MS));
		} catch {
			// The sandbox is gone, full or out of reach: `survivors` says what is left, or cannot.
		}
	}

	#remember(execId: string, startTicks: number): void {
		const atMs = performance.now();
		for (const [each, other] of this.#calledOff) {
			if (atMs - other.atMs > REMEMBERED_MS) this.#calledOff.delete(each);
		}
		this.#calledOff.set(execId, { startTicks, atMs });
	}
}

function environment(variables: Readonly<Record<string, string>>): string[] {
	return Object.entries(variables).map(([name, value]) => `${name}=${value}`);
}
