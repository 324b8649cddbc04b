// `npm run test:restarts`: one worker after the other is killed at a fixed pace. Flags: --seconds, --every-s, --backends, --agents, --seed.
// Exit code 1 when the successors are late or anything of a turn is wrong.
import { numberFlag, printResult } from "../bench/output.js";
import { runFaults } from "./run-faults.js";

const READY_P99_MS = 2_000;

const seconds = numberFlag("seconds", 120);
const everyS = numberFlag("every-s", 3);
const options = {
	seed: numberFlag("seed", 1),
	backends: numberFlag("backends", 3),
	agents: numberFlag("agents", 6),
};
process.stderr.write(`a kill every ${everyS} s over ${options.backends} workers, for ${seconds} s\n`);

const report = await runFaults({
	...options,
	durationMs: seconds * 1000,
	plan: null,
	maxGapMs: 0,
	killEveryMs: everyS * 1000,
	progress: (line) => process.stderr.write(`  ${line}\n`),
});
for (const finding of report.findings.slice(0, 20)) process.stderr.write(`FINDING ${finding}\n`);

const { crashToReadyMs: ready } = report;
const wrong = report.lost + report.doubled + report.unexplained.length + report.findings.length;
printResult(
	"restarts",
	[
		["what", "count", "p50 ms", "p99 ms", "max ms"],
		["worker killed, exit to ready", ready.count, ready.p50, ready.p99, ready.max],
		["quarantines", report.quarantines],
		["acknowledged turns", report.acks],
		["lost, doubled, unexplained or otherwise wrong", wrong],
	],
	{ ...options, seconds, everyS, ready, wrong, quarantines: report.quarantines, acks: report.acks },
);
const isLate = ready.count < report.kills || ready.p99 > READY_P99_MS;
if (isLate) process.stderr.write(`exit to ready: p99 must be at most ${READY_P99_MS} ms, of every kill\n`);
process.exit(wrong === 0 && report.quarantines === 0 && !isLate ? 0 : 1);
