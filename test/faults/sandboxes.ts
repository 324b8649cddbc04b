// `npm run test:sandbox-faults`: faults of sandboxes in a real cluster over a Docker engine of its own. Flags: --count (sandboxes that
// live when everything is killed), --gib (of output), --rounds, --only (one case by its number, from 1). As root, with dockerd. Exit code 1 when one of them is not as promised.
import { numberFlag, printResult } from "../bench/output.js";
import {
	createsAgainstDeletes,
	engineKilled,
	enginePaused,
	everythingKilled,
	muchOutput,
	type Outcome,
	sandboxProcessKilledInCreate,
	sandboxProcessKilledInExec,
} from "./sandboxes/cases.js";
import { SandboxRig } from "./sandboxes/rig.js";

const count = numberFlag("count", 50);
const gib = numberFlag("gib", 10);
const rounds = numberFlag("rounds", 5);
const only = numberFlag("only", 0);

const rig = new SandboxRig(["--max-sandboxes", String(count + 50)]);
const outcomes: Outcome[] = [];
try {
	await rig.start();
	const cases: Array<() => Promise<Outcome>> = [
		() => sandboxProcessKilledInExec(rig),
		() => sandboxProcessKilledInCreate(rig, rounds),
		() => createsAgainstDeletes(rig, 40),
		() => muchOutput(rig, gib),
		() => everythingKilled(rig, count),
		() => enginePaused(rig),
		() => engineKilled(rig),
	];
	for (const [index, play] of cases.entries()) {
		if (only !== 0 && only !== index + 1) continue;
		const outcome = await play().catch((error: Error) => ({ right: false, what: `${error.message}` }));
		process.stderr.write(`${outcome.right ? "ok   " : "WRONG"} ${outcome.what}\n`);
		outcomes.push(outcome);
	}
} finally {
	await rig.stop();
}
const wrong = outcomes.filter(({ right }) => !right).length;
printResult(
	"sandbox-faults",
	[
		["faults", "wrong"],
		[outcomes.length, wrong],
	],
	{ count, gib, rounds, outcomes },
);
process.exit(wrong === 0 ? 0 : 1);
