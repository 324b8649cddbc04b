// `rollpin sessions`: the sessions of a running cluster, page by page, and the table of them. Holds no more than it shows.
import { RollpinError } from "../base/errors.js";
import { table } from "../demo/report.js";
import type { ClusterClient } from "./cluster-client.js";
import type { ClusterStatus } from "./cluster-status.js";
import { plural } from "./plural.js";
import { spanText } from "./span-text.js";

/** One of GET /sessions. Times are float Unix seconds. */
export interface SessionRow {
	session_id: string;
	worker: number;
	turns: number;
	tokens: number;
	created_at: number;
	expires_at: number;
	/** Chats that run or wait. */
	in_flight: number;
	running: number;
	running_since: number | null;
}

export interface ListOptions {
	/** Those with a chat that runs or waits. */
	running: boolean;
	/** `key=value`, every one of them. */
	where: readonly string[];
	sort: "age" | "turns" | "tokens" | null;
	/** The most that are kept. */
	limit: number;
}

export interface SessionList {
	sessions: SessionRow[];
	/** How many there are, shown or not. */
	matched: number;
	/** Workers that could not be asked: their sessions are not among them. */
	missing: number[];
}

const PAGE = 1000;

interface Page {
	worker: number;
	sessions: SessionRow[];
	next_cursor: string | null;
}

/** Largest first. */
const SORTED: Record<NonNullable<ListOptions["sort"]>, (row: SessionRow) => number> = {
	age: ({ created_at }) => -created_at,
	turns: ({ turns }) => turns,
	tokens: ({ tokens }) => tokens,
};

/** @throws as `ClusterClient.ask` */
export async function listSessions(client: ClusterClient, options: ListOptions): Promise<SessionList> {
	const { workers } = await client.ask<ClusterStatus>("GET", "/cluster");
	const asked = new Set<number>();
	let matched = 0;
	let kept: SessionRow[] = [];
	for await (const { worker, sessions } of pages(client, options)) {
		asked.add(worker);
		matched += sessions.length;
		kept = selected([...kept, ...sessions], options);
	}
	const missing = workers.map(({ worker }) => worker).filter((worker) => !asked.has(worker));
	return { sessions: kept, matched, missing };
}

/** Those that are shown, as far as they are known. */
function selected(rows: SessionRow[], { limit, sort }: ListOptions): SessionRow[] {
	if (sort !== null) {
		const value = SORTED[sort];
		rows.sort((a, b) => value(b) - value(a));
	}
	return rows.slice(0, limit);
}

async function* pages(client: ClusterClient, { running, where }: ListOptions): AsyncGenerator<Page> {
	for (let cursor: string | null = ""; cursor !== null; ) {
		const query = new URLSearchParams({ limit: String(PAGE) });
		if (cursor !== "") query.set("cursor", cursor);
		if (running) query.set("running", "true");
		for (const each of where) query.append("where", each);
		let page: Page;
		try {
			page = await client.ask<Page>("GET", `/sessions?${query}`);
		} catch (error) {
			// No worker from this one on is up.
			if (error instanceof RollpinError && error.code === "worker_unavailable") return;
			throw error;
		}
		yield page;
		cursor = page.next_cursor;
	}
}

/** @param now float Unix seconds */
export function sessionTable({ sessions, matched, missing }: SessionList, now: number): string {
	const head = ["session", "worker", "state", "turns", "tokens", "age", "runs for", "ends in"];
	const rows = sessions.map((row) => [
		row.session_id,
		row.worker,
		stateText(row),
		row.turns,
		row.tokens,
		spanText(now - row.created_at),
		row.running_since === null ? "" : spanText(now - row.running_since),
		spanText(row.expires_at - now),
	]);
	const count =
		sessions.length === matched
			? plural(matched, "session")
			: `${sessions.length} of ${matched} sessions (--limit)`;
	const lines = rows.length === 0 ? [count] : [table([head, ...rows]), "", count];
	if (missing.length > 0) {
		const many = missing.length > 1;
		lines.push(
			`NOT IN THIS LIST: the sessions of worker${many ? "s" : ""} ${missing.join(", ")}, which ${many ? "are" : "is"} not up; see rollpin top`,
		);
	}
	return lines.join("\n");
}

/** `running`, with how many wait; `queued`: for the moment between two; `idle`. */
export function stateText({ in_flight, running }: Pick<SessionRow, "in_flight" | "running">): string {
	if (in_flight === 0) return "idle";
	const waiting = in_flight - running;
	const state = running > 1 ? `${running} running` : running === 1 ? "running" : "queued";
	return waiting > 0 && running > 0 ? `${state}, ${waiting} queued` : state;
}
