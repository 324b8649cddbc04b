// Rolling restart on real processes: every worker is replaced, nothing fails, a new build is picked up.
import {
	appendFileSync,
	cpSync,
	mkdtempSync,
	readFileSync,
	rmSync,
	symlinkSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type AgentWorld, FaultSession, PATIENCE } from "../faults/agent.js";
import { judge } from "../faults/ledger.js";
import { REPOSITORY, runRollpin } from "../support/run-rollpin.js";
import { ServedCluster } from "../support/served-cluster.js";
import { until, within } from "../support/wait.js";

let dir: string;
let cluster: ServedCluster | undefined;
beforeEach(() => {
	dir = mkdtempSync(join(tmpdir(), "rollpin-reload-"));
});
afterEach(async () => {
	await cluster?.stop();
	cluster = undefined;
	rmSync(dir, { recursive: true, force: true });
});

function serve(...args: string[]): ServedCluster {
	const flags = [
		"--port",
		"0",
		"--backends",
		"2",
		"--log-format",
		"json",
		"--data-dir",
		join(dir, "data"),
		...args,
	];
	cluster = new ServedCluster(flags, { bare: true });
	return cluster;
}

const pids = (it: ServedCluster): unknown[] =>
	[0, 1].map((index) => it.all("worker_ready").findLast(({ worker }) => worker === index)?.["worker_pid"]);

const ask = (content: string, tokens = 8) => ({
	method: "POST",
	headers: { "content-type": "application/json" },
	body: JSON.stringify({ model: "m", max_tokens: tokens, messages: [{ role: "user", content }] }),
});

test("rollpin reload replaces every worker under load; no request fails, every session goes on exactly", async () => {
	const it = serve();
	const { url, routerPid } = await it.ready();
	const before = pids(it);
	const failures: string[] = [];
	const world: AgentWorld = {
		url,
		backends: 2,
		...PATIENCE,
		failed: ({ status, code }) => void failures.push(`${status} ${code}`),
		finding: (text) => void failures.push(text),
		acked: () => undefined,
	};
	let over = false;
	const sessions = Array.from({ length: 6 }, (_, index) => new FaultSession(world, `reload-${index}`, index));
	const load = sessions.map(async (session) => {
		while (!over) await session.turn(8);
	});
	await until("the first turns", 10_000, () => sessions.every(({ ledger }) => ledger.acks.length > 1));
	const said = await runRollpin(["reload", "--data-dir", join(dir, "data")]);
	expect(said).toMatchObject({ code: 0, stderr: "" });
	expect(said.stdout).toContain(`process ${it.primaryPid} replaces its workers`);
	const done = await it.event("reload_done", 30_000);
	const acked = sessions.map(({ ledger }) => ledger.acks.length);
	await until("turns after the reload", 10_000, () =>
		sessions.every(({ ledger }, index) => ledger.acks.length > (acked[index] ?? 0)),
	);
	over = true;
	await Promise.all(load);
	expect(failures).toEqual([]);
	expect(done).toMatchObject({ replaced: 2, workers: 2, failed_worker: null, level: "info" });
	const after = pids(it);
	expect(after.filter((pid) => before.includes(pid))).toEqual([]);
	expect(it.all("router_ready").map((record) => record["router_pid"])).toEqual([routerPid]);
	// Never both at once: the second was drained when the first was back.
	const order = it.records
		.filter(({ event }) => event === "worker_exit" || event === "worker_ready")
		.slice(2)
		.map((record) => `${record.event} ${record["worker"]}`);
	expect(order).toEqual(["worker_exit 0", "worker_ready 0", "worker_exit 1", "worker_ready 1"]);
	for (const session of sessions) {
		const read = await session.read();
		expect(judge(session.ledger, read?.json)).toEqual({ lost: 0, doubled: 0, problems: [] });
	}
}, 60_000);

test("a new build in the place of the old one is what the new workers run", async () => {
	const copy = join(dir, "rollpin");
	for (const part of ["bin", "dist", "checkpoints", "package.json"]) {
		cpSync(join(REPOSITORY, part), join(copy, part), { recursive: true });
	}
	symlinkSync(join(REPOSITORY, "node_modules"), join(copy, "node_modules"));
	const flags = ["--port", "0", "--backends", "1", "--log-format", "json", "--data-dir", join(dir, "data")];
	cluster = new ServedCluster(flags, { bare: true, program: join(copy, "bin", "rollpin.js") });
	const { url } = await cluster.ready();
	const made = (await (await fetch(`${url}/sessions`, { method: "POST" })).json()) as { session_id: string };
	appendFileSync(
		join(copy, "dist", "worker", "child.js"),
		'\nprocess.stderr.write("the new build runs\\n");\n',
	);
	cluster.signal("SIGUSR2");
	expect(await cluster.event("reload_done", 20_000)).toMatchObject({ replaced: 1, failed_worker: null });
	expect(cluster.all("child_output")).toMatchObject([{ stream: "stderr", text: "the new build runs" }]);
	expect((await fetch(`${url}/sessions/${made.session_id}`)).status).toBe(200);
}, 60_000);

test("a successor that cannot start ends the reload: the other worker goes on as it is", async () => {
	const it = serve();
	await it.ready();
	const before = pids(it);
	// The first successor finds a data dir it does not know.
	const format = readFileSync(join(dir, "data", "format.json"));
	writeFileSync(join(dir, "data", "format.json"), '{"format":999,"partitions":64}\n');
	it.signal("SIGUSR2");
	const done = await it.event("reload_done", 20_000);
	expect(done).toMatchObject({ replaced: 0, workers: 2, failed_worker: 0, level: "error" });
	writeFileSync(join(dir, "data", "format.json"), format);
	await it.event("worker_ready", 20_000, (record) => record["worker"] === 0 && Number(record["epoch"]) > 1);
	expect(pids(it)[1]).toBe(before[1]);
}, 60_000);

test("a turn that outlasts the drain time is cut, its session is as before, and those that waited are served", async () => {
	const it = serve("--drain-timeout", "1");
	const { url } = await it.ready();
	await it.sim.script({ gate: "long" });
	const long = fetch(`${url}/sessions/a/v1/chat/completions`, ask("long"));
	await it.sim.arrivedAtGate("long");
	it.signal("SIGUSR2");
	await it.event("reload_started");
	// Sessions of both workers: one of them is being replaced.
	const waiting = ["b", "c", "d", "e"].map((id) =>
		fetch(`${url}/sessions/${id}/v1/chat/completions`, ask("short")),
	);
	const cut = await within("the long turn's end", 10_000, long);
	expect([cut.status, await cut.json()]).toMatchObject([503, { error: { code: "draining" } }]);
	const ended = await it.event("chat_done", 5_000, (record) => record["session_id"] === "a");
	expect(ended).toMatchObject({ status: 503, code: "draining" });
	expect(it.all("proxy_transport_error")).toEqual([]);
	expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual([200, 200, 200, 200]);
	await it.event("reload_done", 20_000);
	await it.sim.reset();
	const told = (await (await fetch(`${url}/sessions/a`)).json()) as { records: unknown[] };
	expect(told.records).toEqual([]);
	expect((await fetch(`${url}/sessions/a/v1/chat/completions`, ask("long"))).status).toBe(200);
}, 60_000);

test("with --store memory a reload is refused: it would lose every session", async () => {
	const it = serve("--store", "memory");
	await it.ready();
	const before = pids(it);
	it.signal("SIGUSR2");
	expect(await it.event("reload_refused")).toMatchObject({ level: "warn" });
	expect(pids(it)).toEqual(before);
	const lost = await runRollpin(["reload", "--data-dir", join(dir, "nowhere")]);
	expect(lost).toMatchObject({ code: 2, stdout: "" });
	expect(lost.stderr).toMatch(/^rollpin: --data-dir: no cluster runs on [^\n]+\n$/);
	// A process that would die of the signal is not sent it.
	const other = await runRollpin(["reload", "--pid", String(it.primaryPid + 1_000_000)]);
	expect(other.stderr).toMatch(/is not a running cluster's primary/);
}, 30_000);
