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
/** `survivors` asks about commands that were called off a moment ago. */
const REMEMBERED_MS = 60_000;

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
		let run: Run;
		try {
			run = await Run.start(this.#engine, id, inside, signal);
		} catch (error) {
			if (signal.aborted && error === signal.reason) return { exitCode: null, oom: false };
			throw error;
		}
		if (stdin !== null) void run.feed([stdin]);
		const reading = deliver(run, output);
		const fired = whenAborted(signal);
		const end = await Promise.race([reading, fired.promise]).finally(fired.forget);
		if (end !== null) return end;

		run.callOff();
		reading.catch(() => undefined);
		await Promise.race([run.begun, sleep(KILL_LIMIT_MS, undefined, { ref: false })]);
		this.#remember(execId, run.startTicks);
		await this.#kill(id, user, execId);
		await Promise.race([reading.catch(() => null), sleep(CLOSED_LIMIT_MS, undefined, { ref: false })]);
		run.detach();
		return { exitCode: null, oom: false };
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
