// A data dir on a disk whose flushes take 300 ms more: acknowledgements wait for it, the workers' loops do not.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, afterEach, expect, test } from "vitest";
import { compilePreload } from "../support/preload.js";
import { ServedCluster } from "../support/served-cluster.js";

/** As in the fixture. */
const FLUSH_DELAY_MS = 300;
const SESSIONS = 8;
const TURNS = 12;
/** Several flushes long: one that held the loop up would show in nearly every interval, not in some of them. */
const HEARTBEAT_S = 1;

const preload = compilePreload("slow-flush");
const root = mkdtempSync(join(tmpdir(), "rollpin-slow-disk-"));
let cluster: ServedCluster | undefined;
afterEach(() => cluster?.stop());
afterAll(() => {
	preload?.remove();
	rmSync(root, { recursive: true, force: true });
});

type Message = { role: string; content: string };

/** The times of one session's chats in milliseconds, each of which must succeed. */
async function playSession(url: string, id: string, turns: number, pauseMs = 0): Promise<number[]> {
	const messages: Message[] = [];
	const timesMs: number[] = [];
	for (let turn = 0; turn < turns; turn++) {
		if (pauseMs > 0) await pause(pauseMs);
		messages.push({ role: "user", content: `turn ${turn}` });
		const startMs = performance.now();
		const reply = await fetch(`${url}/sessions/${id}/v1/chat/completions`, {
			method: "POST",
			headers: { "content-type": "application/json" },
			body: JSON.stringify({ model: "m", max_tokens: 8, messages }),
		});
		expect(reply.status).toBe(200);
		const body = (await reply.json()) as { choices: [{ message: Message }] };
		timesMs.push(performance.now() - startMs);
		messages.push(body.choices[0].message);
	}
	return timesMs;
}

/** By the median of the intervals, since another load on this machine may hold one of them up. */
function expectUnheld(lagsMs: readonly number[]): void {
	expect(lagsMs.length).toBeGreaterThanOrEqual(6);
	const median = lagsMs.toSorted((left, right) => left - right)[Math.floor(lagsMs.length / 2)];
	expect(median).toBeLessThan(50);
}

async function playOnSlowDisk(
	durability: "process" | "power",
): Promise<{ timesMs: number[]; lagsMs: number[] }> {
	const slow = join(root, `${durability}-slow`);
	const data = join(root, durability);
	const flags = ["--port", "0", "--backends", "2", "--log-format", "json", "--data-dir", data];
	cluster = new ServedCluster(
		[...flags, "--durability", durability, "--heartbeat-interval", `${HEARTBEAT_S}`],
		{
			bare: true,
			env: { ...preload?.env, SLOW_FLUSH_FILE: slow },
		},
	);
	const { url } = await cluster.ready();
	const ids = Array.from({ length: SESSIONS }, (_, index) => `session-${index}`);
	await Promise.all(ids.map((id) => playSession(url, `early-${id}`, 1)));
	writeFileSync(slow, "");
	const before = cluster.all("heartbeat").length;
	const timesMs: number[] = [];
	// As many rounds as give enough intervals to look at.
	for (let round = 0; cluster.all("heartbeat").length - before < 8; round++) {
		const play = async (id: string) => {
			// What waits for no flush would keep the processors busy, which is another reason for a lag.
			const played = await playSession(url, id, TURNS, durability === "process" ? FLUSH_DELAY_MS / 3 : 0);
			expect((await fetch(`${url}/sessions/${id}`, { method: "DELETE" })).status).toBe(204);
			return played;
		};
		timesMs.push(...(await Promise.all(ids.map((id) => play(`${id}-${round}`)))).flat());
	}
	const lagsMs = cluster
		.all("heartbeat")
		.slice(before)
		.map((heartbeat) => Number(heartbeat["loop_lag_p99_ms"]));
	rmSync(slow);
	expect(cluster.all("worker_exit")).toEqual([]);
	return { timesMs, lagsMs };
}

test.skipIf(preload === null)(
	"a disk with slow flushes delays every acknowledgement of --durability power, and no worker's loop",
	async () => {
		const { timesMs, lagsMs } = await playOnSlowDisk("power");
		expect(Math.min(...timesMs)).toBeGreaterThanOrEqual(FLUSH_DELAY_MS);
		expectUnheld(lagsMs);
	},
	60_000,
);

test.skipIf(preload === null)(
	"a disk with slow flushes delays no worker's loop of --durability process either",
	async () => {
		const { lagsMs } = await playOnSlowDisk("process");
		expectUnheld(lagsMs);
	},
	60_000,
);
