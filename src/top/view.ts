// What `rollpin top` shows of a cluster, as text. Pure; asks nobody.
import { table } from "../demo/report.js";

/** GET /cluster, as far as it is shown. */
export interface ClusterStatus {
	status: string;
	/** Float Unix seconds. */
	started_at: number;
	url: string | null;
	upstream: string | null;
	workers: WorkerStatus[];
}

interface WorkerStatus {
	worker: number;
	state: string;
	pid: number | null;
	epoch: number;
	replacing: boolean;
	/** Figures of the last heartbeat; null before the first. */
	heartbeat: Readonly<Record<string, number>> | null;
}

/** A worker's heartbeats, the newest and the one before it, to tell rates from. */
export type Beats = ReadonlyMap<number, { newest: Beat; before: Beat | null }>;

interface Beat {
	epoch: number;
	figures: Readonly<Record<string, number>>;
}

/** Takes in what the cluster says now. A worker that was replaced starts anew. */
export function withBeats(beats: Beats, cluster: ClusterStatus): Beats {
	const next = new Map<number, { newest: Beat; before: Beat | null }>();
	for (const { worker, epoch, heartbeat } of cluster.workers) {
		if (heartbeat === null) continue;
		const known = beats.get(worker);
		const newest: Beat = { epoch, figures: heartbeat };
		if (known === undefined || known.newest.epoch !== epoch) next.set(worker, { newest, before: null });
		else if (known.newest.figures["uptime_s"] === heartbeat["uptime_s"]) next.set(worker, known);
		else next.set(worker, { newest, before: known.newest });
	}
	return next;
}

const HEAD = [
	"worker",
	"state",
	"pid",
	"up",
	"sessions",
	"in flight",
	"queued",
	"turns",
	"turns/s",
	"CPU %",
	"lag ms",
	"RSS MiB",
	"store MiB",
	"notes",
];

/** @param now float Unix seconds */
export function view(cluster: ClusterStatus, beats: Beats, now: number): string {
	const rows = cluster.workers.map((worker) => row(worker, beats.get(worker.worker)));
	const ready = cluster.workers.filter(({ state }) => state === "ready").length;
	const sum = (figure: string) =>
		cluster.workers.reduce((total, { heartbeat }) => total + (heartbeat?.[figure] ?? 0), 0);
	const rates = [...beats.values()].flatMap((beat) => rateOf(beat) ?? []);
	const rate = rates.length === 0 ? "" : `, ${rates.reduce((a, b) => a + b, 0).toFixed(1)} turns/s`;
	return [
		`${cluster.url ?? "rollpin"}: ${cluster.status}, ${ready} of ${cluster.workers.length} workers ready, up ${span(now - cluster.started_at)}`,
		`engine ${cluster.upstream ?? "simulated"}; ${sum("sessions")} sessions, ${sum("inflight")} chats in flight${rate}`,
		"",
		table([HEAD, ...rows]),
		"",
		"Figures are those of each worker's last heartbeat (serve --heartbeat-interval); turns count since its process started.",
	].join("\n");
}

function row(
	{ worker, state, pid, epoch, replacing, heartbeat }: WorkerStatus,
	beats: { newest: Beat; before: Beat | null } | undefined,
): Array<string | number> {
	const figure = (name: string): string | number => heartbeat?.[name] ?? "-";
	const rate = beats === undefined ? null : rateOf(beats);
	const notes = [
		replacing ? "replacing" : "",
		epoch > 1 ? `process ${epoch}` : "",
		(heartbeat?.["hard_mismatches"] ?? 0) > 0 ? `${heartbeat?.["hard_mismatches"]} hard mismatches` : "",
		counted(heartbeat, "rollbacks", "retries"),
		counted(heartbeat, "history_refused", "histories refused"),
		counted(heartbeat, "branches", "branches"),
		(heartbeat?.["partitions_refused"] ?? 0) > 0
			? `${heartbeat?.["partitions_refused"]} partitions refused`
			: "",
		heartbeat?.["breaker_open"] === 1 ? "engine unreachable" : "",
	].filter((note) => note !== "");
	return [
		worker,
		state,
		pid ?? "-",
		heartbeat === null ? "-" : span(heartbeat["uptime_s"] ?? 0),
		figure("sessions"),
		figure("inflight"),
		figure("queue_depth"),
		figure("turns_completed"),
		rate === null ? "-" : rate.toFixed(1),
		figure("cpu_percent"),
		figure("loop_lag_p99_ms"),
		figure("rss_mb"),
		figure("store_mb"),
		notes.join(", "),
	];
}

function counted(heartbeat: Readonly<Record<string, number>> | null, name: string, what: string): string {
	const count = heartbeat?.[name] ?? 0;
	return count > 0 ? `${count} ${what}` : "";
}

/** Turns a second between the last two heartbeats; null before the second one. */
function rateOf({ newest, before }: { newest: Beat; before: Beat | null }): number | null {
	if (before === null) return null;
	const of = (name: string) => (newest.figures[name] ?? 0) - (before.figures[name] ?? 0);
	const seconds = of("uptime_s");
	return seconds > 0 ? of("turns_completed") / seconds : null;
}

/** Such as `45s`, `12m 3s`, `7h 20m`, `3d 4h`. */
function span(seconds: number): string {
	const whole = Math.max(0, Math.floor(seconds));
	const [days, hours, minutes] = [
		Math.floor(whole / 86_400),
		Math.floor(whole / 3600) % 24,
		Math.floor(whole / 60) % 60,
	];
	if (days > 0) return `${days}d ${hours}h`;
	if (hours > 0) return `${hours}h ${minutes}m`;
	return minutes > 0 ? `${minutes}m ${whole % 60}s` : `${whole}s`;
}
