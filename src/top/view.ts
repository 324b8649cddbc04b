// What `rollpin top` shows of a cluster, as text. Pure; asks nobody.
import type { ClusterStatus, Figures, WorkerStatus } from "../console/cluster-status.js";
import { spanText } from "../console/span-text.js";
import { table } from "../demo/report.js";
import { type FieldName, HEARTBEAT_ROWS } from "../telemetry/heartbeat-fields.js";

/** A worker's heartbeats, the newest and the one before it, to tell rates from. */
export type Beats = ReadonlyMap<number, WorkerBeats>;

interface WorkerBeats {
	newest: Beat;
	before: Beat | null;
}

interface Beat {
	epoch: number;
	figures: Figures;
}

/** Takes in what the cluster says now. A worker that was replaced starts anew. */
export function withBeats(beats: Beats, cluster: ClusterStatus): Beats {
	const next = new Map<number, WorkerBeats>();
	for (const { worker, epoch, heartbeat } of cluster.workers) {
		if (heartbeat === null) continue;
		const known = beats.get(worker);
		const newest: Beat = { epoch, figures: heartbeat };
		if (known === undefined || known.newest.epoch !== epoch) next.set(worker, { newest, before: null });
		else if (known.newest.figures.uptime_s === heartbeat.uptime_s) next.set(worker, known);
		else next.set(worker, { newest, before: known.newest });
	}
	return next;
}

interface Column {
	heading: string;
	text(figures: Figures | null, beats: WorkerBeats | undefined): string | number;
}

const COLUMNS: readonly Column[] = HEARTBEAT_ROWS.flatMap(([name, { top }]) =>
	top !== undefined && "column" in top ? [{ name, ...top }] : [],
)
	.sort((a, b) => a.place - b.place)
	.flatMap(({ as, column, name, rate }) => {
		const value: Column = { heading: column, text: (figures) => shown(figures?.[name], as) };
		if (rate === undefined) return [value];
		return [value, { heading: rate, text: (_figures, beats) => rateText(name, beats) } satisfies Column];
	});

const HEAD = ["worker", "state", "pid", ...COLUMNS.map(({ heading }) => heading), "notes"];

function shown(value: number | undefined, as: "span" | undefined): string | number {
	if (value === undefined) return "-";
	return as === "span" ? spanText(value) : value;
}

function rateText(name: FieldName, beats: WorkerBeats | undefined): string {
	return (beats === undefined ? null : rateOf(name, beats))?.toFixed(1) ?? "-";
}

/** @param now float Unix seconds */
export function view(cluster: ClusterStatus, beats: Beats, now: number): string {
	const rows = cluster.workers.map((worker) => row(worker, beats.get(worker.worker)));
	const ready = cluster.workers.filter(({ state }) => state === "ready").length;
	const sum = (figure: FieldName) =>
		cluster.workers.reduce((total, { heartbeat }) => total + (heartbeat?.[figure] ?? 0), 0);
	const rates = [...beats.values()].flatMap((beat) => rateOf("turns_completed", beat) ?? []);
	const rate = rates.length === 0 ? "" : `, ${rates.reduce((a, b) => a + b, 0).toFixed(1)} turns/s`;
	return [
		`${cluster.url ?? "rollpin"}: ${cluster.status}, ${ready} of ${cluster.workers.length} workers ready, up ${spanText(now - cluster.started_at)}`,
		`engine ${cluster.upstream ?? "simulated"}; ${sum("sessions")} sessions, ${sum("inflight")} chats in flight${rate}`,
		"",
		table([HEAD, ...rows]),
		"",
		"Figures are those of each worker's last heartbeat (serve --heartbeat-interval); turns count since its process started.",
	].join("\n");
}

function row(
	{ worker, state, pid, epoch, replacing, drain, heartbeat }: WorkerStatus,
	beats: WorkerBeats | undefined,
): Array<string | number> {
	const notes = [
		...(replacing ? ["replacing"] : []),
		...(drain ? ["drained"] : []),
		...(epoch > 1 ? [`process ${epoch}`] : []),
		...notesOf(heartbeat),
	];
	const figures = COLUMNS.map((column) => column.text(heartbeat, beats));
	return [worker, state, pid ?? "-", ...figures, notes.join(", ")];
}

function notesOf(heartbeat: Figures | null): string[] {
	return HEARTBEAT_ROWS.flatMap(([name, { top }]) => {
		const value = heartbeat?.[name] ?? 0;
		if (top === undefined || !("note" in top) || value === 0) return [];
		return [top.counted ? `${value} ${top.note}` : top.note];
	});
}

/** Growth per second between the last two heartbeats; null before the second one. */
function rateOf(name: FieldName, { newest, before }: WorkerBeats): number | null {
	if (before === null) return null;
	const growth = (of: FieldName) => (newest.figures[of] ?? 0) - (before.figures[of] ?? 0);
	const seconds = growth("uptime_s");
	return seconds > 0 ? growth(name) / seconds : null;
}
