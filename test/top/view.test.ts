// What the live view says: figures by worker, rates between heartbeats, what needs a look.
import { expect, test } from "vitest";
import type { ClusterStatus } from "../../src/console/cluster-status.js";
import { type Beats, view, withBeats } from "../../src/top/view.js";

function cluster(...workers: Array<Partial<ClusterStatus["workers"][number]>>): ClusterStatus {
	return {
		status: "ok",
		started_at: 1000,
		url: "http://127.0.0.1:8080",
		upstream: null,
		workers: workers.map((worker, index) => ({
			worker: index,
			state: "ready",
			pid: 100 + index,
			epoch: 1,
			replacing: false,
			drain: false,
			heartbeat: null,
			...worker,
		})),
	};
}

const beat = (uptime_s: number, turns_completed: number, more: Record<string, number> = {}) => ({
	uptime_s,
	turns_completed,
	sessions: 3,
	inflight: 2,
	queue_depth: 1,
	cpu_percent: 55.5,
	loop_lag_p99_ms: 4.2,
	rss_mb: 180,
	store_mb: 12,
	...more,
});

const rowOf = (text: string, worker: number) =>
	text.split("\n").find((line) => line.trim().startsWith(`${worker} `)) ?? "";

test("a worker without a heartbeat shows its state and no figures", () => {
	const text = view(cluster({ state: "starting", pid: null }), new Map(), 1045);
	expect(text).toContain("http://127.0.0.1:8080: ok, 0 of 1 workers ready, up 45s");
	expect(text).toContain("engine simulated; 0 sessions, 0 chats in flight");
	expect(rowOf(text, 0).trim().split(/ {2,}/)).toEqual(["0", "starting", ...Array(11).fill("-")]);
});

test("rates are those between the last two heartbeats of the same process", () => {
	let beats: Beats = new Map();
	const show = (...workers: Array<Partial<ClusterStatus["workers"][number]>>) => {
		const status = cluster(...workers);
		beats = withBeats(beats, status);
		return view(status, beats, 1000 + 3600 * 2);
	};
	const rate = (text: string) => rowOf(text, 0).trim().split(/ {2,}/)[8];
	expect(rate(show({ heartbeat: beat(30, 90) }))).toBe("-");
	const second = show({ heartbeat: beat(60, 240) }, { heartbeat: beat(10, 5) });
	expect(rate(second)).toBe("5.0");
	expect(second).toContain("6 sessions, 4 chats in flight, 5.0 turns/s");
	expect(second).toContain("up 2h 0m");
	// Asked again before the next heartbeat, nothing changes.
	expect(rate(show({ heartbeat: beat(60, 240) }))).toBe("5.0");
	expect(rate(show({ heartbeat: beat(90, 240) }))).toBe("0.0");
	// Another process counts from nothing.
	expect(rate(show({ heartbeat: beat(100, 3), epoch: 2 }))).toBe("-");
});

test("what needs a look is noted", () => {
	const status = cluster({
		replacing: true,
		epoch: 4,
		heartbeat: beat(90, 1, { hard_mismatches: 2, partitions_refused: 1, breaker_open: 1 }),
	});
	expect(rowOf(view(status, withBeats(new Map(), status), 1000), 0)).toMatch(
		/replacing, process 4, 2 hard mismatches, 1 partitions refused, engine unreachable$/,
	);
});
