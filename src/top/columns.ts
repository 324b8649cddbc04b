// The figures of a worker that top shows, in their order, and how they are spread over pages. Pure.
import type { WorkerLoad } from "../console/cluster-load.js";
import type { WorkerStatus } from "../console/cluster-status.js";
import { spanText } from "../console/span-text.js";

interface Column {
	heading: string;
	text(worker: WorkerStatus, load: WorkerLoad | undefined): string;
}

const count = (value: number | null | undefined) =>
	value === null || value === undefined ? "-" : String(value);
const whole = (value: number | null | undefined) =>
	count(value === null || value === undefined ? null : Math.round(value));
const fine = (value: number | null | undefined) =>
	value === null || value === undefined ? "-" : value.toFixed(1);

/** Before every page. */
const FIXED: readonly Column[] = [
	{ heading: "worker", text: ({ worker }) => String(worker) },
	{ heading: "state", text: ({ state }) => state },
];

const COLUMNS: readonly Column[] = [
	{ heading: "sessions", text: (_worker, load) => count(load?.sessions) },
	{ heading: "running", text: (_worker, load) => count(load?.running) },
	{ heading: "queued", text: (_worker, load) => count(load?.queued) },
	{ heading: "turns/s", text: (_worker, load) => fine(load?.turns_per_s) },
	{ heading: "p50 ms", text: (_worker, load) => whole(load?.p50_ms) },
	{ heading: "p99 ms", text: (_worker, load) => whole(load?.p99_ms) },
	{ heading: "err/s", text: (_worker, load) => fine(load?.errors_per_s) },
	{ heading: "CPU %", text: (_worker, load) => whole(load?.cpu_percent) },
	{ heading: "lag ms", text: (_worker, load) => whole(load?.lag_p99_ms) },
	{ heading: "RSS MiB", text: (_worker, load) => whole(load?.rss_mib) },
	{ heading: "store MiB", text: (_worker, load) => whole(load?.store_mib) },
	{ heading: "turns", text: (_worker, load) => count(load?.turns) },
	{
		heading: "up",
		text: (_worker, load) => (load?.up_s === null || load?.up_s === undefined ? "-" : spanText(load.up_s)),
	},
	{ heading: "pid", text: ({ pid }) => count(pid) },
];

const GAP = 2;

/** Each page of a table: its head, and a row for each worker. The state alone is aligned to the left. */
export interface TablePage {
	head: string;
	rows: string[];
}

/** As many pages as the columns need within that width, one at least. */
export function tablePages(
	workers: readonly WorkerStatus[],
	load: ReadonlyMap<number, WorkerLoad>,
	columns: number,
): TablePage[] {
	const cellsOf = ({ heading, text }: Column) => [
		heading,
		...workers.map((worker) => text(worker, load.get(worker.worker))),
	];
	const fixed = FIXED.map(cellsOf).map((cells, at) => aligned(cells, at === 1));
	const pages: string[][][] = [];
	const room = columns - widthOf(fixed);
	let left = 0;
	for (const cells of COLUMNS.map(cellsOf).map((each) => aligned(each, false))) {
		const width = GAP + (cells[0] ?? "").length;
		if (pages.length === 0 || width > left) {
			pages.push([]);
			left = room;
		}
		pages.at(-1)?.push(cells);
		left -= width;
	}
	return pages.map((own) => {
		const [head = "", ...rows] = (fixed[0] ?? []).map((_, line) =>
			[...fixed, ...own].map((cells) => cells[line] ?? "").join(" ".repeat(GAP)),
		);
		return { head, rows };
	});
}

/** All figures of one worker, a line each. */
export function figureLines(worker: WorkerStatus, load: WorkerLoad | undefined): string[] {
	const width = Math.max(...COLUMNS.map(({ heading }) => heading.length));
	return COLUMNS.map(({ heading, text }) => `${heading.padEnd(width)}  ${text(worker, load)}`);
}

function aligned(cells: readonly string[], left: boolean): string[] {
	const width = Math.max(...cells.map(({ length }) => length));
	return cells.map((cell) => (left ? cell.padEnd(width) : cell.padStart(width)));
}

function widthOf(columns: ReadonlyArray<readonly string[]>): number {
	return columns.reduce((sum, [head = ""]) => sum + head.length, GAP * (columns.length - 1));
}
