// Commands of clients: run, called off with all that they started, counted. Knows the sandbox's id and settings only.
import { setTimeout as sleep } from "node:timers/promises";
import type { ExecCommand, ExecEnd, ExecOutput } from "../backend.js";
import { type CommandSettings, WORKSPACE } from "./container-spec.js";
import { type Engine, unavailable } from "./engine.js";
import { deliver, EXEC_VARIABLE, runInside, whenAborted } from "./inside.js";
import { type InsideCommand, Run } from "./run.js";
import { BASH_ARGUMENTS, KILL, SURVIVORS } from "./scripts.js";

/** How long a command that is called off may take to begin, and its killing. */
const KILL_LIMIT_MS = 10_000;
/** The streams of processes that were killed are closed by then. */
const CLOSED_LIMIT_MS = 1_000;
/** `survivors` asks about commands that were called off a moment ago. */
const REMEMBERED_MS = 60_000;

export class Commands {
	readonly #engine: Engine;
	/** By exec id: when it was started, of those that were called off not long ago; monotonic ms. */
	readonly #calledOff = new Map<string, number>();

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
		const startedMs = performance.now();
		const inside: InsideCommand = {
			argv,
			user,
			env: environment({ HOME: WORKSPACE, ...env, ...command.env, ROLLPIN_EXEC: execId }),
			directory: command.cwd ?? workdir,
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
		this.#remember(execId, startedMs);
		reading.catch(() => undefined);
		await Promise.race([run.begun, sleep(KILL_LIMIT_MS, undefined, { ref: false })]);
		await this.#kill(id, user, execId);
		await Promise.race([reading.catch(() => null), sleep(CLOSED_LIMIT_MS, undefined, { ref: false })]);
		run.detach();
		return { exitCode: null, oom: false };
	}

	async survivors(id: string, user: string, execId: string, signal: AbortSignal): Promise<number> {
		const startedMs = this.#calledOff.get(execId) ?? Number.NEGATIVE_INFINITY;
		const ageMs = Math.min(Math.ceil(performance.now() - startedMs), Number.MAX_SAFE_INTEGER);
		const argv = [
			...BASH_ARGUMENTS,
			SURVIVORS,
			"rollpin",
			EXEC_VARIABLE + execId,
			EXEC_VARIABLE,
			String(ageMs),
		];
		const { exitCode, stdout, stderr } = await runInside(this.#engine, id, { argv, user }, signal);
		if (exitCode !== 0 || !/^\d+\n$/.test(stdout)) {
			throw unavailable(`the processes of ${id} cannot be counted: ${stderr}`);
		}
		return Number(stdout);
	}

	async #kill(id: string, user: string, execId: string): Promise<void> {
		const argv = [...BASH_ARGUMENTS, KILL, "rollpin", EXEC_VARIABLE + execId];
		try {
			await runInside(this.#engine, id, { argv, user }, AbortSignal.timeout(KILL_LIMIT_MS));
		} catch {
			// The sandbox is gone, full or out of reach: `survivors` says what is left, or cannot.
		}
	}

	#remember(execId: string, startedMs: number): void {
		const nowMs = performance.now();
		for (const [each, atMs] of this.#calledOff)
			if (nowMs - atMs > REMEMBERED_MS) this.#calledOff.delete(each);
		this.#calledOff.set(execId, startedMs);
	}
}

function environment(variables: Readonly<Record<string, string>>): string[] {
	return Object.entries(variables).map(([name, value]) => `${name}=${value}`);
}
