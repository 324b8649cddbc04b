// `rollpin status`: one screen about a cluster, and whether it is as it should be. Pure but for asking who runs longest.

import { RollpinError } from "../base/errors.js";
import { table } from "../demo/report.js";
import { type ClusterAddress, ClusterClient } from "./cluster-client.js";
import { ClusterWatch, type Look } from "./cluster-watch.js";
import { checkList, complaints, isFine } from "./health-text.js";
import { loadLines } from "./load-lines.js";
import { printable } from "./printable.js";
import { listSessions, type SessionRow } from "./session-list.js";
import { spanText } from "./span-text.js";
import { notesOf } from "./worker-notes.js";

export interface Status extends Look {
	/** Sessions whose chats run longest, the longest first; null when a worker did not tell its sessions in time. */
	slowest: SessionRow[] | null;
	fine: boolean;
}

/** Between the two looks that rates need. */
const BETWEEN_MS = 1_000;
/** Of each question: a status that hangs says nothing. */
const TIMEOUT_MS = 5_000;
/** More sessions with running chats than a cluster lets in at once. */
const RUNNING_LIMIT = 100_000;
const SLOWEST = 5;

/** @throws as `ClusterWatch.look` */
export async function askStatus(
	address: ClusterAddress,
	{ betweenMs, timeoutMs } = { betweenMs: BETWEEN_MS, timeoutMs: TIMEOUT_MS },
): Promise<Status> {
	const client = new ClusterClient(address, undefined, timeoutMs);
	const watch = new ClusterWatch(client);
	await watch.look();
	await new Promise((resolve) => setTimeout(resolve, betweenMs));
	const look = await watch.look();
	const slowest = await longestRunning(client);
	const ready = look.cluster.workers.every(({ state, awaited }) => state === "ready" || awaited);
	return { ...look, slowest, fine: ready && slowest !== null && isFine(look) };
}

async function longestRunning(client: ClusterClient): Promise<SessionRow[] | null> {
	try {
		const options = { running: true, where: [], sort: null, limit: RUNNING_LIMIT };
		const { sessions } = await listSessions(client, options);
		return sessions
			.filter((row) => row.running_since !== null)
			.sort((a, b) => (a.running_since ?? 0) - (b.running_since ?? 0))
			.slice(0, SLOWEST);
	} catch (error) {
		// A worker is stuck: all the more is the rest wanted.
		if (error instanceof RollpinError && error.code === "request_timeout") return null;
		throw error;
	}
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
		...(slowest === null
			? ["which chats run longest is not known: a worker did not tell its sessions in time"]
			: slowest.length === 0
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
