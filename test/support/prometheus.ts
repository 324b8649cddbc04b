// Prometheus' own programs, where they are installed (Debian's package `prometheus`).
import { spawnSync } from "node:child_process";

/** Whether the program is there; says so on stderr when it is not. */
export function hasProgram(name: "promtool" | "prometheus"): boolean {
	const found = spawnSync(name, ["--version"]).status === 0;
	if (!found) process.stderr.write(`skipped: no ${name} here (apt-get install prometheus)\n`);
	return found;
}

/** Runs promtool to its end. @returns all that it printed, and its exit code */
export function promtool(args: readonly string[], input = ""): { code: number | null; output: string } {
	const { status, stdout, stderr } = spawnSync("promtool", args, { input, encoding: "utf8" });
	return { code: status, output: `${stdout}${stderr}` };
}
