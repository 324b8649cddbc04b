// `rollpin drain` and `undrain`: asks for it, and says what follows for new sessions. Decides nothing.
import type { ClusterClient } from "./cluster-client.js";
import type { ClusterStatus } from "./cluster-status.js";
import { parseExposition } from "./exposition.js";

/** Workers that are named; of more only the number is told. */
const NAMED = 8;

export interface DrainResult {
	worker: number;
	drain: boolean;
	/** Sessions that the worker has, which go on; null when it does not tell. */
	sessions: number | null;
	/** Ready workers that take new sessions. */
	taking: number[];
}

/** @throws as `ClusterClient.ask`; `not_found` for a worker that the cluster does not have */
export async function setDrain(client: ClusterClient, worker: number, drain: boolean): Promise<DrainResult> {
	await client.ask("POST", `/cluster/workers/${worker}/${drain ? "drain" : "undrain"}`);
	const { workers } = await client.ask<ClusterStatus>("GET", "/cluster");
	const told = parseExposition(await client.text("/metrics")).get("rollpin_sessions");
	const sessions = told?.find(({ labels }) => labels["worker"] === String(worker))?.value ?? null;
	const taking = workers.filter((each) => each.state === "ready" && !each.drain).map((each) => each.worker);
	return { worker, drain, sessions, taking };
}

export function drainText({ worker, drain, sessions, taking }: DrainResult): string {
	if (!drain) return `worker ${worker} gets new sessions again`;
	const go =
		sessions === null
			? "the sessions that it has go on"
			: `its ${sessions} session${sessions === 1 ? " goes" : "s go"} on`;
	const others =
		taking.length === 0
			? "no other worker takes any either: POST /sessions is 503 until rollpin undrain"
			: taking.length > NAMED
				? `new ones go to ${taking.length} other workers`
				: `new ones go to worker${taking.length === 1 ? "" : "s"} ${taking.join(", ")}`;
	return `worker ${worker} gets no new sessions, ${go}; ${others}`;
}
