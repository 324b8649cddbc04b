// A cluster's load by its metrics: workers, errors by code, engines; what is not told stays unknown.
import { describe, expect, it } from "vitest";
import { loadOf } from "../../src/console/cluster-load.js";
import { parseExposition } from "../../src/console/exposition.js";
import { loadLines } from "../../src/console/load-lines.js";

const worker = (index: number, lines: Record<string, number>) =>
	[
		`process_start_time_seconds{role="worker",worker="${index}"} 100`,
		...Object.entries(lines).map(([series, value]) => {
			const [name, labels = ""] = series.split("|");
			return `${name}{${labels}${labels === "" ? "" : ","}worker="${index}"} ${value}`;
		}),
	].join("\n");
const scrape = (atS: number, ...texts: string[]) => ({
	atS,
	samples: parseExposition([`process_start_time_seconds{role="router"} 100`, ...texts].join("\n")),
});
const UP = 'rollpin_engine_up|upstream="http://e"';
const asked = (outcome: string) => `rollpin_engine_requests_total|upstream="http://e",outcome="${outcome}"`;
const chats = (status: number, code: string) =>
	`rollpin_chats_total|status="${status}",code="${code}",finish_reason=""`;

describe("one scrape", () => {
	it("gives what is counted now, and neither rates nor latencies", () => {
		const load = loadOf(
			null,
			scrape(
				1,
				worker(0, {
					rollpin_sessions: 3,
					rollpin_inflight: 2,
					rollpin_session_queue: 1,
					rollpin_turns_total: 7,
					process_resident_memory_bytes: 3 * 1024 * 1024,
				}),
			),
			160,
		);
		expect(load).toMatchObject({
			sessions: 3,
			running: 2,
			queued: 1,
			turns_per_s: null,
			p50_ms: null,
			errors: [],
			seconds: null,
		});
		expect(load.workers.get(0)).toMatchObject({
			sessions: 3,
			turns: 7,
			rss_mib: 3,
			up_s: 60,
			turns_per_s: null,
			lag_p99_ms: null,
			store_mib: null,
		});
		expect(loadLines(load)).toEqual([
			"3 sessions, 2 chats running, 1 queued",
			"chats p50 -, p99 -; errors -",
		]);
	});
});

describe("two scrapes", () => {
	const before = scrape(
		0,
		worker(0, {
			rollpin_turns_total: 10,
			process_cpu_seconds_total: 1,
			[chats(200, "")]: 10,
			[UP]: 1,
			[asked("ok")]: 10,
		}),
		worker(1, {
			rollpin_turns_total: 10,
			process_cpu_seconds_total: 1,
			[chats(400, "history_mismatch")]: 1,
			[UP]: 1,
		}),
		'rollpin_refused_total{code="worker_unavailable",role="router"} 2',
	);
	const now = scrape(
		2,
		worker(0, {
			rollpin_turns_total: 14,
			process_cpu_seconds_total: 2,
			[chats(200, "")]: 14,
			[chats(499, "client_gone")]: 4,
			[chats(502, "upstream_invalid")]: 1,
			[UP]: 1,
			[asked("ok")]: 14,
			[asked("invalid")]: 1,
			[asked("cancelled")]: 1,
		}),
		worker(1, {
			rollpin_turns_total: 10,
			process_cpu_seconds_total: 1,
			[chats(400, "history_mismatch")]: 4,
			[UP]: 0,
			'rollpin_breaker_open|upstream="http://e"': 1,
		}),
		'rollpin_refused_total{code="worker_unavailable",role="router"} 3',
		'rollpin_http_request_seconds_bucket{route="/sessions/{id}/v1/chat/completions",le="0.1"} 10',
		'rollpin_http_request_seconds_bucket{route="/sessions/{id}/v1/chat/completions",le="+Inf"} 10',
		'rollpin_http_request_seconds_bucket{route="/health",le="100"} 99',
	);
	const load = loadOf(before, now, 200);

	it("give rates by worker and together, and what clients waited for chats", () => {
		expect(load.turns_per_s).toBe(2);
		expect([load.workers.get(0)?.turns_per_s, load.workers.get(1)?.turns_per_s]).toEqual([2, 0]);
		expect(load.workers.get(0)?.cpu_percent).toBe(50);
		expect([load.p50_ms, load.p99_ms]).toEqual([50, 99]);
	});

	it("give errors by code, of workers and of the router; a client that left is none", () => {
		expect(load.errors).toEqual([
			{ code: "history_mismatch", per_s: 1.5 },
			{ code: "upstream_invalid", per_s: 0.5 },
			{ code: "worker_unavailable", per_s: 0.5 },
		]);
		expect([load.workers.get(0)?.errors_per_s, load.workers.get(1)?.errors_per_s]).toEqual([0.5, 1.5]);
	});

	it("tell how each engine is, and how many of its exchanges failed", () => {
		expect(load.engines).toEqual([
			{
				upstream: "http://e",
				state: "partly down",
				breakers_open: 1,
				requests_per_s: 3,
				failures_per_s: 0.5,
			},
		]);
		expect(loadLines(load)).toEqual([
			"0 sessions, 0 chats running, 0 queued; 2.0 turns/s, 0 tokens/s",
			"chats p50 50 ms, p99 99 ms; 2.5 errors/s (history_mismatch 1.5, upstream_invalid 0.5, worker_unavailable 0.5) (last 2 s)",
			"engine http://e: partly down, refused by 1 worker, 3.0 requests/s, 0.5 failed/s, p50 -, p99 -",
		]);
	});
});

it("notes what needs a look, the gravest first, and nothing that is 0", () => {
	const load = loadOf(
		null,
		scrape(
			1,
			worker(0, {
				rollpin_rollbacks_total: 3,
				rollpin_partitions_refused: 0,
				rollpin_store_writable: 0,
				'rollpin_mismatches_total|type="x"': 2,
				'rollpin_mismatches_total|type="y"': 1,
			}),
			worker(1, { rollpin_store_writable: 1 }),
		),
		100,
	);
	expect(load.workers.get(0)?.notes).toEqual(["store takes no writes", "3 hard mismatches", "3 retries"]);
	expect(load.workers.get(1)?.notes).toEqual([]);
});
