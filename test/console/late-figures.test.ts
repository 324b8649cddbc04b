// A worker that is too busy to answer a scrape keeps the figures that it told last, with their age; another process has its own.
import { expect, test } from "vitest";
import { loadOf } from "../../src/console/cluster-load.js";
import { parseExposition } from "../../src/console/exposition.js";
import { LateFigures } from "../../src/console/late-figures.js";
import { loadLines } from "../../src/console/load-lines.js";

const told = (...workers: Array<[index: number, sessions: number]>) =>
	parseExposition(
		workers
			.flatMap(([index, sessions]) => [
				`process_start_time_seconds{role="worker",worker="${index}"} 1`,
				`rollpin_sessions{worker="${index}"} ${sessions}`,
			])
			.join("\n"),
	);
const worker = (index: number, pid = 1, state = "ready") => ({ worker: index, pid, state });

test("its last figures stand in, with their age, until it answers again", () => {
	const figures = new LateFigures();
	const both = [worker(0), worker(1)];
	expect(figures.complete(told([0, 1], [1, 2]), both, 10).late).toEqual(new Map());
	const { samples, late } = figures.complete(told([0, 5]), both, 13);
	expect(late).toEqual(new Map([[1, 3]]));
	const load = loadOf(null, { atS: 13, samples }, 20, late);
	expect([load.sessions, load.workers.get(1)?.sessions, load.workers.get(1)?.notes]).toEqual([
		7,
		2,
		["figures 3s old"],
	]);
	expect(loadLines(load)[0]).toBe("7 sessions, 0 chats running, 0 queued; 1 worker is too busy to tell");
	expect(figures.complete(told([0, 5]), both, 20).late).toEqual(new Map([[1, 10]]));
	expect(figures.complete(told([0, 5], [1, 9]), both, 21).late).toEqual(new Map());
});

test("none stand in for another process, nor for one that is not ready; who never told is said so", () => {
	const figures = new LateFigures();
	figures.complete(told([0, 1], [1, 2]), [worker(0), worker(1)], 10);
	const now = figures.complete(told(), [worker(0, 2), worker(1, 1, "down"), worker(2)], 11);
	expect(now.late).toEqual(
		new Map([
			[0, null],
			[2, null],
		]),
	);
	expect(now.samples.get("rollpin_sessions")).toBeUndefined();
	expect(loadOf(null, { atS: 11, samples: now.samples }, 20, now.late).workers.get(2)?.notes).toEqual([
		"does not tell its figures",
	]);
	// Up again as it was before: what it told then is forgotten.
	expect(figures.complete(told(), [worker(1)], 12).late).toEqual(new Map([[1, null]]));
});
