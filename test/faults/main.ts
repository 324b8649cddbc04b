// `npm run test:faults`: a long random run. Flags: --seconds, --seed, --backends, --agents. Exit code 1 on any finding.
import { numberFlag, printResult } from "../bench/output.js";
import { runFaults, type Spread } from "./run-faults.js";

const SHOWN = 20;

const seed = numberFlag("seed", Math.floor(Math.random() * 1_000_000));
const seconds = numberFlag("seconds", 150);
const options = { seed, seconds, backends: numberFlag("backends", 3), agents: numberFlag("agents", 24) };
process.stderr.write(`faults for ${seconds} s with seed ${seed} (npm run test:faults -- --seed ${seed})\n`);

const report = await runFaults({
	...options,
	durationMs: seconds * 1000,
	plan: null,
	maxGapMs: 2_000,
	progress: (line) => process.stderr.write(`  ${line}\n`),
});

const kinds = new Map<string, number>();
for (const { kind } of report.hits) kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
for (const attempt of report.unexplained.slice(0, SHOWN)) {
	process.stderr.write(
		`UNEXPLAINED worker ${attempt.worker} ${attempt.sessionId}: ${attempt.status} ${attempt.code}\n`,
	);
}
for (const finding of report.findings.slice(0, SHOWN)) process.stderr.write(`FINDING ${finding}\n`);

printResult(
	"faults",
	[
		["what", "count", "p50 ms", "p99 ms", "max ms"],
		["hits", report.hits.length],
		["processes killed", report.kills],
		["sessions", report.sessions],
		["acknowledged turns", report.acks],
		["  of them after a failed attempt", report.repeatedAcks],
		["failed attempts, repeated", report.failedAttempts],
		["generations at the engine", report.generations],
		["lost", report.lost],
		["doubled", report.doubled],
		["errors on workers that were not hit", report.unexplained.length],
		["other findings", report.findings.length],
		row("worker crash, exit to ready", report.crashToReadyMs),
		row("worker replaced, exit to ready", report.plannedToReadyMs),
		row("router, exit to ready", report.routerToReadyMs),
		row("primary, kill to ready", report.primaryToReadyMs),
	],
	{
		...options,
		...report,
		hits: Object.fromEntries(kinds),
		unexplained: report.unexplained.length,
		findings: report.findings.length,
	},
);
const wrong = report.lost + report.doubled + report.unexplained.length + report.findings.length;
process.exit(wrong === 0 ? 0 : 1);

function row(name: string, { count, p50, p99, max }: Spread): Array<string | number> {
	return [name, count, p50, p99, max];
}
