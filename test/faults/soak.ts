// `npm run test:soak`: agents at work while everything that may go wrong does, at random. Flags: --seconds, --seed, --backends, --agents.
// Exit code 1 on any finding: a turn lost or doubled, a failure that nothing explains, health that did not tell the truth, memory that grows.
import { numberFlag, printResult } from "../bench/output.js";
import { failingFindings, healthFindings, memoryFindings, type Told, toldOf } from "./soak/judge-soak.js";
import { runSoak } from "./soak/run-soak.js";

const SHOWN = 40;
/** Before that, processes still grow into their work. */
const STEADY_S = 240;

const seconds = numberFlag("seconds", 1_200);
const seed = numberFlag("seed", Math.floor(Math.random() * 1_000_000));
const options = { seed, backends: numberFlag("backends", 3), agents: numberFlag("agents", 8) };
const say = (line: string): void => void process.stderr.write(`  ${line}\n`);
process.stderr.write(
	`a soak of ${seconds} s with seed ${seed} (npm run test:soak -- --seconds ${seconds} --seed ${seed})\n`,
);

const report = await runSoak({ ...options, durationMs: seconds * 1000, say });
const { acks, doubled, lost, memory, scrapes, sessions, unexplained, world } = report;
const { injected, watch } = world;
const told = toldOf(injected, watch.looks);
const findings = [
	...world.findings,
	...watch.findings,
	...healthFindings(told, watch.looks),
	...failingFindings({
		looks: watch.looks,
		exchanges: report.exchanges,
		workerStarts: world.workerStarts,
		injected,
	}),
	...(seconds >= STEADY_S ? memoryFindings(memory) : []),
	...unexplained.map(
		({ code, method, sessionId, startMs, status, worker }) =>
			`${(startMs / 1000).toFixed(1)} s: ${method} of ${sessionId} (worker ${worker}) was answered ${status} ${code}, and nothing explains it`,
	),
];
for (const finding of findings.slice(0, SHOWN)) process.stderr.write(`FINDING ${finding}\n`);

printResult(
	"soak",
	[
		["what", "count", "told after s, most", "said for s afterwards, most"],
		...[...new Set(injected.map(({ kind }) => kind))].sort().map((kind) =>
			rowOf(
				kind,
				told.filter((each) => each.injected.kind === kind),
			),
		),
		["sessions", sessions, "", ""],
		["acknowledged turns", acks, "", ""],
		["looks at /health and /ready", watch.looks.length, "", ""],
		["scrapes", scrapes.count, "", ""],
		["  of them without the primary's part, late", scrapes.incomplete, "", ""],
		...[...report.explained].sort().map(([what, count]) => [what, count, "", ""]),
		...memory.map(({ firstMib, lastMib, place }) => [
			`MiB of ${place}, first and last quarter`,
			firstMib,
			lastMib,
			"",
		]),
		["lost", lost, "", ""],
		["doubled", doubled, "", ""],
		["findings", findings.length, "", ""],
	],
	{
		...options,
		seconds,
		medium: report.hadMedium,
		injected: injected.length,
		sessions,
		acks,
		lost,
		doubled,
		looks: watch.looks.length,
		scrapes,
		memory,
		explained: Object.fromEntries(report.explained),
		findings,
	},
);
process.exit(lost + doubled + findings.length === 0 ? 0 : 1);

/** Of what must be told. */
function rowOf(kind: string, all: readonly Told[]): Array<string | number> {
	const due = all.flatMap(({ injected: { claims }, reports }) =>
		reports.filter((_, index) => claims[index]?.withinMs !== null),
	);
	if (due.length === 0) return [kind, all.length, "", ""];
	const most = (values: readonly number[]) => (Math.max(...values) / 1000).toFixed(1);
	return [
		kind,
		all.length,
		most(due.map(({ appearedMs }) => appearedMs ?? 0)),
		most(due.map(({ lastedMs }) => lastedMs)),
	];
}
