// `rollpin status`: one screen about a cluster, and whether it is as it should be. Pure but for asking who runs longest.
import { table } from "../demo/report.js";
import type { ClusterClient } from "./cluster-client.js";
import { ClusterWatch, type Look } from "./cluster-watch.js";
import { checkList, complaints, isFine } from "./health-text.js";
import { loadLines } from "./load-lines.js";
import { printable } from "./printable.js";
import { listSessions, type SessionRow } from "./session-list.js";
import { spanText } from "./span-text.js";
import { notesOf } from "./worker-notes.js";

export interface Status extends Look {
	/** Sessions whose chats run longest, the longest first. */
	slowest: SessionRow[];
	fine: boolean;
}

/** Between the two looks that rates need. */
const BETWEEN_MS = 1_000;
/** More sessions with running chats than a cluster lets in at once. */
const RUNNING_LIMIT = 100_000;
const SLOWEST = 5;

/** @throws as `ClusterWatch.look` */
export async function askStatus(client: ClusterClient): Promise<Status> {
	const watch = new ClusterWatch(client);
	await watch.look();
	await new Promise((resolve) => setTimeout(resolve, BETWEEN_MS));
	const look = await watch.look();
	const running = await listSessions(client, { running: true, where: [], sort: null, limit: RUNNING_LIMIT });
	const slowest = running.sessions
		.filter((row) => row.running_since !== null)
		.sort((a, b) => (a.running_since ?? 0) - (b.running_since ?? 0))
		.slice(0, SLOWEST);
	const ready = look.cluster.workers.every(({ state, replacing }) => state === "ready" || replacing);
	return { ...look, slowest, fine: ready && isFine(look) };
}

/** @param now float Unix seconds */
export function statusText({ cluster, health, load, slowest, fine }: Status, now: number): string {
	const version = health.version === undefined ? "" : ` ${printable(health.version)}`;
	const ready = cluster.workers.filter(({ state }) => state === "ready").length;
	const checks = checkList(health);
	const rows = cluster.workers.map((worker) => {
		const own = load.workers.get(worker.worker);
		return [
			worker.worker,
			worker.state,
			own?.sessions ?? "-",
			own?.running ?? "-",
			own?.turns_per_s?.toFixed(1) ?? "-",
			notesOf(worker, own).join(", "),
		];
	});
	return [
		`rollpin${version} at ${printable(cluster.url ?? "-")}: ${fine ? "fine" : "NOT FINE"}; health ${printable(health.status)}, up ${spanText(now - cluster.started_at)}`,
		`checks: ${checks.length === 0 ? "none" : checks.join(", ")}`,
		...complaints({ cluster, health }),
		...loadLines(load),
		"",
		`workers: ${ready} of ${cluster.workers.length} ready`,
		table([["worker", "state", "sessions", "running", "turns/s", "notes"], ...rows]),
		"",
		...(slowest.length === 0
			? ["no chat is running"]
			: [
					"longest running chats (rollpin show, rollpin cancel):",
					table([
						["session", "worker", "runs for", "turns"],
						...slowest.map((row) => [
							printable(row.session_id),
							row.worker,
							spanText(now - (row.running_since ?? now)),
							row.turns,
						]),
					]),
				]),
	].join("\n");
}
