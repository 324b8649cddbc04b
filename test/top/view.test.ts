// What the live view says: figures by worker, what needs a look, and a frame that fits its terminal whatever there is.
import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import type { WorkerLoad } from "../../src/console/cluster-load.js";
import type { WorkerStatus } from "../../src/console/cluster-status.js";
import type { Look } from "../../src/console/cluster-watch.js";
import { widthOf } from "../../src/console/text-width.js";
import { afterKeys } from "../../src/top/keys.js";
import { type Choice, FIRST_CHOICE, type FrameOptions, frame, view } from "../../src/top/view.js";

const figures = (more: Partial<WorkerLoad> = {}): WorkerLoad => ({
	sessions: 3,
	running: 2,
	queued: 1,
	turns: 240,
	turns_per_s: 5,
	p50_ms: 120.4,
	p99_ms: 900,
	errors_per_s: 0.2,
	cpu_percent: 55.5,
	lag_p99_ms: 4.2,
	rss_mib: 180,
	store_mib: 12,
	up_s: 45,
	notes: [],
	...more,
});
type Worker = Partial<WorkerStatus> & { load?: Partial<WorkerLoad> | null };
function look(...workers: Worker[]): Look {
	const statuses = workers.map(({ load: _load, ...worker }, index) => ({
		worker: index,
		state: "ready",
		pid: 100 + index,
		epoch: 1,
		awaited: false,
		drain: false,
		heartbeat: null,
		...worker,
	}));
	return {
		cluster: {
			status: "ok",
			started_at: 1000,
			url: "http://127.0.0.1:8080",
			upstream: null,
			workers: statuses,
		},
		health: { status: "ok", checks: {} },
		load: {
			seconds: 10,
			sessions: 6,
			running: 4,
			queued: 1,
			turns_per_s: 5,
			tokens_per_s: 300,
			p50_ms: 120,
			p99_ms: 900,
			errors: [],
			engines: [
				{ upstream: "http://e:30000", state: "up", breakers_open: 0, requests_per_s: 5, failures_per_s: 0 },
			],
			engine_p50_ms: 100,
			engine_p99_ms: 800,
			late: [],
			workers: new Map(
				workers.flatMap(({ load }, index) => (load === null ? [] : [[index, figures(load)] as const])),
			),
		},
	};
}
const SIZE: FrameOptions = { columns: 80, rows: 24, colours: false, url: "http://u", gone: null, nowS: 8200 };
const rowOf = (text: string, worker: number) =>
	(text.split("\n").find((line) => line.trim().startsWith(`${worker} `)) ?? "").trim().split(/ {2,}/);

describe("the whole view", () => {
	it("has a headline, the load in a few lines, and each worker's figures in a row", () => {
		const text = view(look({}, {}), 8200);
		expect(text.split("\n").slice(0, 4)).toEqual([
			"http://127.0.0.1:8080: ok, 2 of 2 workers ready, up 2h 0m",
			"6 sessions, 4 chats running, 1 queued; 5.0 turns/s, 300 tokens/s",
			"chats p50 120 ms, p99 900 ms; no errors (last 10 s)",
			"engine http://e:30000: up, 5.0 requests/s, 0.0 failed/s, p50 100 ms, p99 800 ms",
		]);
		expect(rowOf(text, 1)).toEqual([
			"1",
			"ready",
			"3",
			"2",
			"1",
			"5.0",
			"120",
			"900",
			"0.2",
			"56",
			"4",
			"180",
			"12",
			"240",
			"45s",
			"101",
		]);
	});

	it("shows a worker that does not tell its figures with its state and none of them", () => {
		const text = view(look({ state: "starting", pid: null, load: null }), 1045);
		expect(text).toContain("http://127.0.0.1:8080: ok, 0 of 1 workers ready, up 45s");
		expect(rowOf(text, 0)).toEqual(["0", "starting", ...Array(14).fill("-")]);
	});

	it("notes what needs a look, and says what health complains of", () => {
		const now = look({
			awaited: true,
			drain: true,
			epoch: 4,
			load: { notes: ["engine unreachable", "2 hard mismatches"] },
		});
		expect(rowOf(view(now, 1000), 0).at(-1)).toBe(
			"replacing, drained, process 4, engine unreachable, 2 hard mismatches",
		);
		now.health = { status: "degraded", version: "9", checks: { store: "low", log: "ok" } };
		expect(view(now, 1000).split("\n").slice(0, 2)).toEqual([
			"http://127.0.0.1:8080 (9): ok, health degraded, 1 of 1 workers ready, up 0s",
			"NOT OK: store low",
		]);
	});
});

describe("a frame", () => {
	const many = look(
		...Array.from({ length: 40 }, (_, at) =>
			at % 7 === 3 ? { epoch: 2, load: { notes: ["12 retries"] } } : {},
		),
	);
	const shownWorkers = (lines: string[]) =>
		lines.flatMap((line) => /^[ >]*(\d+) {2}ready/.exec(line)?.[1] ?? []).map(Number);

	it("fits 80x24 with 40 workers, and scrolls to the selected one", () => {
		const first = frame(many, FIRST_CHOICE, SIZE);
		expect(first.lines).toHaveLength(24);
		expect(shownWorkers(first.lines)).toEqual([...Array(15).keys()]);
		expect(first.lines.at(-1)).toMatch(/^0-14 of 40 · tab page 1\/2 · /);
		const last = frame(many, { ...first.choice, selected: 1000 }, SIZE);
		expect(last.choice.selected).toBe(39);
		expect(shownWorkers(last.lines).at(-1)).toBe(39);
		expect(last.lines.find((line) => line.startsWith(">"))).toMatch(/^> *39 /);
		const back = frame(many, { ...last.choice, selected: 38 }, SIZE);
		expect(back.choice.first).toBe(last.choice.first);
	});

	it("has what does not fit on a second page, with worker and state on each", () => {
		const pages = [0, 1, 2].map((page) => frame(many, { ...FIRST_CHOICE, page }, SIZE));
		const heads = pages.map(({ lines }) => lines.find((line) => line.startsWith("worker")) ?? "");
		expect(heads[0]?.trim().split(/ {2,}/)).toEqual([
			"worker",
			"state",
			"sessions",
			"running",
			"queued",
			"turns/s",
			"p50 ms",
			"p99 ms",
			"err/s",
			"CPU %",
		]);
		expect(heads[1]?.trim().split(/ {2,}/)).toEqual([
			"worker",
			"state",
			"lag ms",
			"RSS MiB",
			"store MiB",
			"turns",
			"up",
			"pid",
		]);
		expect(heads[2]).toBe(heads[0]);
		expect(frame(many, { ...FIRST_CHOICE, page: -1 }, SIZE).choice.page).toBe(1);
		const wide = frame(many, FIRST_CHOICE, { ...SIZE, columns: 200 });
		expect(wide.lines.at(-1)).not.toContain("page");
	});

	it("cuts no note: those that are long go on below their worker", () => {
		const notes = Array.from({ length: 12 }, (_, at) => `${at}000 histories refused`);
		const { lines } = frame(look({}, { load: { notes } }, {}), FIRST_CHOICE, SIZE);
		const at = lines.findIndex((line) => /^ *1 {2}ready/.test(line));
		const end = lines.findIndex((line) => /^ *2 {2}ready/.test(line));
		expect(
			lines
				.slice(at + 1, end)
				.map((line) => line.trim())
				.join(" "),
		).toBe(notes.join(", "));
		expect(end - at).toBeGreaterThan(3);
	});

	it("says in its first line that the cluster is gone, in red where there are colours", () => {
		const gone = { sinceS: 8190, reason: "connect ECONNREFUSED\u001b" };
		const { lines } = frame(look({}), FIRST_CHOICE, { ...SIZE, columns: 120, gone });
		expect(lines[0]).toBe("NO ANSWER from http://u for 10s (connect ECONNREFUSED\\e); what follows is old");
		const red = "\u001b[1;37;41m";
		const colours = { ...SIZE, colours: true };
		expect(frame(look({}), FIRST_CHOICE, { ...colours, gone }).lines[0]?.startsWith(red)).toBe(true);
		expect(frame(look({}), FIRST_CHOICE, colours).lines[0]?.startsWith(red)).toBe(false);
		const ill = look({});
		ill.health = { status: "ok", checks: { engine: "failing" } };
		const shown = frame(ill, FIRST_CHOICE, colours).lines;
		expect(shown[0]?.startsWith(red)).toBe(true);
		expect(shown[1]).toBe("NOT OK: engine failing");
	});

	it("shows all figures of the selected worker", () => {
		const { lines } = frame(
			look({}, { load: { notes: ["3 retries"] } }),
			{ ...FIRST_CHOICE, selected: 1, detail: true },
			SIZE,
		);
		expect(lines).toContain("worker 1: ready");
		expect(lines).toContain("        3 retries");
		expect(lines).toContain("  store MiB  12");
	});

	it("fits any terminal, whatever the workers and the choice", () => {
		const worker = fc.record({
			state: fc.constantFrom("ready", "quarantined", "down"),
			drain: fc.boolean(),
			load: fc.option(
				fc.record({ notes: fc.array(fc.string({ maxLength: 60 }), { maxLength: 4 }), turns: fc.nat() }),
			),
		});
		fc.assert(
			fc.property(
				fc.array(worker, { maxLength: 70 }),
				fc.record({ page: fc.integer(), selected: fc.integer(), first: fc.nat(80), detail: fc.boolean() }),
				fc.record({ columns: fc.integer({ min: 20, max: 250 }), rows: fc.integer({ min: 12, max: 60 }) }),
				(workers, choice, size) => {
					const now = look(...workers);
					const made = frame(now, choice, { ...SIZE, ...size });
					if (size.columns >= 80) expect(made.lines.length).toBeLessThanOrEqual(size.rows);
					for (const line of made.lines) expect(widthOf(line)).toBeLessThanOrEqual(size.columns);
					expect(frame(now, made.choice, { ...SIZE, ...size })).toEqual(made);
				},
			),
		);
	});
});

test.each<[string, Partial<Choice> | "quit"]>([
	["\x1b[B", { selected: 6 }],
	["jj", { selected: 7 }],
	["\x1b[A\x1b[A", { selected: 3 }],
	["kkkkkkkkk", { selected: 0 }],
	["\x1b[6~", { selected: 15 }],
	["\x1b[5~", { selected: 0 }],
	["\x1bOB", { selected: 6 }],
	["g", { selected: 0 }],
	["\t\t", { page: 2 }],
	["\x1b[Z", { page: -1 }],
	["\r", { detail: true }],
	["\r\r", { detail: false }],
	["\x1b[200~\x1b[7;5R?z", {}],
	["jq", "quit"],
	["\x03", "quit"],
])("the keys %j make of the choice %j", (keys, after) => {
	const choice = { ...FIRST_CHOICE, selected: 5 };
	expect(afterKeys(choice, keys)).toEqual(after === "quit" ? after : { ...choice, ...after });
});
