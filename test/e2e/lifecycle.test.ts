// How a cluster of real processes ends, and what it survives: signals, Ctrl-C, kills, clients that leave.
import { once } from "node:events";
import { existsSync } from "node:fs";
import { connect } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { SAME_SIGNAL_MS } from "../../src/primary/signals.js";
import { isRunning } from "../support/cluster-process.js";
import { rawRequest } from "../support/raw-client.js";
import { runRollpin } from "../support/run-rollpin.js";
import { allGone, type ReadyCluster, ServedCluster, type ServeOptions } from "../support/served-cluster.js";
import { until, within } from "../support/wait.js";

const running: ServedCluster[] = [];

afterEach(async () => {
	for (const cluster of running.splice(0)) await cluster.stop();
});

async function start(
	args: readonly string[] = [],
	options: ServeOptions = {},
): Promise<{ cluster: ServedCluster; at: ReadyCluster }> {
	const cluster = new ServedCluster(args, options);
	running.push(cluster);
	return { cluster, at: await cluster.ready() };
}

/** A session on each worker, as minted ids would be: the first two digits are the partition. */
const ON_0 = "00aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const ON_1 = "01aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

interface Answer {
	status: number;
	code: string | null;
	/** The socket ended without an answer. */
	cut: boolean;
	retryAfter: string | null;
}

async function chat(url: string, id: string, text = "hello", init: RequestInit = {}): Promise<Answer> {
	try {
		const reply = await fetch(`${url}/sessions/${id}/v1/chat/completions`, {
			method: "POST",
			headers: { "content-type": "application/json" },
			body: JSON.stringify({ model: "m", messages: [{ role: "user", content: text }], max_tokens: 8 }),
			...init,
		});
		const body = (await reply.json()) as { error?: { code: string } };
		return {
			status: reply.status,
			code: body.error?.code ?? null,
			cut: false,
			retryAfter: reply.headers.get("retry-after"),
		};
	} catch (error) {
		if (!(error instanceof TypeError)) throw error;
		return { status: 0, code: null, cut: true, retryAfter: null };
	}
}

/** Two seconds; on a machine that is busy with other things, four times what the first start took. */
function successorMs(cluster: ServedCluster, event: "router_ready" | "worker_ready"): number {
	return Math.max(2_000, 4 * Number(cluster.all(event)[0]?.after_ms));
}

/** A chat that the engine holds until `release`. */
async function heldChat(cluster: ServedCluster, url: string, id: string): Promise<Promise<Answer>[]> {
	await cluster.sim.script({ gate: "held", match: { header: { name: "x-smg-routing-key", value: id } } });
	const answer = chat(url, id);
	await cluster.sim.arrivedAtGate("held");
	// In a list: an async function would wait for it.
	return [answer];
}

async function turnsOf(url: string, id: string): Promise<number> {
	const reply = await fetch(`${url}/sessions/${id}`);
	const text = await reply.text();
	if (reply.status !== 200) throw new Error(`GET /sessions/${id} answered ${reply.status}: ${text}`);
	return (JSON.parse(text) as { records: unknown[] }).records.length;
}

interface Connection {
	heard: string;
	/** Resolves when the server has closed it. */
	closed: Promise<void>;
	write(text: string): void;
}

async function openConnection(port: number): Promise<Connection> {
	const socket = connect({ port, host: "127.0.0.1" });
	await within("a connection", 3_000, once(socket, "connect"));
	const connection: Connection = {
		heard: "",
		closed: new Promise((resolve) => socket.once("close", () => resolve())),
		write: (text) => void socket.write(text),
	};
	socket.setEncoding("latin1").on("data", (piece: string) => {
		connection.heard += piece;
	});
	socket.on("error", () => undefined);
	return connection;
}

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

async function expectCleanEnd(cluster: ServedCluster, at: ReadyCluster): Promise<void> {
	expect(await within("the exit", 5_000, cluster.exited)).toEqual({ code: 0, signal: null });
	expect(cluster.all("shutdown").at(-1)).toMatchObject({ exit_code: 0, killed: 0 });
	expect(cluster.strayLines).toEqual([]);
	expect(cluster.stderr).toBe("");
	expect(cluster.leftovers()).toEqual([]);
	await allGone(at.childPids, 2_000);
}

describe("an ordered end", () => {
	test.each(["SIGTERM", "SIGINT"] as const)(
		"%s: the running chat gets its answer, nothing new is taken, exit code 0",
		async (signal) => {
			const { cluster, at } = await start();
			const [answer] = await heldChat(cluster, at.url, ON_0);
			// Two connections that were there before: an idle one, and one in the middle of a request's head.
			const idle = await openConnection(at.port);
			const busy = await openConnection(at.port);
			const balancer = await openConnection(at.port);
			for (const connection of [idle, busy, balancer]) {
				connection.write("GET /health HTTP/1.1\r\nHost: x\r\n\r\n");
				await until("health", 3_000, () => connection.heard.includes('"status":"ok"'));
			}
			busy.write(`GET /sessions/${ON_1} HTTP/1.1\r\n`);
			balancer.write("GET /ready HTTP/1.1\r\n");
			cluster.signal(signal);
			expect(await cluster.event("draining")).toMatchObject({ signal, timeout_ms: 30_000 });
			await until("the port to refuse", 2_000, () => refuses(at.port));
			await within("the idle connection to be closed", 3_000, idle.closed);
			// For whoever comes now there is no cluster.
			expect((await runRollpin(["status", "--url", at.url])).code).toBe(2);
			balancer.write("Host: x\r\n\r\n");
			await within("the answer to the balancer", 3_000, balancer.closed);
			expect(balancer.heard).toMatch(/HTTP\/1\.1 503 .*the cluster is shutting down/s);
			busy.write("Host: x\r\n\r\n");
			await within("the end of the busy connection", 3_000, busy.closed);
			expect(busy.heard).toMatch(/HTTP\/1\.1 503 .*\r\n(?:.*\r\n)*retry-after: \d+\r\n/i);
			expect(busy.heard).toContain('"code":"draining"');
			await cluster.sim.release("held");
			expect(await answer).toMatchObject({ status: 200 });
			await expectCleanEnd(cluster, at);
			expect(cluster.all("chat_done")).toHaveLength(1);
		},
	);

	test("a chat that outlasts --drain-timeout is cut, and still has its chat_done", async () => {
		const { cluster, at } = await start(["--drain-timeout", "0.5"]);
		const [answer] = await heldChat(cluster, at.url, ON_0);
		cluster.signal("SIGTERM");
		expect(await within("the exit", 4_000, cluster.exited)).toEqual({ code: 0, signal: null });
		expect(await answer).toMatchObject({ status: 503, code: "draining", retryAfter: "5" });
		expect(cluster.all("chat_start")).toHaveLength(1);
		expect(cluster.all("chat_done")).toMatchObject([{ status: 503, code: "draining" }]);
		expect(cluster.all("proxy_transport_error")).toEqual([]);
		await allGone(at.childPids, 2_000);
		expect(cluster.leftovers()).toEqual([]);
	});

	test("a second signal ends it at once, with the shell's exit code for it", async () => {
		const { cluster, at } = await start();
		const [answer] = await heldChat(cluster, at.url, ON_0);
		cluster.signal("SIGTERM");
		const first = await cluster.event("draining");
		const firstMs = Date.parse(String(first["time"]));
		// Within half a second it would count as the same Ctrl-C: npm hands the signal on once more.
		await until("half a second since the first", 2_000, () => Date.now() - firstMs > SAME_SIGNAL_MS + 100);
		cluster.signal("SIGTERM");
		expect(await within("the exit", 1_000, cluster.exited)).toEqual({ code: 143, signal: null });
		expect(((await answer) as Answer).cut).toBe(true);
		await allGone(at.childPids, 2_000);
		expect(cluster.leftovers()).toEqual([]);
	});

	test("Ctrl-C reaches every process of the group; it is still an ordered end", async () => {
		const { cluster, at } = await start();
		const [answer] = await heldChat(cluster, at.url, ON_0);
		cluster.signalGroup("SIGINT");
		await cluster.event("draining");
		await cluster.sim.release("held");
		expect(await answer).toMatchObject({ status: 200 });
		await expectCleanEnd(cluster, at);
	});

	test.each(["sh", "bash"].filter((shell) => existsSync(`/bin/${shell}`)))(
		"Ctrl-C under npm start (%s) counts once, however often it comes",
		async (shell) => {
			// Where the shell replaces itself by the program, as bash does, npm's own signal reaches the program, too.
			const { cluster, at } = await start([], { throughNpm: true, env: { npm_config_script_shell: shell } });
			const [answer] = await heldChat(cluster, at.url, ON_0);
			cluster.signalGroup("SIGINT");
			await cluster.event("draining");
			await cluster.sim.release("held");
			expect(await answer).toMatchObject({ status: 200 });
			await until("the shutdown record", 5_000, () => cluster.all("shutdown").length > 0);
			expect(cluster.all("shutdown")).toMatchObject([{ exit_code: 0, reason: "SIGINT", killed: 0 }]);
			await within("npm to end", 5_000, cluster.exited);
			await allGone([cluster.primaryPid, ...at.childPids], 2_000);
		},
	);
});

describe("kill -9", () => {
	test("of the primary: every child is gone within two seconds and leaves nothing behind", async () => {
		const { cluster, at } = await start();
		const [answer] = await heldChat(cluster, at.url, ON_0);
		cluster.signal("SIGKILL");
		await allGone(at.childPids, 2_000);
		// Cut, unless the engine was gone first and its end was still answered.
		const { cut, status } = (await answer) as Answer;
		expect(cut || status >= 500).toBe(true);
		expect(cluster.leftovers()).toEqual([]);
	});

	test("of the router: the port never refuses, and every session answers again within two seconds", async () => {
		const { cluster, at } = await start();
		expect((await chat(at.url, ON_0)).status).toBe(200);
		let refused = 0;
		let watching = true;
		const watch = (async () => {
			while (watching) {
				if (await refuses(at.port)) refused++;
				// A pace, so that these do not fill the queue of connections that wait for a router.
				await new Promise((resolve) => setTimeout(resolve, 10));
			}
		})();
		process.kill(at.routerPid, "SIGKILL");
		const request = `GET /sessions/${ON_0} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`;
		const soonMs = successorMs(cluster, "router_ready");
		const reply = await within("an answer over the kill", soonMs, rawRequest(at.port, request));
		watching = false;
		await watch;
		expect(reply.status).toBe(200);
		expect(refused).toBe(0);
		expect(await turnsOf(at.url, ON_0)).toBe(1);
		expect(await cluster.event("router_exit")).toMatchObject({ exit_signal: "SIGKILL", level: "error" });
		expect((await chat(at.url, ON_1)).status).toBe(200);
		expect(at.workerPids.every(isRunning)).toBe(true);
	});

	test("of a worker: its chat fails at once, others see no error, its successor serves within two seconds", async () => {
		const { cluster, at } = await start();
		const [answer] = await heldChat(cluster, at.url, ON_0);
		const others: number[] = [];
		let load = true;
		const loading = (async () => {
			for (let i = 0; load; i++) {
				const id = `01bbbbbbbbbbbbbbbbbbbbbbbbbbb${String(i).padStart(3, "0")}`;
				others.push((await chat(at.url, id)).status);
			}
		})();
		await until("others to be served", 5_000, () => others.length > 2);
		const soonMs = successorMs(cluster, "worker_ready");
		const killedMs = performance.now();
		process.kill(at.workerPids[0] as number, "SIGKILL");
		expect(await within("the answer", 1_000, answer as Promise<Answer>)).toMatchObject({
			status: 502,
			code: "worker_unavailable",
		});
		await until("worker 0 to serve again", soonMs, async () => {
			const { status } = await chat(at.url, "00cccccccccccccccccccccccccccccc");
			return status === 200;
		});
		expect(performance.now() - killedMs).toBeLessThan(soonMs);
		load = false;
		await loading;
		expect(new Set(others)).toEqual(new Set([200]));
		// Nothing half-committed: --store memory knows nothing of it any more.
		expect(await turnsOf(at.url, ON_0)).toBe(0);
		// Its engine request went with it.
		await cluster.sim.waitForCounter("cancelled", { atLeast: 1 });
		expect(await cluster.event("worker_exit")).toMatchObject({ worker: 0, exit_signal: "SIGKILL" });
	});

	test("of the simulated engine: chats fail in words and the cluster goes on with its successor", async () => {
		const { cluster, at } = await start();
		const [answer] = await heldChat(cluster, at.url, ON_0);
		process.kill(at.simPid as number, "SIGKILL");
		expect(await within("the answer", 2_000, answer as Promise<Answer>)).toMatchObject({ status: 502 });
		await cluster.event("sim_ready", 5_000, (record) => record["epoch"] === 2);
		await until("a chat to succeed", 5_000, async () => (await chat(at.url, ON_0)).status === 200);
		expect(await turnsOf(at.url, ON_0)).toBe(1);
	});
});

describe("a client that leaves", () => {
	test("during a chat ends the engine's work, through router and worker; the session stays as it was", async () => {
		const { cluster, at } = await start();
		expect((await chat(at.url, ON_0)).status).toBe(200);
		await cluster.sim.script({ gate: "left" });
		const client = new AbortController();
		const answer = fetch(`${at.url}/sessions/${ON_0}/v1/chat/completions`, {
			method: "POST",
			headers: { "content-type": "application/json" },
			body: JSON.stringify({ messages: [{ role: "user", content: "again" }] }),
			signal: client.signal,
		}).then(
			() => "answered",
			() => "left",
		);
		await cluster.sim.arrivedAtGate("left");
		client.abort();
		expect(await answer).toBe("left");
		await cluster.sim.waitForCounter("cancelled", { atLeast: 1 }, 3_000);
		expect(await cluster.event("chat_done", 3_000, ({ status }) => status === 499)).toMatchObject({
			code: "client_gone",
		});
		expect(await turnsOf(at.url, ON_0)).toBe(1);
		expect((await cluster.sim.counters()).inFlight).toBe(0);
	});
});
