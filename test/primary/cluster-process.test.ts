// The built primary and router as real processes: start, supervision, drain, and every way to die.
import { type AddressInfo, connect, createServer } from "node:net";
import { afterEach, describe, expect, onTestFinished, test } from "vitest";
import { SAME_SIGNAL_MS } from "../../src/primary/signals.js";
import { clusterConfig } from "../support/cluster-config.js";
import { ClusterProcess, isRunning } from "../support/cluster-process.js";
import { rawRequest } from "../support/raw-client.js";
import { until, within } from "../support/wait.js";

const ON_0 = "00".padEnd(32, "0");
const ON_1 = "01".padEnd(32, "0");

let cluster: ClusterProcess | undefined;
afterEach(async () => {
	await cluster?.stop();
	cluster = undefined;
});

function start(...args: ConstructorParameters<typeof ClusterProcess>): ClusterProcess {
	cluster = new ClusterProcess(...args);
	return cluster;
}

describe("the start", () => {
	test.each([
		["an address that others reach, without a token", { host: "0.0.0.0" }, 1],
		["one with a token", { host: "0.0.0.0", authToken: "t" }, 0],
		["a loopback address", { host: "127.0.0.1" }, 0],
	])("warns of %s: %o, %i times", async (_what, config, times) => {
		const it = start({ backends: 1, ...config });
		await it.ready();
		const warned = it.all("insecure_listen");
		expect(warned).toHaveLength(times);
		for (const record of warned) {
			expect(record).toMatchObject({
				level: "warn",
				host: "0.0.0.0",
				msg: expect.stringContaining("--auth-token-file"),
			});
		}
	});

	test("ends in cluster_ready, a heartbeat of every worker at once, and traffic", async () => {
		const engine = createServer((socket) => socket.on("error", () => undefined).resume());
		await new Promise<void>((resolve) => engine.listen(0, "127.0.0.1", resolve));
		onTestFinished(() => void engine.close());
		const it = start({ upstream: `http://127.0.0.1:${(engine.address() as AddressInfo).port}` });
		const { url, workerPids } = await it.ready();
		for (const [index, pid] of workerPids.entries()) {
			const beat = await it.event("heartbeat", 5_000, (record) => record["worker"] === index);
			expect(beat).toMatchObject({ role: "primary", worker_pid: pid, inflight: 0 });
			expect(beat["rss_mb"]).toBeGreaterThan(10);
			expect(beat["vms_mb"]).toBeGreaterThan(100);
		}
		const health = await until("the engine to be looked at", 5_000, async () => {
			const body = (await (await fetch(`${url}/health`)).json()) as { checks: { engine: string } };
			return body.checks.engine !== "unknown" && body;
		});
		expect(health).toEqual({
			status: "ok",
			version: "0.0.0-test",
			session_server_instance_id: "0123456789abcdef0123456789abcdef",
			workers: { ready: 2, total: 2 },
			partitions_refused: 0,
			upstream: "ok",
			checks: { workers: "ok", engine: "ok", store: "ok", log: "ok", engine_check: "none" },
		});
		expect(await (await fetch(`${url}/sessions/${ON_1}`)).json()).toMatchObject({
			worker: 1,
			pid: workerPids[1],
		});
		const seen = await until("the heartbeats in /cluster", 5_000, async () => {
			const state = (await (await fetch(`${url}/cluster`)).json()) as {
				workers: Array<{ heartbeat: unknown }>;
			};
			return state.workers.every(({ heartbeat }) => heartbeat !== null) && state;
		});
		expect(seen).toMatchObject({ status: "ok", workers: [{ worker: 0, state: "ready" }, { worker: 1 }] });
	});

	test("without an upstream the simulated engine starts first and says so", async () => {
		const it = start({ upstream: null });
		await it.ready();
		expect(await it.event("sim_engine")).toMatchObject({ url: "http://127.0.0.1:1", level: "warn" });
		expect(await it.event("cluster_ready")).toMatchObject({ upstream: "http://127.0.0.1:1" });
	});

	test("on a port that is in use is one line and exit code 1", async () => {
		const taken = createServer();
		await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
		const { port } = taken.address() as AddressInfo;
		const it = start({ port });
		expect(await within("the exit", 5_000, it.exited)).toEqual({ code: 1, signal: null });
		taken.close();
		expect(it.records).toHaveLength(1);
		expect(it.records[0]).toMatchObject({ event: "start_failed", level: "error" });
		expect(it.records[0]?.msg).toContain(`127.0.0.1:${port}: the port is in use (--port)`);
		expect(it.stderr).toBe("");
	});

	test("of a worker that says why it cannot ends the cluster with that line and exit code", async () => {
		const it = start({}, { FIXTURE_WORKER: "failed" });
		expect(await within("the exit", 5_000, it.exited)).toEqual({ code: 2, signal: null });
		expect(it.all("start_failed")).toHaveLength(1);
		expect(it.all("start_failed")[0]).toMatchObject({
			failed_role: "worker",
			msg: "the fixture was told to fail",
		});
	});

	test("goes on without a worker that keeps crashing, and says that it is degraded", async () => {
		const it = start({}, { FIXTURE_WORKER: "crash:1" });
		const { url } = await it.ready();
		expect(await it.event("worker_quarantined")).toMatchObject({ worker: 1, crashes: 5 });
		expect(await it.event("cluster_degraded")).toMatchObject({ ready: 1, total: 2 });
		expect(it.all("worker_exit")[0]).toMatchObject({ worker: 1, exit_code: 3, exit_signal: null });
		expect((await fetch(`${url}/sessions/${ON_1}`)).status).toBe(503);
		expect((await fetch(`${url}/sessions/${ON_0}`)).status).toBe(200);
		const told = await it.event("check_changed", 5_000, (record) => record["check"] === "workers");
		expect(told).toMatchObject({ level: "warn", from: "ok", to: "degraded" });
		expect(told.msg).toContain("worker 1 is quarantined");
		const health = await fetch(`${url}/health`);
		expect(health.status).toBe(200);
		expect(await health.json()).toMatchObject({ status: "degraded", checks: { workers: "degraded" } });
	});

	test("with every worker crashing ends with exit code 1", async () => {
		const it = start({ backends: 1 }, { FIXTURE_WORKER: "crash:0" });
		expect(await within("the exit", 15_000, it.exited)).toEqual({ code: 1, signal: null });
		expect(it.all("start_failed")[0]).toMatchObject({ msg: "every worker keeps dying" });
	});
});

describe("supervision", () => {
	test("a killed worker fails what it was doing at once and is back within two seconds; others notice nothing", async () => {
		const it = start();
		const { url, workerPids } = await it.ready();
		const hanging = fetch(`${url}/sessions/${ON_0}/hang`);
		await until("the request on worker 0", 3_000, async () => (await fetch(`${url}/sessions/${ON_1}`)).ok);
		const atMs = performance.now();
		process.kill(workerPids[0] as number, "SIGKILL");
		const reply = await within("the 502", 1_000, hanging);
		expect(reply.status).toBe(502);
		expect((await fetch(`${url}/sessions/${ON_1}`)).status).toBe(200);
		const back = await until("worker 0 to be back", 2_000, async () => {
			const again = await fetch(`${url}/sessions/${ON_0}`);
			return again.ok && ((await again.json()) as { pid: number; epoch: number });
		});
		expect(performance.now() - atMs).toBeLessThan(2_000);
		expect(back).toMatchObject({ epoch: 2 });
		expect(await it.event("worker_exit")).toMatchObject({
			worker: 0,
			worker_pid: workerPids[0],
			exit_code: null,
			exit_signal: "SIGKILL",
			level: "error",
		});
		expect(it.all("worker_exit")[0]?.msg).toContain("its sessions are lost (--store memory");
	});

	test("a killed router is back within two seconds and the port never refuses", async () => {
		const it = start();
		const { url, port, routerPid } = await it.ready();
		process.kill(routerPid, "SIGKILL");
		// Accepted at once, answered when the successor is ready.
		const reply = await within(
			"an answer over the kill",
			2_000,
			rawRequest(port, `GET /sessions/${ON_0} HTTP/1.1\r\nHost: x\r\n\r\n`),
		);
		expect(reply.status).toBe(200);
		expect(await it.event("router_ready", 2_000, (record) => record["epoch"] === 2)).toBeDefined();
		expect((await fetch(`${url}/sessions/${ON_1}`)).status).toBe(200);
	});

	test("a worker told to end by SIGTERM drains, and its successor starts at once", async () => {
		const it = start();
		const { url, workerPids } = await it.ready();
		const running = fetch(`${url}/sessions/${ON_0}/slow400`);
		await it.event("fixture_request", 5_000, (record) => record["action"] === "slow400");
		process.kill(workerPids[0] as number, "SIGTERM");
		expect((await running).status).toBe(200);
		expect(await it.event("worker_ready", 3_000, (record) => record["epoch"] === 2)).toMatchObject({
			worker: 0,
		});
		expect(it.all("worker_exit")[0]).toMatchObject({ exit_code: 0, level: "info" });
	});

	test("a stopped worker is killed after ten seconds, before its successor starts", async () => {
		const it = start();
		const { url, workerPids } = await it.ready();
		process.kill(workerPids[0] as number, "SIGSTOP");
		const hanging = fetch(`${url}/sessions/${ON_0}`);
		const reply = await within("the answer", 15_000, hanging);
		expect(reply.status).toBe(502);
		await it.event("worker_ready", 3_000, (record) => record["epoch"] === 2);
		const order = it.records
			.filter((record) => record["worker"] === 0 && !["heartbeat"].includes(record.event ?? ""))
			.map(({ event }) => event)
			.filter((event) => event !== "relay_error");
		expect(order).toEqual([
			"worker_spawn",
			"worker_ready",
			"worker_unresponsive",
			"worker_exit",
			"worker_spawn",
			"worker_ready",
		]);
		expect(Number(it.all("worker_unresponsive")[0]?.["silent_ms"])).toBeGreaterThanOrEqual(10_000);
	}, 40_000);

	test("a worker that blocks for five seconds refuses what is over its bound at once, is not killed, and recovers", async () => {
		const { limits } = clusterConfig();
		const it = start({ limits: { ...limits, maxInflightPerWorker: 2 } });
		const { url, workerPids } = await it.ready();
		void fetch(`${url}/sessions/${ON_0}/block`).catch(() => undefined);
		await it.event("fixture_request");
		// The router lets twice the worker's bound run towards it: three more beside the one that blocks.
		const waiting = [1, 2, 3].map(() => fetch(`${url}/sessions/${ON_0}`));
		const refused = await until("a refusal", 2_000, async () => {
			const reply = await Promise.race([
				fetch(`${url}/sessions/${ON_0}`),
				new Promise<null>((resolve) => setTimeout(resolve, 500, null)),
			]);
			return reply !== null && reply.status === 503 && reply;
		});
		expect(await refused.json()).toMatchObject({ error: { code: "worker_unavailable" } });
		expect(refused.headers.get("retry-after")).toBe("1");
		expect((await fetch(`${url}/sessions/${ON_1}`)).status).toBe(200);
		for (const reply of await Promise.all(waiting)) {
			expect(await reply.json()).toMatchObject({ pid: workerPids[0], epoch: 1 });
		}
		expect((await fetch(`${url}/sessions/${ON_0}`)).status).toBe(200);
		expect(it.all("worker_exit")).toHaveLength(0);
	});
});

test("out of file descriptors it says so, refuses, and recovers", async () => {
	const it = start({}, {}, 120);
	const { url, port } = await it.ready();
	const crowd = Array.from({ length: 300 }, () => {
		const socket = connect({ port, host: "127.0.0.1" });
		socket.on("error", () => undefined);
		return socket;
	});
	const said = await it.event("front_port_error", 5_000, (record) => record.code === "EMFILE");
	expect(said.msg).toContain("out of file descriptors (raise the limit: ulimit -n)");
	for (const socket of crowd) socket.destroy();
	await until("service again", 7_000, async () => {
		// Until the crowd's connections are through, this one may be turned away like them.
		const answers = await Promise.allSettled([fetch(`${url}/health`), fetch(`${url}/sessions/${ON_0}`)]);
		return answers.every((answer) => answer.status === "fulfilled" && answer.value.ok);
	});
	expect(it.all("worker_exit")).toHaveLength(0);
	expect(it.all("router_exit")).toHaveLength(0);
}, 20_000);

test("a request that crashes its worker every time ends in quarantine, named in the log; others see no error", async () => {
	const it = start();
	const { url } = await it.ready();
	let over = false;
	const others: number[] = [];
	const load = (async () => {
		while (!over) others.push((await fetch(`${url}/sessions/${ON_1}`)).status);
	})();
	for (let epoch = 1; epoch <= 5; epoch += 1) {
		await it.event("worker_ready", 10_000, (record) => record["worker"] === 0 && record["epoch"] === epoch);
		const crashed = await until("the crash", 5_000, async () => {
			const headers = { "x-request-id": `crash-${epoch}` };
			const reply = await fetch(`${url}/sessions/${ON_0}/crash`, { headers });
			return reply.status === 502 && reply;
		});
		expect(crashed.headers.get("x-request-id")).toBe(`crash-${epoch}`);
	}
	expect(await it.event("worker_quarantined")).toMatchObject({ worker: 0, crashes: 5 });
	expect(await it.event("cluster_degraded")).toMatchObject({ ready: 1, total: 2 });
	const refused = await fetch(`${url}/sessions/${ON_0}`);
	expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "1"]);
	over = true;
	await load;
	expect(others.length).toBeGreaterThan(10);
	expect(others.filter((status) => status !== 200)).toEqual([]);
	// The log names the worker of each crash and the request that was on it.
	const crashed = it.all("relay_error").map((record) => [record["worker"], record["x_request_id"]]);
	expect(crashed).toEqual([1, 2, 3, 4, 5].map((epoch) => [0, `crash-${epoch}`]));
	expect(it.all("worker_exit").map((record) => [record["worker"], record["exit_code"]])).toEqual(
		Array.from({ length: 5 }, () => [0, 7]),
	);
}, 60_000);

describe("the end", () => {
	test.each(["SIGTERM", "SIGINT"] as const)(
		"by %s lets running requests finish and exits 0",
		async (signal) => {
			const it = start();
			const { url, port } = await it.ready();
			const running = fetch(`${url}/sessions/${ON_0}/slow500`);
			await it.event("fixture_request");
			it.signal(signal);
			await it.event("draining");
			await until("the port to refuse", 2_000, () => refuses(port));
			expect((await running).status).toBe(200);
			expect(await within("the exit", 5_000, it.exited)).toEqual({ code: 0, signal: null });
			expect(it.records.at(-1)).toMatchObject({ event: "shutdown", exit_code: 0, killed: 0 });
			expect(it.stderr).toBe("");
		},
	);

	test("begins with the router: no worker ends before it, for a request may be on its way", async () => {
		const it = start();
		const { routerPid, workerPids } = await it.ready();
		// It hears of the end late.
		process.kill(routerPid, "SIGSTOP");
		it.signal("SIGTERM");
		await it.event("draining");
		await new Promise((resolve) => setTimeout(resolve, 300));
		expect(workerPids.every(isRunning)).toBe(true);
		process.kill(routerPid, "SIGCONT");
		expect(await within("the exit", 10_000, it.exited)).toEqual({ code: 0, signal: null });
		const ends = it.records.map(({ event }) => event).filter((event) => event?.endsWith("_exit"));
		expect(ends).toEqual(["router_exit", ...workerPids.map(() => "worker_exit")]);
	});

	test("a request that outlasts the drain time does not hold it up", async () => {
		const it = start({ drainTimeoutMs: 300 });
		const { url } = await it.ready();
		const running = fetch(`${url}/sessions/${ON_0}/hang`).then(
			(reply) => reply.status,
			() => "closed",
		);
		await it.event("fixture_request");
		it.signal("SIGTERM");
		expect(await within("the exit", 3_000, it.exited)).toEqual({ code: 0, signal: null });
		expect(["closed", 502]).toContain(await running);
	});

	test("a second signal ends it at once", async () => {
		const it = start({ drainTimeoutMs: 20_000 });
		const { url, workerPids, routerPid } = await it.ready();
		void fetch(`${url}/sessions/${ON_0}/hang`).catch(() => undefined);
		await it.event("fixture_request");
		it.signal("SIGINT");
		const drainingMs = Date.parse(String((await it.event("draining"))["time"]));
		// Sooner it would count as npm's echo of the first.
		await until("half a second", 2_000, () => Date.now() - drainingMs > SAME_SIGNAL_MS + 100);
		it.signal("SIGINT");
		expect(await within("the exit", 1_000, it.exited)).toEqual({ code: 130, signal: null });
		await until("no child left", 2_000, () => ![...workerPids, routerPid].some(isRunning));
	});

	test("a killed primary takes every child with it within two seconds", async () => {
		const it = start();
		const { workerPids, routerPid } = await it.ready();
		it.signal("SIGKILL");
		await until("no child left", 2_000, () => ![...workerPids, routerPid].some(isRunning));
	});

	test("Ctrl-C reaches the whole process group, and it is still an ordered end", async () => {
		const it = start();
		const { url, workerPids, routerPid } = await it.ready();
		const running = fetch(`${url}/sessions/${ON_0}/slow400`);
		await it.event("fixture_request");
		for (const pid of [...workerPids, routerPid, it.child.pid as number]) process.kill(pid, "SIGINT");
		expect((await running).status).toBe(200);
		expect(await within("the exit", 5_000, it.exited)).toEqual({ code: 0, signal: null });
	});
});

function refuses(port: number): Promise<boolean> {
	return new Promise((resolve) => {
		const socket = connect({ port, host: "127.0.0.1" });
		socket.on("connect", () => {
			socket.destroy();
			resolve(false);
		});
		socket.on("error", () => resolve(true));
	});
}
