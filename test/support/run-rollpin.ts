// Runs the built bin/rollpin.js as a process of its own. `npm test` builds first.
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "../../src/base/package-root.js";
import { until, within } from "./wait.js";

/** Also from where benches and the fault suite are compiled to. */
export const REPOSITORY = packageRoot();

export interface Ended {
	code: number | null;
	stdout: string;
	stderr: string;
}

export interface RunOptions {
	/** Added to an environment without any ROLLPIN_ variable. */
	env?: Record<string, string>;
	cwd?: string;
}

/** A running rollpin; every wait has a deadline that names what it waited for. */
export class RunningRollpin {
	readonly #args: readonly string[];
	readonly #child: ChildProcess;
	readonly #closed: Promise<Ended>;
	readonly #output: Ended = { code: null, stdout: "", stderr: "" };

	constructor(args: readonly string[], options: RunOptions = {}) {
		if (!existsSync(join(REPOSITORY, "dist", "cli", "main.js"))) {
			throw new Error("dist/ is missing: run `npm run build` before these tests (`npm test` does)");
		}
		const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("ROLLPIN_"));
		const child = spawn(process.execPath, [join(REPOSITORY, "bin", "rollpin.js"), ...args], {
			cwd: options.cwd ?? REPOSITORY,
			env: { ...Object.fromEntries(inherited), ...options.env },
			stdio: ["ignore", "pipe", "pipe"],
		});
		child.stdout.setEncoding("utf8").on("data", (text: string) => {
			this.#output.stdout += text;
		});
		child.stderr.setEncoding("utf8").on("data", (text: string) => {
			this.#output.stderr += text;
		});
		this.#args = args;
		this.#child = child;
		this.#closed = new Promise((resolve, reject) => {
			child.once("error", reject);
			child.once("close", (code) => resolve({ ...this.#output, code }));
		});
	}

	/** The first log record of an event. */
	logged(event: string): Promise<Record<string, unknown>> {
		return until(`a ${event} record of rollpin ${this.#args.join(" ")}`, DEADLINE_MS, () => {
			const line = this.#output.stdout.split("\n").find((text) => text.includes(`"event":"${event}"`));
			if (line !== undefined) return JSON.parse(line) as Record<string, unknown>;
			if (this.#child.exitCode !== null) throw new Error(`it ended: ${this.#output.stderr}`);
			return null;
		});
	}

	signal(signal: NodeJS.Signals): void {
		this.#child.kill(signal);
	}

	/** Resolves when it has ended by itself; kills it at the deadline. */
	async ended(): Promise<Ended> {
		try {
			return await within(`the end of rollpin ${this.#args.join(" ")}`, DEADLINE_MS, this.#closed);
		} finally {
			this.#child.kill("SIGKILL");
		}
	}
}

const DEADLINE_MS = 20_000;

/** Runs a command that ends by itself. */
export function runRollpin(args: readonly string[], options: RunOptions = {}): Promise<Ended> {
	return new RunningRollpin(args, options).ended();
}
