// How a benchmark reports: a table for people on stderr, one JSON object on stdout.
import { cpus } from "node:os";
import { table } from "../../src/demo/report.js";

export function printResult(name: string, rows: Array<Array<string | number>>, result: object): void {
	process.stderr.write(`\n${table(rows)}\n\n`);
	printJson(name, result);
}

export function printJson(name: string, result: object): void {
	const machine = { node: process.version, cpu: cpus()[0]?.model ?? "unknown", cores: cpus().length };
	process.stdout.write(
		`${JSON.stringify({ bench: name, date: new Date().toISOString(), machine, ...result })}\n`,
	);
}

/** `--name value` from the command line, as a number. */
export function numberFlag(name: string, fallback: number): number {
	const at = process.argv.indexOf(`--${name}`);
	if (at === -1) return fallback;
	const value = Number(process.argv[at + 1]);
	if (!Number.isFinite(value)) {
		process.stderr.write(`--${name} takes a number\n`);
		process.exit(2);
	}
	return value;
}

export function round(value: number, places = 2): number {
	return Number(value.toFixed(places));
}
