// `npm run test:damage`: random damage to a stored set, seed by seed. Flags: --seeds, --seed (the first), --sessions. Exit code 1
// on any finding.
import { cpSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { numberFlag } from "../bench/output.js";
import { attack } from "./random-damage.js";
import { makeStoredSet } from "./stored-set.js";

const SHOWN = 20;
const PROGRESS = 50;

const first = numberFlag("seed", 1);
const seeds = numberFlag("seeds", 500);
const set = await makeStoredSet(numberFlag("sessions", 200));
const kept = mkdtempSync(join(tmpdir(), "rollpin-kept-"));
let [harms, refused, wrong] = [0, 0, 0];
process.on("unhandledRejection", (error) => {
	wrong++;
	process.stderr.write(`FINDING unhandled: ${String(error)}\n`);
});
try {
	for (const name of readdirSync(set.dir.path)) {
		if (!name.startsWith("lock")) cpSync(join(set.dir.path, name), join(kept, name), { recursive: true });
	}
	for (let seed = first; seed < first + seeds; seed++) {
		const report = await attack(set, kept, seed);
		harms += report.harms.length;
		refused += report.refused;
		wrong += report.findings.length;
		for (const finding of report.findings.slice(0, SHOWN))
			process.stderr.write(`FINDING seed ${seed}: ${finding}\n`);
		if (report.findings.length > 0) process.stderr.write(`  after: ${report.harms.join("; ")}\n`);
		if ((seed - first + 1) % PROGRESS === 0)
			process.stderr.write(`  ${seed - first + 1} seeds, ${wrong} findings\n`);
	}
} finally {
	rmSync(kept, { recursive: true, force: true });
	await set.dir.remove();
}
process.stdout.write(
	`${seeds} seeds over ${set.sessions.size} sessions and ${set.deleted.length} deleted ones: ${harms} places harmed, ${refused} times a session ` +
		`refused, ${wrong} findings\n`,
);
process.exit(wrong === 0 ? 0 : 1);
