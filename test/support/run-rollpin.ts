// Runs the built bin/rollpin.js as a process of its own and waits for its end. `npm test` builds first.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";

export const REPOSITORY = join(import.meta.dirname, "..", "..");

export interface Ended {
	code: number | null;
	stdout: string;
	stderr: string;
}

export interface RunOptions {
	/** Added to an environment without any ROLLPIN_ variable. */
	env?: Record<string, string>;
	cwd?: string;
	deadlineMs?: number;
}

/** Rejects when the program has not ended by the deadline; it is killed then. */
export function runRollpin(args: readonly string[], options: RunOptions = {}): Promise<Ended> {
	const bin = join(REPOSITORY, "bin", "rollpin.js");
	if (!existsSync(join(REPOSITORY, "dist", "cli", "main.js"))) {
		throw new Error("dist/ is missing: run `npm run build` before these tests (`npm test` does)");
	}
	const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("ROLLPIN_"));
	const child = spawn(process.execPath, [bin, ...args], {
		cwd: options.cwd ?? REPOSITORY,
		env: { ...Object.fromEntries(inherited), ...options.env },
		stdio: ["ignore", "pipe", "pipe"],
	});
	const ended: Ended = { code: null, stdout: "", stderr: "" };
	child.stdout.setEncoding("utf8").on("data", (text: string) => {
		ended.stdout += text;
	});
	child.stderr.setEncoding("utf8").on("data", (text: string) => {
		ended.stderr += text;
	});
	const deadlineMs = options.deadlineMs ?? 20_000;
	return new Promise((resolve, reject) => {
		const timer = setTimeout(() => {
			child.kill("SIGKILL");
			reject(new Error(`rollpin ${args.join(" ")} did not end within ${deadlineMs} ms`));
		}, deadlineMs);
		child.once("error", reject);
		child.once("close", (code) => {
			clearTimeout(timer);
			resolve({ ...ended, code });
		});
	});
}
