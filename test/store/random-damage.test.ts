// A short run of what `npm run test:damage` does for many seeds.
import { cpSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { attack } from "../faults/random-damage.js";
import { makeStoredSet } from "../faults/stored-set.js";

const SEEDS = 12;

it("Random bytes flipped, pages zeroed, files cut or overwritten: each session is as it was or refused, and only those harmed", async () => {
	const set = await makeStoredSet(60);
	const kept = mkdtempSync(join(tmpdir(), "rollpin-kept-"));
	try {
		for (const name of readdirSync(set.dir.path)) {
			if (!name.startsWith("lock")) cpSync(join(set.dir.path, name), join(kept, name), { recursive: true });
		}
		let refused = 0;
		for (let seed = 1; seed <= SEEDS; seed++) {
			const report = await attack(set, kept, seed);
			expect(report.findings, `seed ${seed}: ${report.harms.join("; ")}`).toEqual([]);
			refused += report.refused;
		}
		expect(refused).toBeGreaterThan(SEEDS);
	} finally {
		rmSync(kept, { recursive: true, force: true });
		await set.dir.remove();
	}
}, 60_000);
