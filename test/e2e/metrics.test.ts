// GET /metrics of a real cluster: what was done is what was counted, by the rules of Prometheus, and no process holds it up.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hasProgram, promtool } from "../support/prometheus.js";
import { ServedCluster } from "../support/served-cluster.js";
import { until } from "../support/wait.js";

const PROMTOOL = hasProgram("promtool");

let cluster: ServedCluster;
let url = "";
let workerPids: number[] = [];
beforeAll(async () => {
	cluster = new ServedCluster(
		["--port", "0", "--backends", "2", "--log-format", "json", "--store", "memory"],
		{
			bare: true,
		},
	);
	({ url, workerPids } = await cluster.ready());
}, 60_000);
afterAll(() => cluster.stop());

/** By name and labels, as they stand in the text. */
async function scrape(): Promise<{ text: string; values: Map<string, number> }> {
	const text = await (await fetch(`${url}/metrics`)).text();
	const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
	const values = lines.map((line) => {
		const at = line.lastIndexOf(" ");
		return [line.slice(0, at), Number(line.slice(at + 1))] as const;
	});
	return { text, values: new Map(values) };
}

/** A scrape in which those who tell these are: on a busy machine somebody may be late. */
function scrapeWith(...beginnings: string[]): Promise<{ text: string; values: Map<string, number> }> {
	return until(`a scrape with ${beginnings.join(", ")}`, 20_000, async () => {
		const found = await scrape();
		const names = [...found.values.keys()];
		return beginnings.every((beginning) => names.some((name) => name.startsWith(beginning))) && found;
	});
}
const OF_PRIMARY = "rollpin_build_info";
const ofWorker = (index: number) => `rollpin_turns_total{worker="${index}"}`;

/** The sum over all samples that begin so. */
function sumOf(values: Map<string, number>, beginning: string): number {
	return [...values].reduce((sum, [name, value]) => (name.startsWith(beginning) ? sum + value : sum), 0);
}

async function chat(id: string, content: string): Promise<number> {
	const reply = await fetch(`${url}/sessions/${id}/v1/chat/completions`, {
		method: "POST",
		headers: { "content-type": "application/json" },
		body: JSON.stringify({ model: "m", max_tokens: 4, messages: [{ role: "user", content }] }),
	});
	await reply.arrayBuffer();
	return reply.status;
}

/** Sessions of either worker. */
const IDS = ["a", "b", "c", "d", "e", "f", "g", "h"];

describe("GET /metrics", () => {
	it("counts what was done, where it was done, and the sums are right", async () => {
		for (const id of IDS) expect(await chat(id, "one")).toBe(200);
		expect(await chat("a", "two")).toBe(200);
		await fetch(`${url}/sessions/b`, { method: "DELETE" });
		expect((await fetch(`${url}/nothing`)).status).toBe(404);
		const { values } = await scrapeWith(OF_PRIMARY, ofWorker(0), ofWorker(1));
		expect(sumOf(values, "rollpin_turns_total{")).toBe(9);
		expect(values.get('rollpin_turns_total{worker="0"}')).toBeGreaterThan(0);
		expect(values.get('rollpin_turns_total{worker="1"}')).toBeGreaterThan(0);
		expect(sumOf(values, 'rollpin_chats_total{status="200",code=""')).toBe(9);
		expect(sumOf(values, 'rollpin_chat_phase_seconds_count{phase="total"')).toBe(9);
		expect(sumOf(values, "rollpin_completion_tokens_total{")).toBe(36);
		expect(sumOf(values, 'rollpin_rollbacks_total{kind="reworded"')).toBe(1);
		expect(sumOf(values, "rollpin_sessions{")).toBe(7);
		expect(sumOf(values, "rollpin_sessions_created_total{")).toBe(8);
		expect(sumOf(values, 'rollpin_sessions_ended_total{reason="deleted"')).toBe(1);
		expect(sumOf(values, "rollpin_engine_requests_total{")).toBe(9);
		const route = "/sessions/{id}/v1/chat/completions";
		expect(values.get(`rollpin_http_requests_total{route="${route}",method="POST",status="200"}`)).toBe(9);
		expect(values.get(`rollpin_http_request_seconds_count{route="${route}"}`)).toBe(9);
		expect(values.get('rollpin_refused_total{code="not_found",role="router"}')).toBe(1);
		expect(values.get('rollpin_workers{state="ready"}')).toBe(2);
		expect(sumOf(values, "process_cpu_seconds_total{")).toBeGreaterThan(0);
		expect([...values.keys()].filter((name) => name.startsWith("process_start_time_seconds"))).toHaveLength(
			4,
		);
	});

	it.skipIf(!PROMTOOL)("is what promtool check metrics has nothing to say of", async () => {
		expect(
			promtool(["check", "metrics"], (await scrapeWith(OF_PRIMARY, ofWorker(0), ofWorker(1))).text),
		).toEqual({ code: 0, output: "" });
	});

	it("goes without a worker that does not answer, and counts that", async () => {
		process.kill(workerPids[0] as number, "SIGSTOP");
		try {
			const { values } = await scrapeWith(ofWorker(1));
			expect(values.has(ofWorker(0))).toBe(false);
		} finally {
			process.kill(workerPids[0] as number, "SIGCONT");
		}
		const { values } = await scrapeWith(OF_PRIMARY, ofWorker(0));
		expect(values.get('rollpin_scrapes_missed_total{process="worker 0",role="primary"}')).toBeGreaterThan(0);
	});

	it("begins a worker's counts at 0 with its next process, under the same labels, and counts the restart", async () => {
		process.kill(workerPids[1] as number, "SIGKILL");
		await cluster.event("worker_ready", 30_000, ({ epoch, worker }) => worker === 1 && epoch === 2);
		const { values } = await scrapeWith(OF_PRIMARY, ofWorker(1));
		expect(values.get(ofWorker(1))).toBe(0);
		expect(values.get('rollpin_worker_restarts_total{reason="crash"}')).toBe(1);
		expect(values.get('rollpin_worker_restarts_total{reason="planned"}')).toBe(0);
	});
});
