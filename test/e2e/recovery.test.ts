// What a new start finds after the whole cluster was killed: sessions, tombstones and deadlines, before any traffic.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { allGone, ServedCluster } from "../support/served-cluster.js";
import { until } from "../support/wait.js";

let dir: string;
let clusters: ServedCluster[];
beforeEach(() => {
	dir = mkdtempSync(join(tmpdir(), "rollpin-recovery-"));
	clusters = [];
});
afterEach(async () => {
	for (const cluster of clusters) await cluster.stop();
	rmSync(dir, { recursive: true, force: true });
});

function serve(backends: number): ServedCluster {
	const data = ["--data-dir", join(dir, "data"), "--backends", String(backends)];
	const flags = ["--port", "0", "--log-format", "json", ...data];
	const cluster = new ServedCluster(flags, { bare: true });
	clusters.push(cluster);
	return cluster;
}

async function create(url: string, ttl: number): Promise<string> {
	const body = JSON.stringify({ ttl_seconds: ttl });
	const headers = { "content-type": "application/json" };
	const made = await fetch(`${url}/sessions`, { method: "POST", headers, body });
	return ((await made.json()) as { session_id: string }).session_id;
}

const chat = (url: string, id: string, text: string): Promise<Response> =>
	fetch(`${url}/sessions/${id}/v1/chat/completions`, {
		method: "POST",
		headers: { "content-type": "application/json" },
		body: JSON.stringify({ model: "m", max_tokens: 8, messages: [{ role: "user", content: text }] }),
	});

const read = async (url: string, id: string): Promise<{ status: number; json: Record<string, unknown> }> => {
	const reply = await fetch(`${url}/sessions/${id}`);
	return { status: reply.status, json: (await reply.json()) as Record<string, unknown> };
};

test.each([
	["the primary", (it: ServedCluster) => it.signal("SIGKILL"), 2],
	["everything at once", (it: ServedCluster) => it.signalGroup("SIGKILL"), 3],
] as const)(
	"kill -9 of %s loses no session, no tombstone and no deadline",
	async (_what, kill, backends) => {
		const first = serve(2);
		const { url, childPids } = await first.ready();
		const lives = await create(url, 3_600);
		const short = await create(url, 8);
		const deleted = await create(url, 3_600);
		for (const id of [lives, short, deleted]) expect((await chat(url, id, "one")).status).toBe(200);
		expect((await fetch(`${url}/sessions/${deleted}`, { method: "DELETE" })).status).toBe(204);
		const before = await read(url, lives);
		const shortEnds = endOf((await read(url, short)).json);
		kill(first);
		await allGone(childPids, 5_000);
		await until("the short session's deadline", 15_000, () => Date.now() / 1000 > shortEnds);

		const again = serve(backends);
		const second = (await again.ready()).url;
		// The first request after the start: it must find the deadline enforced already.
		const expired = await read(second, short);
		expect(expired.status).toBe(404);
		expect(expired.json).toMatchObject({ error: { code: "session_expired" } });
		const gone = await read(second, deleted);
		expect(gone.status).toBe(404);
		expect(gone.json).toMatchObject({ error: { code: "session_deleted" } });
		expect((await chat(second, deleted, "again")).status).toBe(404);
		const after = await read(second, lives);
		expect(after.json["records"]).toEqual(before.json["records"]);
		expect(after.json["metadata"]).toEqual(before.json["metadata"]);
		expect(endOf(after.json)).toBe(endOf(before.json));
	},
	60_000,
);

function endOf(told: Record<string, unknown>): number {
	return Number((told["session"] as { expires_at: number }).expires_at);
}
