// Starts that cannot work end in one line and the right exit code; an engine that is not there yet is only a warning.
import { cpSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { packageRoot } from "../../src/base/package-root.js";
import { listensFor } from "../../src/data-dir/running-primary.js";
import { startSimEngine } from "../../src/sim/server.js";
import type { LogRecord } from "../support/cluster-process.js";
import { REPOSITORY, runRollpin } from "../support/run-rollpin.js";
import { ServedCluster } from "../support/served-cluster.js";
import { until } from "../support/wait.js";

const TOY = join(packageRoot(), "checkpoints", "toy");

let cluster: ServedCluster | undefined;
let dir: string | undefined;
afterEach(async () => {
	await cluster?.stop();
	cluster = undefined;
	if (dir !== undefined) rmSync(dir, { recursive: true, force: true });
	dir = undefined;
});

/** The records of a start that failed, which must be one of level error, with nothing on stderr. */
async function failedStart(args: string[]): Promise<{ code: number | null; errors: LogRecord[] }> {
	const { code, stdout, stderr } = await runRollpin(["serve", "--log-format", "json", ...args]);
	expect(stderr).toBe("");
	const records = stdout
		.trimEnd()
		.split("\n")
		.map((line) => JSON.parse(line) as LogRecord);
	return { code, errors: records.filter(({ level }) => level === "error") };
}

describe("a start that cannot work", () => {
	test("because the port is in use says so in one line, before anything is started", async () => {
		const server = createServer();
		await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
		const { port } = server.address() as AddressInfo;
		try {
			const { code, stdout, stderr } = await runRollpin(["serve", "--store", "memory", "--port", `${port}`]);
			expect(code).toBe(1);
			expect(stderr).toBe("");
			expect(stdout.trimEnd().split("\n")).toHaveLength(1);
			expect(JSON.parse(stdout)).toMatchObject({
				event: "start_failed",
				level: "error",
				msg: `cannot listen on 127.0.0.1:${port}: the port is in use (--port); stop what uses it or choose another, 0 for any`,
			});
		} finally {
			await new Promise((resolve) => server.close(resolve));
		}
	});

	test("because no directory for sockets can be made says so in one line, and leaves the data dir free", async () => {
		dir = mkdtempSync(join(tmpdir(), "rollpin-no-tmp-"));
		const args = ["serve", "--log-format", "json", "--port", "0", "--data-dir", join(dir, "data")];
		const { code, stdout, stderr } = await runRollpin(args, { env: { TMPDIR: join(dir, "nowhere") } });
		expect([code, stderr]).toEqual([2, ""]);
		expect(stdout.trimEnd().split("\n")).toHaveLength(1);
		expect(JSON.parse(stdout)).toMatchObject({
			event: "start_failed",
			msg: `no directory for the workers' sockets can be made in ${dir}/nowhere (ENOENT); set TMPDIR to one that this user may write`,
		});
		expect(readdirSync(join(dir, "data"))).not.toContain("lock");
	});

	test("because Node.js is too old says so in one line", async () => {
		const { engines } = JSON.parse(readFileSync(join(REPOSITORY, "package.json"), "utf8")) as {
			engines: { node: string };
		};
		expect(engines.node).toMatch(/^>=20\.18\./);
		for (const [version, code] of [
			["18.20.8", 2],
			["20.17.0", 2],
			["20.18.1", 0],
			["26.0.0", 0],
		]) {
			const text = `Object.defineProperty(process.versions, "node", { value: "${version}" })`;
			const env = { NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(text)}` };
			const ended = await runRollpin(["--version"], { env });
			expect(ended).toMatchObject({
				code,
				stderr: code === 0 ? "" : `rollpin: Node.js ${version} is too old; install 20.18 or newer\n`,
			});
		}
	});

	test("because the host is not of this machine", async () => {
		const { code, errors } = await failedStart(["--host", "192.0.2.1", "--insecure", "--store", "memory"]);
		expect(code).toBe(2);
		expect(errors).toMatchObject([{ event: "start_failed", msg: expect.stringContaining("--host") }]);
	});

	test("because the checkpoint's tokenizer is broken: one line, exit code 2, from whichever worker is first", async () => {
		dir = mkdtempSync(join(tmpdir(), "rollpin-broken-"));
		writeFileSync(join(dir, "tokenizer.json"), "{}");
		writeFileSync(join(dir, "tokenizer_config.json"), "{}");
		const { code, errors } = await failedStart([
			...["--checkpoint", dir, "--upstream", "http://127.0.0.1:9", "--backends", "2", "--store", "memory"],
			...["--tito-model", "default"],
			...["--port", "0"],
		]);
		expect(code).toBe(2);
		expect(errors).toHaveLength(1);
		expect(errors[0]).toMatchObject({ event: "start_failed", role: "primary" });
		expect(errors[0]?.msg).toContain(dir);
	});

	test.each([
		[["--checkpoint", "/nowhere/at/all"], /--checkpoint \/nowhere\/at\/all: no such directory/],
		[["--upstream", "127.0.0.1:8000"], /--upstream/],
		[["--upstream", "http://127.0.0.1:8000"], /--checkpoint/],
		[["--backends", "0"], /--backends 0: must be a whole number from 1 to 64/],
		[["--drain-timeout", "-1"], /--drain-timeout/],
		[["--prot", "1"], /unknown option '--prot'/],
		[["--chat-template-kwargs", "[1]"], /--chat-template-kwargs/],
		[["--session-ttl", "100", "--max-session-ttl", "10"], /--session-ttl/],
	])("%j: one line on stderr, exit code 2", async (args, expected) => {
		const { code, stdout, stderr } = await runRollpin(["serve", "--store", "memory", ...args]);
		expect(stderr).toMatch(expected);
		expect(stderr).toMatch(/^rollpin: [^\n]+\n$/);
		expect([code, stdout]).toEqual([2, ""]);
	});
});

describe("an engine that is not there at the start", () => {
	test("is one warning; the cluster is ready, chats are 502 until it comes, and then work", async () => {
		// A port that is free now and the engine's later.
		const holder = createServer();
		await new Promise<void>((resolve) => holder.listen(0, "127.0.0.1", resolve));
		const { port } = holder.address() as AddressInfo;
		await new Promise((resolve) => holder.close(resolve));
		const upstream = `http://127.0.0.1:${port}`;
		cluster = new ServedCluster(["--upstream", upstream, "--checkpoint", TOY]);
		const { url } = await cluster.ready();
		await cluster.event("upstream_unreachable");
		expect(cluster.all("upstream_unreachable")).toMatchObject([
			{ level: "warn", url: upstream, code: "ECONNREFUSED" },
		]);
		expect((await fetch(`${url}/health`)).status).toBe(200);
		const chat = async () => {
			const reply = await fetch(`${url}/sessions/late/v1/chat/completions`, {
				method: "POST",
				headers: { "content-type": "application/json" },
				body: JSON.stringify({ messages: [{ role: "user", content: "hi" }], max_tokens: 4 }),
			});
			return { status: reply.status, body: (await reply.json()) as { error?: { code: string } } };
		};
		expect(await chat()).toMatchObject({ status: 502, body: { error: { code: "upstream_unreachable" } } });
		const engine = await startSimEngine({ checkpointDir: TOY, port });
		try {
			expect((await chat()).status).toBe(200);
		} finally {
			await engine.close();
		}
		expect(cluster.all("proxy_transport_error")).toMatchObject([{ url: upstream, code: "ECONNREFUSED" }]);
		// A record may come after its reply.
		await cluster.event("chat_done", 3_000, ({ status }) => status === 200);
		expect(cluster.all("chat_done").map(({ status }) => status)).toEqual([502, 200]);
	});

	test("an engine that is there is asked for its release and its rendering at the start, and generates nothing", async () => {
		const engine = await startSimEngine({ checkpointDir: TOY });
		try {
			cluster = new ServedCluster(["--upstream", engine.url, "--checkpoint", TOY, "--drain-timeout", "1"]);
			await cluster.ready();
			cluster.signal("SIGTERM");
			await cluster.exited;
			expect(cluster.all("upstream_unreachable")).toEqual([]);
			expect(cluster.all("sim_engine")).toEqual([]);
			const log = (await (await fetch(`${engine.controlUrl}/requests`)).json()) as Array<{ target: string }>;
			expect([...new Set(log.map(({ target }) => target))].sort()).toEqual([
				"/server_info",
				"/tokenize",
				"/v1/models",
			]);
		} finally {
			await engine.close();
		}
	});
});

test("a checkpoint that vanished costs the worker that starts anew, in one line a try; it is back with the checkpoint", async () => {
	dir = mkdtempSync(join(tmpdir(), "rollpin-vanished-"));
	const checkpoint = join(dir, "checkpoint");
	cpSync(TOY, checkpoint, { recursive: true });
	cluster = new ServedCluster(["--checkpoint", checkpoint, "--tito-model", "qwen3"]);
	const { url, workerPids } = await cluster.ready();
	renameSync(checkpoint, join(dir, "away"));
	process.kill(workerPids[0] as number, "SIGKILL");
	const failed = await cluster.event("start_failed", 20_000);
	expect(failed["failed_role"]).toBe("worker");
	expect(failed.msg).toContain(`--checkpoint ${checkpoint} is not a directory`);
	expect((await fetch(`${url}/health`)).status).toBe(200);
	renameSync(join(dir, "away"), checkpoint);
	await cluster.event("worker_ready", 20_000, ({ worker, epoch }) => worker === 0 && Number(epoch) > 1);
});

test("SIGTERM to a worker that is still starting is a planned end: its successor starts at once", async () => {
	cluster = new ServedCluster();
	const it = cluster;
	const spawned = (epoch: number) =>
		it.event("worker_spawn", 20_000, (record) => record["worker"] === 0 && record["epoch"] === epoch);
	process.kill((await spawned(1))["worker_pid"] as number, "SIGTERM");
	const { worker_pid: pid, attempt } = await spawned(2);
	expect(attempt).toBe(0);
	// Later in the start, when it has a handler for the signal.
	await until("the handler", 20_000, () => listensFor(pid as number, "SIGTERM"));
	process.kill(pid as number, "SIGTERM");
	expect(await spawned(3)).toMatchObject({ attempt: 0 });
	await it.ready();
	expect(it.all("worker_exit").map(({ level }) => level)).toEqual(["info", "info"]);
});

test("a first start is waited for: no request for a worker that is not ready yet fails, and /health and /ready say how far it is", async () => {
	const free = createServer();
	await new Promise<void>((resolve) => free.listen(0, "127.0.0.1", resolve));
	const { port } = free.address() as AddressInfo;
	await new Promise((resolve) => free.close(resolve));
	const args = ["--port", String(port), "--store", "memory", "--backends", "2", "--log-format", "json"];
	cluster = new ServedCluster(args, { bare: true });
	const it = cluster;
	const url = `http://127.0.0.1:${port}`;
	const pids = await Promise.all(
		[0, 1].map(async (index) => {
			const record = await it.event("worker_spawn", 20_000, ({ worker }) => worker === index);
			const pid = record["worker_pid"] as number;
			process.kill(pid, "SIGSTOP");
			return pid;
		}),
	);
	const said = async (path: string) => {
		const reply = await fetch(`${url}${path}`);
		return { code: reply.status, ...((await reply.json()) as Record<string, unknown>) };
	};
	const chat = (id: string) =>
		fetch(`${url}/sessions/${id}/v1/chat/completions`, {
			method: "POST",
			headers: { "content-type": "application/json" },
			body: JSON.stringify({ model: "m", max_tokens: 2, messages: [{ role: "user", content: "hello" }] }),
		}).then(async (reply) => [reply.status, await reply.text()]);
	// Of partition 0 and 1, so of worker 0 and 1.
	const chats = ["00", "01"].map((prefix) => chat(prefix.padEnd(32, "0")));
	const created = fetch(`${url}/sessions`, { method: "POST" });
	expect(await said("/health")).toMatchObject({ code: 503, status: "starting", workers: { ready: 0 } });
	expect(await said("/ready")).toMatchObject({ code: 503, reasons: ["no worker takes new sessions"] });
	process.kill(pids[0] as number, "SIGCONT");
	expect(await chats[0]).toMatchObject([200, expect.stringContaining('"choices"')]);
	expect((await created).status).toBe(200);
	expect(await said("/health")).toMatchObject({ code: 200, status: "starting", workers: { ready: 1 } });
	expect(await said("/ready")).toMatchObject({ code: 200 });
	expect(it.all("cluster_ready")).toEqual([]);
	process.kill(pids[1] as number, "SIGCONT");
	expect(await chats[1]).toMatchObject([200, expect.stringContaining('"choices"')]);
	await it.ready();
	expect(await said("/health")).toMatchObject({ code: 200, status: "ok", workers: { ready: 2 } });
});
