// One screen about a cluster: what it says when all is well, and when not.
import { expect, test } from "vitest";
import { type Status, statusText } from "../../src/console/status-view.js";

const WORKER = { pid: 1, epoch: 1, awaited: false, drain: false, heartbeat: null };
const status = (more: Partial<Status> = {}): Status => ({
	cluster: {
		status: "ok",
		started_at: 1000,
		url: "http://127.0.0.1:8080",
		upstream: null,
		workers: [
			{ ...WORKER, worker: 0, state: "ready" },
			{ ...WORKER, worker: 1, state: "quarantined", epoch: 6, drain: true },
		],
	},
	health: { status: "ok", version: "0.2.0", checks: { engine: "ok", store: "ok" } },
	load: {
		seconds: 1,
		sessions: 3,
		running: 1,
		queued: 0,
		turns_per_s: 2,
		tokens_per_s: 60,
		p50_ms: 120,
		p99_ms: 900,
		errors: [{ code: "history_mismatch", per_s: 0.5 }],
		engines: [{ upstream: "http://e", state: "up", breakers_open: 0, requests_per_s: 2, failures_per_s: 0 }],
		engine_p50_ms: 100,
		engine_p99_ms: 800,
		late: [],
		workers: new Map(),
	},
	slowest: [],
	fine: true,
	...more,
});

test("a cluster that is well is a screen of figures", () => {
	expect(statusText(status(), 4600).split("\n")).toEqual([
		"rollpin 0.2.0 at http://127.0.0.1:8080: fine; health ok, up 1h 0m",
		"checks: engine ok, store ok",
		"3 sessions, 1 chat running, 0 queued; 2.0 turns/s, 60 tokens/s",
		"chats p50 120 ms, p99 900 ms; 0.5 errors/s (history_mismatch 0.5) (last 1 s)",
		"engine http://e: up, 2.0 requests/s, 0.0 failed/s, p50 100 ms, p99 800 ms",
		"",
		"workers: 1 of 2 ready",
		"worker  state        sessions  running  turns/s  notes",
		"     0  ready        -         -        -",
		"     1  quarantined  -         -        -        drained, process 6",
		"",
		"no chat is running",
	]);
});

test("a worker that is stuck takes nothing but the chats' list away", () => {
	expect(
		statusText(status({ slowest: null, fine: false }), 4600)
			.split("\n")
			.at(-1),
	).toBe("which chats run longest is not known: a worker did not tell its sessions in time");
});

test("one that is not says so first, and names what is wrong and who runs longest", () => {
	const row = { worker: 1, turns: 4, tokens: 9, created_at: 0, expires_at: 9999, in_flight: 1, running: 1 };
	const text = statusText(
		status({
			health: { status: "degraded", checks: { engine: "failing", store: "ok" } },
			slowest: [{ ...row, session_id: "slow", running_since: 4000 }],
			fine: false,
		}),
		4600,
	);
	expect(text).toMatch(/^rollpin at http:\/\/127.0.0.1:8080: NOT FINE; health degraded, up 1h 0m\n/);
	expect(text).toContain("\nNOT OK: engine failing\n");
	expect(text.split("\n").slice(-3)).toEqual([
		"longest running chats (rollpin show, rollpin cancel):",
		"session  worker  runs for  turns",
		"slow          1  10m 0s        4",
	]);
});
