// What is well and what is not: the checks of /health and the reasons of /ready, from what is known. Pure.
import { lowRoomBytes, STORE_RESERVE_BYTES } from "../base/medium-room.js";
import { PARTITION_COUNT } from "../base/partitions.js";
import { publicUrl } from "../base/public-url.js";
import type { Check, Checks } from "../ipc/checks.js";
import type { WorkerCondition, WorkerStatus } from "../ipc/messages.js";

export interface HealthFacts {
	/** The first start is not complete: nobody is missed yet. */
	starting: boolean;
	workers: ReadonlyArray<
		Pick<WorkerStatus, "index" | "state" | "awaited" | "drain"> & {
			/** Of the process that is in the slot; null before it told. */
			condition: WorkerCondition | null;
			/** Its last commit failed for its medium, and that is not long ago. */
			refusesTurns: boolean;
		}
	>;
	/** The engines' URLs; empty while none is known. */
	upstreams: readonly string[];
	/** By URL, what the last probes say: null for somebody who listens, else a code. One that is missing was not probed yet. */
	probes: ReadonlyMap<string, string | null>;
	/** Null with a store in memory, and before the first look. */
	medium: Medium | null;
	/** What the store was before; for the hysteresis of `low`. */
	storeBefore: Checks["store"]["state"];
	/** A record of any process was dropped in the last seconds. */
	dropsRecords: boolean;
	/** The process that makes sandboxes, and what it says of them; absent where there is none. */
	sandbox?: { state: WorkerStatus["state"]; trouble: string | null };
}

export type Medium =
	| { path: string; freeBytes: number; totalBytes: number /** A code, or null. */; unwritable: string | null }
	/** It can't even be looked at. */
	| { path: string; missing: string };

const MIB = 1024 * 1024;
/** A medium that was low is so until there is this much more than the limit: it would come and go with every file else. */
const LOW_FACTOR = 1.1;

const OK = { state: "ok", detail: null } as const;

export function checksOf(facts: HealthFacts): Checks {
	return {
		workers: workersCheck(facts),
		engine: engineCheck(facts),
		store: storeCheck(facts),
		log: logCheck(facts),
		...(facts.sandbox === undefined ? {} : { sandboxes: sandboxCheck(facts.sandbox, facts.starting) }),
	};
}

/** Why a new session's chat would be refused now, in words; empty when it would be served. Draining aside. */
export function whyNotReady(facts: HealthFacts, { store }: Pick<Checks, "store">): string[] {
	const open = facts.workers.filter(({ drain }) => !drain);
	const ready = open.filter(({ state }) => state === "ready");
	// While the only worker is replaced requests wait, they do not fail. At the first start they wait as well, but nobody knows
	// for how long.
	const held = !facts.starting && open.some(({ awaited }) => awaited);
	const engines = facts.upstreams.map((url) => !isGone(facts, url) && !allRefuse(ready, url, "refusing"));
	const fit = facts.upstreams.map((url) => !allRefuse(ready, url, "unfit"));
	return [
		...(ready.length === 0 && !held ? ["no worker takes new sessions"] : []),
		...(store.state === "full" ? ["the store is full"] : []),
		...(refusedPartitions(facts) >= PARTITION_COUNT ? ["no part of the data dir is served"] : []),
		...(engines.length > 0 && !engines.includes(true) ? ["no engine is reachable"] : []),
		...(fit.length > 0 && !fit.includes(true) ? ["no engine can be used"] : []),
	];
}

function workersCheck({ starting, workers }: HealthFacts): Checks["workers"] {
	const down = workers.filter(({ awaited, state }) =>
		starting ? state === "quarantined" : state !== "ready" && !awaited,
	);
	if (down.length === 0) return OK;
	const each = down.map(({ index, state }) => `worker ${index} is ${state}`).join(", ");
	const remedy = down.some(({ state }) => state === "quarantined")
		? "worker_exit in the log says how it dies; it is tried once a minute"
		: "it comes back by itself";
	return { state: "degraded", detail: `${each}: its sessions answer 503; ${remedy}` };
}

function engineCheck(facts: HealthFacts): Checks["engine"] {
	const { probes, upstreams } = facts;
	const found = upstreams.map((url) => oneEngine(facts, url));
	const worst = (["unreachable", "failing"] as const).flatMap((state) =>
		found.filter((each) => each.state === state),
	)[0];
	if (worst !== undefined) return worst;
	const known = upstreams.length > 0 && upstreams.every((url) => probes.has(url));
	return known ? OK : { state: "unknown", detail: null };
}

function oneEngine(facts: HealthFacts, url: string): Checks["engine"] {
	const name = publicUrl(url);
	const code = facts.probes.get(url) ?? null;
	const told = facts.workers.flatMap(
		({ condition }) => condition?.engines.filter((each) => each.url === name) ?? [],
	);
	if (code !== null || told.some(({ unreachable }) => unreachable)) {
		const why = code === null ? "exchanges with it fail" : code;
		return {
			state: "unreachable",
			detail: `nothing answers at the engine's address ${name} (${why}): chats are 502 or 503 until it does; is it up, is --upstream right?`,
		};
	}
	const unfit = told.find((each) => each.unfit !== null)?.unfit ?? null;
	if (unfit !== null) {
		return { state: "failing", detail: `the engine at ${name} cannot be used, chats are 502: ${unfit}` };
	}
	const answers = told.reduce((sum, each) => sum + each.answers, 0);
	const failures = told.reduce((sum, each) => sum + each.failures, 0);
	if (failures * 2 <= answers) return OK;
	return {
		state: "failing",
		// Without the numbers, which change all the time: a record and a line are about the change.
		detail: `most answers of the engine at ${name} in the last minute were errors (5xx, cut off, too late): its own log says why`,
	};
}

function storeCheck(facts: HealthFacts): Checks["store"] {
	const { medium, storeBefore, workers } = facts;
	if (medium !== null && "missing" in medium)
		return full(`the data dir ${medium.path} can't be read (${medium.missing}): bring it back and restart`);
	if (medium !== null && medium.unwritable !== null)
		return full(
			`the data dir ${medium.path} can't be written to (${medium.unwritable}): turns are refused until it can`,
		);
	if (medium !== null && medium.freeBytes < STORE_RESERVE_BYTES)
		return full(roomDetail(medium, STORE_RESERVE_BYTES));
	if (workers.some(({ refusesTurns }) => refusesTurns))
		return full("the medium of the data dir takes no more turns (507): free space on it, or raise its quota");
	const partitions = refusedPartitions(facts);
	if (partitions > 0) {
		return {
			state: "refused",
			detail: `${partitions} partitions of the data dir are not served: partition_refused in the log says which, why, and what to do`,
		};
	}
	if (medium === null) return OK;
	const limit =
		lowRoomBytes(medium.totalBytes) * (storeBefore === "low" || storeBefore === "full" ? LOW_FACTOR : 1);
	return medium.freeBytes < limit ? { state: "low", detail: roomDetail(medium, limit) } : OK;
}

function full(detail: string): Checks["store"] {
	return { state: "full", detail };
}

function roomDetail({ path }: { path: string }, limitBytes: number): string {
	const needed = Math.ceil(limitBytes / MIB);
	return (
		`fewer than ${needed} MiB are free on the medium of ${path}; with fewer than ${STORE_RESERVE_BYTES / MIB} MiB turns are ` +
		"refused (507): free space on it, or delete finished sessions"
	);
}

function logCheck({ dropsRecords }: HealthFacts): Checks["log"] {
	if (!dropsRecords) return OK;
	return {
		state: "dropping",
		detail:
			"log records below warn are dropped: nobody takes the log, or its medium is full (docs/operating.md)",
	};
}

function sandboxCheck(
	{ state, trouble }: NonNullable<HealthFacts["sandbox"]>,
	starting: boolean,
): NonNullable<Checks["sandboxes"]> {
	if (state !== "ready" && !starting) {
		return {
			state: "failing",
			detail:
				"the sandbox process is not ready, its requests are 503: sandbox_process_exit in the log says why",
		};
	}
	return trouble === null ? OK : { state: "failing", detail: trouble };
}

function refusedPartitions({ workers }: HealthFacts): number {
	return workers.reduce((sum, { condition }) => sum + (condition?.partitionsRefused ?? 0), 0);
}

function isGone({ probes }: HealthFacts, url: string): boolean {
	return (probes.get(url) ?? null) !== null;
}

/** Every worker that would get the chat answers it without asking the engine. */
function allRefuse(ready: HealthFacts["workers"], url: string, why: "refusing" | "unfit"): boolean {
	const name = publicUrl(url);
	return (
		ready.length > 0 &&
		ready.every(({ condition }) => condition?.engines.some((each) => each.url === name && each[why]) ?? false)
	);
}

/** Every check whose state is another one than before; what the first probe finds is none, and has a record of its own. */
export function transitions(
	before: Checks,
	now: Checks,
): Array<{ check: keyof Checks; from: string; to: string; detail: string | null }> {
	return (Object.keys(now) as Array<keyof Checks>).flatMap((check) => {
		const [from, to]: [Check<string>, Check<string>] = [before[check] ?? OK, now[check] ?? OK];
		const isFirst = from.state === "unknown" && to.state !== "failing";
		if (from.state === to.state || isFirst) return [];
		return [{ check, from: from.state, to: to.state, detail: to.detail }];
	});
}
