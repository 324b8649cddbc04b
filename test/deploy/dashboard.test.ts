// The dashboard of deploy/grafana against a real Prometheus that scraped a real run: each of its queries has data.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { METRIC_ROWS } from "../../src/telemetry/metrics/table.js";
import { hasProgram } from "../support/prometheus.js";
import { REPOSITORY } from "../support/run-rollpin.js";
import { ServedCluster } from "../support/served-cluster.js";
import { until } from "../support/wait.js";

interface Panel {
	type: string;
	title: string;
	targets?: Array<{ expr: string }>;
}
const dashboard = JSON.parse(readFileSync(join(REPOSITORY, "deploy/grafana/rollpin.json"), "utf8")) as {
	panels: Panel[];
};
const queries = dashboard.panels.flatMap(({ title, targets = [] }) =>
	targets.map(({ expr }) => ({ title, expr })),
);

const PROMETHEUS = hasProgram("prometheus");
const directory = mkdtempSync(join(tmpdir(), "rollpin-prometheus-"));
let cluster: ServedCluster | undefined;
let prometheus: ChildProcess | undefined;
let said = "";
let api = "";

beforeAll(async () => {
	if (!PROMETHEUS) return;
	const own = ["--data-dir", join(directory, "sessions"), "--sandbox", "local"];
	cluster = new ServedCluster(["--port", "0", "--backends", "2", ...own], { bare: true });
	const { port, url } = await cluster.ready();
	const original = readFileSync(join(REPOSITORY, "deploy/prometheus/prometheus.yml"), "utf8");
	const config = original.replaceAll("15s", "1s").replace("127.0.0.1:8080", `127.0.0.1:${port}`);
	writeFileSync(join(directory, "prometheus.yml"), config);
	writeFileSync(join(directory, "rules.yml"), readFileSync(join(REPOSITORY, "deploy/prometheus/rules.yml")));
	const listen = `127.0.0.1:${await freePort()}`;
	prometheus = spawn("prometheus", [
		`--config.file=${join(directory, "prometheus.yml")}`,
		`--storage.tsdb.path=${join(directory, "tsdb")}`,
		`--web.listen-address=${listen}`,
	]);
	prometheus.stderr?.setEncoding("utf8").on("data", (piece: string) => {
		said += piece;
	});
	api = `http://${listen}/api/v1`;
	await work(url);
	// A rate needs two scrapes with the same series.
	await until("four scrapes of work", 60_000, async () => {
		await work(url);
		const [sample] = await ask('count_over_time(rollpin_build_info{instance!=""}[1m])');
		const [refused] = await ask("min (count_over_time(rollpin_engine_seconds_count[1m]))");
		return Number(sample?.value[1]) >= 4 && Number(refused?.value[1]) >= 4;
	});
}, 120_000);
afterAll(async () => {
	prometheus?.kill("SIGKILL");
	await cluster?.stop();
	rmSync(directory, { recursive: true, force: true });
});

function freePort(): Promise<number> {
	return new Promise((resolve) => {
		const server = createServer().listen(0, "127.0.0.1", () => {
			const address = server.address();
			server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
		});
	});
}

/** A few chats on either worker, a path that is refused, a sandbox with one command. */
async function work(url: string): Promise<void> {
	for (const id of ["a", "b", "c", "d"]) {
		await fetch(`${url}/sessions/${id}/v1/chat/completions`, {
			method: "POST",
			headers: { "content-type": "application/json" },
			body: JSON.stringify({ model: "m", max_tokens: 2, messages: [{ role: "user", content: "hello" }] }),
		}).then((reply) => reply.arrayBuffer());
	}
	await fetch(`${url}/nothing`).then((reply) => reply.arrayBuffer());
	const json = { method: "POST", headers: { "content-type": "application/json" } };
	const made = await fetch(`${url}/sessions`, { ...json, body: '{"sandbox":{"ttl_seconds":60}}' });
	expect(made.status).toBe(200);
	const { session_id: id } = (await made.json()) as { session_id: string };
	const ran = await fetch(`${url}/sessions/${id}/sandbox/exec`, { ...json, body: '{"cmd":"true"}' });
	expect(await ran.json()).toMatchObject({ exit_code: 0 });
	await fetch(`${url}/sessions/${id}`, { method: "DELETE" });
}

async function ask(query: string): Promise<Array<{ value: [number, string] }>> {
	const reply = await fetch(`${api}/query?${new URLSearchParams({ query })}`).catch(() => null);
	if (reply === null) return [];
	const body = (await reply.json()) as { status: string; error?: string; data?: { result: [] } };
	if (body.status !== "success") throw new Error(`${query}: ${body.error} ${said}`);
	return body.data?.result ?? [];
}

it("has a query on every part of a cluster, and of metrics of the table only", () => {
	expect(queries.length).toBeGreaterThan(30);
	const known = new Set<string>(METRIC_ROWS.map(([name]) => name));
	const named = queries.flatMap(({ expr }) =>
		[...expr.matchAll(/\brollpin_(\w+?)(?:_bucket|_sum|_count)?\{/g)].map(([, name]) => name),
	);
	expect(named.filter((name) => !known.has(name as string))).toEqual([]);
	const unseen = [...known].filter((name) => !named.includes(name));
	expect(unseen).toEqual(["build_info", "worker_requests_total", "scrapes_missed_total"]);
});

it.skipIf(!PROMETHEUS).each(queries)("$title: $expr has data", async ({ expr }) => {
	const query = expr.replaceAll("$__rate_interval", "1m").replaceAll("$instance", ".*");
	const found = await ask(query);
	// Of some kinds of path there may have been no request.
	expect(found.filter(({ value }) => value[1] !== "NaN")).not.toEqual([]);
});
