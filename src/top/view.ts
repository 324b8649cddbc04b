// What `rollpin top` shows of a cluster, as text: whole, or a frame of a terminal's size. Pure; asks nobody.
import type { Look } from "../console/cluster-watch.js";
import { complaints, isFine } from "../console/health-text.js";
import { loadLines } from "../console/load-lines.js";
import { printable } from "../console/printable.js";
import { spanText } from "../console/span-text.js";
import { fitted } from "../console/text-width.js";
import { notesOf } from "../console/worker-notes.js";
import { figureLines, tablePages } from "./columns.js";

/** What its reader has chosen; `moved` keeps it within what there is. */
export interface Choice {
	/** Of the table's columns. */
	page: number;
	/** Position of the selected worker. */
	selected: number;
	/** The first worker that is shown. */
	first: number;
	/** All figures of the selected worker, in place of the table. */
	detail: boolean;
}

export interface FrameOptions {
	columns: number;
	rows: number;
	colours: boolean;
	/** Where the cluster is, as it was asked for. */
	url: string;
	/** Since when and why it gives no answer; null while it does. */
	gone: { sinceS: number; reason: string } | null;
	/** Unix seconds. */
	nowS: number;
}

export const FIRST_CHOICE: Choice = { page: 0, selected: 0, first: 0, detail: false };

const RED = "\x1b[1;37;41m";
const INVERSE = "\x1b[7m";
const PLAIN = "\x1b[0m";
const NOTE_INDENT = "        ";

/** Everything, whatever its width: for a pipe, a file, or one look. */
export function view({ cluster, health, load }: Look, nowS: number): string {
	const [page] = tablePages(cluster.workers, load.workers, Number.POSITIVE_INFINITY);
	const notes = cluster.workers.map((worker) => notesOf(worker, load.workers.get(worker.worker)).join(", "));
	const rows = (page?.rows ?? []).map((row, at) => `${row}  ${notes[at] ?? ""}`.trimEnd());
	return [
		headline({ cluster, health, load }, nowS),
		...complaints({ cluster, health }),
		...loadLines(load),
		"",
		...(page === undefined ? [] : [`${page.head}  notes`, ...rows]),
	].join("\n");
}

/**
 * One frame: at most that many lines, none of them too long.
 * @returns the lines, and the choice as it was shown: its page, worker and first line are there
 */
export function frame(
	look: Look,
	choice: Choice,
	options: FrameOptions,
): { lines: string[]; choice: Choice } {
	const { columns, rows } = options;
	const { cluster, load } = look;
	const pages = tablePages(cluster.workers, load.workers, columns);
	const last = Math.max(0, cluster.workers.length - 1);
	const page = ((choice.page % pages.length) + pages.length) % pages.length;
	const selected = Math.min(Math.max(0, choice.selected), last);
	const top = topLines(look, options);
	const body = Math.max(1, rows - top.length - 1);
	if (choice.detail) {
		const lines = [...top, ...detailLines(look, selected, columns).slice(0, body)];
		return {
			lines: [...lines, fitted("enter back · up down worker · q quit", columns)],
			choice: { ...choice, page, selected },
		};
	}
	const table = pages[page];
	const blocks = cluster.workers.map((worker, at) => [
		workerRow(table?.rows[at] ?? "", at === selected, options),
		...wrapped(notesOf(worker, load.workers.get(worker.worker)), columns),
	]);
	// One line is the table's head.
	const window = shownBlocks(blocks, selected, choice.first, body - 1);
	const shown = blocks
		.slice(window.first, window.end)
		.flat()
		.slice(0, Math.max(0, body - 1));
	const lines = [...top, fitted(table?.head ?? "", columns), ...shown];
	const where = blocks.length === 0 ? "no workers" : `${window.first}-${window.end - 1} of ${blocks.length}`;
	const turn = pages.length > 1 ? ` · tab page ${page + 1}/${pages.length}` : "";
	return {
		lines: [...lines, fitted(`${where}${turn} · up down select · enter all figures · q quit`, columns)],
		choice: { ...choice, page, selected, first: window.first },
	};
}

/** The selected one is inverse, or marked where there are no colours: in its first column, which every index leaves free. */
function workerRow(row: string, isSelected: boolean, { colours, columns }: FrameOptions): string {
	if (!isSelected) return fitted(row, columns);
	if (!colours) return fitted(`>${row.slice(1)}`, columns);
	return `${INVERSE}${fitted(row, columns).padEnd(columns)}${PLAIN}`;
}

function topLines(look: Look, { colours, columns, gone, nowS, url }: FrameOptions): string[] {
	const bad = gone !== null || !isFine(look);
	const head =
		gone === null
			? headline(look, nowS)
			: `NO ANSWER from ${printable(url)} for ${spanText(nowS - gone.sinceS)} (${printable(gone.reason)}); what follows is old`;
	const lines = [...(gone === null ? complaints(look) : []), ...loadLines(look.load)];
	const red = (line: string) =>
		bad && colours ? `${RED}${fitted(line, columns).padEnd(columns)}${PLAIN}` : fitted(line, columns);
	return [red(head), ...lines.flatMap((line) => broken(line, columns)), ""];
}

function headline({ cluster, health }: Look, nowS: number): string {
	const ready = cluster.workers.filter(({ state }) => state === "ready").length;
	const version = health.version === undefined ? "" : ` (${printable(health.version)})`;
	const status =
		cluster.status === health.status ? cluster.status : `${cluster.status}, health ${health.status}`;
	return `${printable(cluster.url ?? "rollpin")}${version}: ${printable(status)}, ${ready} of ${cluster.workers.length} workers ready, up ${spanText(nowS - cluster.started_at)}`;
}

function detailLines({ cluster, load }: Look, selected: number, columns: number): string[] {
	const worker = cluster.workers[selected];
	if (worker === undefined) return [];
	const own = load.workers.get(worker.worker);
	return [
		fitted(`worker ${worker.worker}: ${worker.state}`, columns),
		...wrapped(notesOf(worker, own), columns),
		...figureLines(worker, own).map((line) => fitted(`  ${line}`, columns)),
	];
}

/** Which blocks are shown, so that the selected one is among them, whole if there is room. */
function shownBlocks(
	blocks: ReadonlyArray<readonly string[]>,
	selected: number,
	first: number,
	room: number,
): { first: number; end: number } {
	let from = Math.min(first, selected);
	const linesUpTo = (end: number) => blocks.slice(from, end).reduce((sum, { length }) => sum + length, 0);
	while (from < selected && linesUpTo(selected + 1) > room) from++;
	let end = Math.min(selected + 1, blocks.length);
	while (end < blocks.length && linesUpTo(end + 1) <= room) end++;
	// Room that is left below is used above.
	while (end === blocks.length && from > 0 && linesUpTo(end) + (blocks[from - 1]?.length ?? 0) <= room)
		from--;
	return { first: from, end };
}

/** Words in lines below their worker's; never cut. */
function wrapped(notes: readonly string[], columns: number): string[] {
	return notes.length === 0
		? []
		: broken(notes.join(", "), columns - NOTE_INDENT.length).map((line) => NOTE_INDENT + line);
}

/** A line as several, broken between words; a word that is longer than a line is broken itself. */
function broken(line: string, columns: number): string[] {
	const lines: string[] = [];
	for (let left = line; left !== ""; ) {
		if (left.length <= columns) {
			lines.push(left);
			break;
		}
		const space = left.lastIndexOf(" ", columns);
		const at = space > 0 ? space : columns;
		lines.push(left.slice(0, at));
		left = left.slice(space > 0 ? at + 1 : at);
	}
	return lines;
}
