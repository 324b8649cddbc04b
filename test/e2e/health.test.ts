// Each thing that can be wrong, done for real: /health, /ready, one record, the line in `rollpin top`, and back again.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
	appendFileSync,
	cpSync,
	mkdirSync,
	mkdtempSync,
	readFileSync,
	renameSync,
	rmSync,
	statfsSync,
	truncateSync,
	writeFileSync,
} from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, expect, onTestFinished, test } from "vitest";
import { REPOSITORY, runRollpin } from "../support/run-rollpin.js";
import { ServedCluster } from "../support/served-cluster.js";
import { until } from "../support/wait.js";
import { TOY_CHECKPOINT } from "../support/worker-rig.js";

const MIB = 1024 * 1024;
let cluster: ServedCluster | undefined;
afterEach(async () => {
	await cluster?.stop();
	cluster = undefined;
});

/** One worker with its sessions in memory. */
function served(...flags: string[]): ServedCluster {
	const bare = ["--port", "0", "--backends", "1", "--log-format", "json", "--store", "memory"];
	return new ServedCluster([...bare, ...flags], { bare: true });
}

interface Health {
	code: number;
	status: string;
	version: string;
	checks: Record<string, string>;
}

async function healthOf(url: string): Promise<Health> {
	const reply = await fetch(`${url}/health`);
	return { ...((await reply.json()) as Omit<Health, "code">), code: reply.status };
}

async function readyOf(url: string): Promise<{ code: number; reasons: string[] }> {
	const reply = await fetch(`${url}/ready`);
	return { code: reply.status, reasons: ((await reply.json()) as { reasons: string[] }).reasons };
}

/** Waits for the state of one check, and expects the rest of what it means. */
async function expectCheck(url: string, check: string, state: string, readyCode: number): Promise<void> {
	const health = await until(`${check} to be ${state}`, 20_000, async () => {
		const now = await healthOf(url);
		return now.checks[check] === state && now;
	});
	expect([health.code, health.status]).toEqual([200, state === "ok" ? "ok" : "degraded"]);
	const ready = await until(`/ready to be ${readyCode}`, 20_000, async () => {
		const now = await readyOf(url);
		return now.code === readyCode && now;
	});
	expect(ready.reasons.length > 0).toBe(readyCode === 503);
}

/** The records of a check's changes, as "from to". */
const changes = (check: string): string[] =>
	(cluster?.all("check_changed") ?? [])
		.filter((record) => record["check"] === check)
		.map((record) => {
			expect(record.level).toBe("warn");
			return `${record["from"]} ${record["to"]}`;
		});

/** Those and no others; a record may come a moment after the answer. */
async function expectChanges(check: string, ...expected: string[]): Promise<void> {
	await until(`records of ${check}`, 10_000, () => changes(check).length >= expected.length);
	expect(changes(check)).toEqual(expected);
}

/** What the newest record of a check says. */
const lastText = (check: string): string =>
	cluster?.all("check_changed").findLast((record) => record["check"] === check)?.msg ?? "";

async function topOf(url: string): Promise<string> {
	return (await runRollpin(["top", "--url", url, "--once"])).stdout;
}

/** `rollpin status` must end with 1 and name it: that is what a script asks. */
async function expectNotFine(url: string, complaint: string): Promise<void> {
	const { code, stdout } = await runRollpin(["status", "--url", url]);
	expect([code, stdout.split("\n")[0]]).toEqual([1, expect.stringContaining("NOT FINE")]);
	expect(stdout).toContain(`NOT OK: ${complaint}`);
}

async function chat(url: string, id: string): Promise<number> {
	const reply = await fetch(`${url}/sessions/${id}/v1/chat/completions`, {
		method: "POST",
		headers: { "content-type": "application/json" },
		body: JSON.stringify({ model: "m", max_tokens: 2, messages: [{ role: "user", content: "hello" }] }),
	});
	await reply.arrayBuffer();
	return reply.status;
}

const IDS = ["a", "b", "c", "d", "e", "f"];

async function listening(
	port: number,
	onRequest: "keep" | "reset",
): Promise<{ port: number; close(): void }> {
	const server = createServer((socket) => {
		socket.on("error", () => undefined);
		socket.on("data", () => {
			if (onRequest === "reset") socket.resetAndDestroy();
		});
	});
	await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
	return { port: (server.address() as AddressInfo).port, close: () => server.close() };
}

test("an engine that is not there at the start is unreachable, and no longer when it is", async () => {
	const place = await listening(0, "keep");
	place.close();
	cluster = served("--upstream", `http://127.0.0.1:${place.port}`, "--checkpoint", TOY_CHECKPOINT);
	const { url } = await cluster.ready();
	await expectCheck(url, "engine", "unreachable", 503);
	expect((await readyOf(url)).reasons).toEqual(["no engine is reachable"]);
	await cluster.event("upstream_unreachable");
	const top = await topOf(url);
	expect(top).toContain(
		`NOT OK: engine unreachable: nothing answers at the engine's address http://127.0.0.1:${place.port}`,
	);
	await expectNotFine(url, "engine unreachable");
	const back = await listening(place.port, "keep");
	onTestFinished(() => back.close());
	await expectCheck(url, "engine", "ok", 200);
	await expectChanges("engine", "unreachable ok");
	expect(await topOf(url)).not.toContain("unreachable");
}, 60_000);

test("an engine that answers 500 to everything is failing, and takes work all the same; with good answers it is well", async () => {
	cluster = new ServedCluster();
	const { url } = await cluster.ready();
	expect((await healthOf(url)).version).toMatch(/^\d+\.\d+\.\d+/);
	await cluster.sim.script({ times: 1_000, status: 500, body: "no" });
	for (const id of IDS) expect(await chat(url, id)).toBe(500);
	await expectCheck(url, "engine", "failing", 200);
	await until("its record", 10_000, () => lastText("engine").includes("in the last minute were errors"));
	expect(await topOf(url)).toContain("NOT OK: engine failing: most answers");
	await expectNotFine(url, "engine failing");
	await cluster.sim.clearScript();
	await until("more good answers than bad ones", 30_000, async () => {
		for (const id of IDS) expect(await chat(url, id)).toBe(200);
		return (await healthOf(url)).checks["engine"] === "ok";
	});
	await expectCheck(url, "engine", "ok", 200);
	await expectChanges("engine", "ok failing", "failing ok");
}, 90_000);

test("an engine that cuts every connection opens the breaker: unreachable, and ready again when a chat would be tried", async () => {
	const engine = await listening(0, "reset");
	onTestFinished(() => engine.close());
	cluster = served("--upstream", `http://127.0.0.1:${engine.port}`, "--checkpoint", TOY_CHECKPOINT);
	const { url } = await cluster.ready();
	await until("the breaker to open", 20_000, async () => (await chat(url, "a")) === 503);
	await expectCheck(url, "engine", "unreachable", 503);
	await until("its record", 10_000, () => changes("engine").at(-1)?.endsWith(" unreachable"));
	// Nobody asks meanwhile: a balancer that waited for the breaker to close would wait for ever.
	await expectCheck(url, "engine", "unreachable", 200);
}, 60_000);

const root = mkdtempSync(join(tmpdir(), "rollpin-health-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const mount = join(root, "medium");
mkdirSync(mount);
const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=200m", "tmpfs", mount]).status === 0;
if (!mounted)
	process.stderr.write("skipped: no right to mount a small tmpfs, so no medium that can be filled\n");

test.skipIf(!mounted)(
	"a medium that fills up is low, then full, then well again; taken away it is full",
	async () => {
		onTestFinished(async () => {
			await cluster?.stop();
			cluster = undefined;
			spawnSync("umount", ["-l", mount]);
		});
		cluster = new ServedCluster(
			["--port", "0", "--backends", "2", "--log-format", "json", "--data-dir", join(mount, "data")],
			{
				bare: true,
			},
		);
		const { url } = await cluster.ready();
		expect(await chat(url, "a")).toBe(200);
		await expectCheck(url, "store", "ok", 200);
		const ballast = join(mount, "ballast");
		const leave = (mib: number) => {
			const { bavail, bsize } = statfsSync(mount);
			appendFileSync(ballast, Buffer.alloc(bavail * bsize - mib * MIB));
		};
		leave(100);
		await expectCheck(url, "store", "low", 200);
		await expectNotFine(url, "store low");
		leave(30);
		await expectCheck(url, "store", "full", 503);
		await expectNotFine(url, "store full");
		expect(await topOf(url)).toMatch(/NOT OK: store full: .*64 MiB/);
		// The worker may trust its last look for a second yet.
		await until(
			"507",
			10_000,
			async () => (await fetch(`${url}/sessions`, { method: "POST" })).status === 507,
		);
		expect(await cluster.event("session_refused")).toMatchObject({ level: "warn", code: "store_full" });
		truncateSync(ballast, 0);
		await expectCheck(url, "store", "ok", 200);
		expect((await fetch(`${url}/sessions`, { method: "POST" })).status).toBe(200);
		await expectChanges("store", "ok low", "low full", "full ok");
		const data = join(mount, "data");
		renameSync(data, `${data}.away`);
		await expectCheck(url, "store", "full", 503);
		await until("its record", 10_000, () => lastText("store").includes("ENOENT"));
		renameSync(`${data}.away`, data);
		await expectCheck(url, "store", "ok", 200);
	},
	120_000,
);

test("a worker that is gone is told, one that comes back too; while none is there nothing is ready", async () => {
	const sessions = ["--store", "disk", "--data-dir", join(root, "sessions")];
	cluster = new ServedCluster(["--port", "0", "--backends", "1", "--log-format", "json", ...sessions], {
		bare: true,
	});
	const { url, workerPids } = await cluster.ready();
	await expectCheck(url, "workers", "ok", 200);
	process.kill(workerPids[0] as number, "SIGKILL");
	const ready = await until("/ready to be 503", 10_000, async () => {
		const now = await readyOf(url);
		return now.code === 503 && now;
	});
	expect(ready.reasons).toEqual(["no worker takes new sessions"]);
	await expectCheck(url, "workers", "ok", 200);
	await expectChanges("workers", "ok degraded", "degraded ok");
	// A planned replacement is none: requests wait for it.
	cluster.signal("SIGUSR2");
	await cluster.event("reload_done", 30_000);
	await expectChanges("workers", "ok degraded", "degraded ok");
}, 90_000);

test("a worker in quarantine is told, with its remedy; the other one serves", async () => {
	const checkpoint = join(root, "checkpoint");
	cpSync(TOY_CHECKPOINT, checkpoint, { recursive: true });
	cluster = new ServedCluster(["--checkpoint", checkpoint, "--tito-model", "qwen3"]);
	const { url, workerPids } = await cluster.ready();
	renameSync(checkpoint, `${checkpoint}.away`);
	process.kill(workerPids[0] as number, "SIGKILL");
	await cluster.event("worker_quarantined", 40_000);
	await expectCheck(url, "workers", "degraded", 200);
	expect((await (await fetch(`${url}/health`)).json()) as object).toMatchObject({
		workers: { ready: 1, total: 2 },
	});
	await expectNotFine(url, "workers degraded: worker 0 is quarantined");
}, 90_000);

test.skipIf(!mounted)(
	"a log that nobody takes is told by /health, and by the log when it is taken again",
	async () => {
		const medium = mkdtempSync(join(tmpdir(), "rollpin-health-log-"));
		expect(spawnSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", medium]).status).toBe(0);
		const free = await listening(0, "keep");
		free.close();
		const url = `http://127.0.0.1:${free.port}`;
		const path = join(medium, "log");
		const args = ["serve", "--port", String(free.port), "--backends", "1", "--store", "memory"];
		const child = spawn(
			process.execPath,
			[
				join(REPOSITORY, "bin/rollpin.js"),
				...args,
				"--log-file",
				path,
				"--log-content",
				"--max-session-tokens",
				"1000",
			],
			{
				stdio: "ignore",
			},
		);
		onTestFinished(async () => {
			child.kill("SIGKILL");
			await once(child, "exit");
			spawnSync("umount", ["-l", medium]);
			rmSync(medium, { recursive: true, force: true });
		});
		await until("the cluster", 30_000, async () => (await healthOf(url).catch(() => null))?.status === "ok");
		// Too long to be encoded at all, but what they say is in the log.
		const content = "a".repeat(900_000);
		await until("records to be dropped", 60_000, async () => {
			await fetch(`${url}/sessions/a/v1/chat/completions`, {
				method: "POST",
				headers: { "content-type": "application/json" },
				body: JSON.stringify({ model: "m", max_tokens: 2, messages: [{ role: "user", content }] }),
			}).then((reply) => reply.arrayBuffer());
			return (await healthOf(url)).checks["log"] === "dropping";
		});
		expect((await readyOf(url)).code).toBe(200);
		expect((await healthOf(url)).status).toBe("degraded");
		expect(spawnSync("mount", ["-o", "remount,size=64m", medium]).status).toBe(0);
		await expectCheck(url, "log", "ok", 200);
		const told = await until("both records", 10_000, () => {
			const records = readFileSync(path, "utf8")
				.split("\n")
				.filter((line) => line.includes('"check_changed"'));
			return records.length === 2 && records.map((line) => JSON.parse(line) as Record<string, unknown>);
		});
		expect(told).toMatchObject([
			{ level: "warn", check: "log", from: "ok", to: "dropping" },
			{ level: "warn", check: "log", from: "dropping", to: "ok" },
		]);
	},
	120_000,
);

test("/health and /ready ask for no token and tell nothing that is secret", async () => {
	const tokenFile = join(root, "token");
	writeFileSync(tokenFile, "token-of-the-test", { mode: 0o600 });
	const upstream = ["--upstream", "http://127.0.0.1:9/base", "--checkpoint", TOY_CHECKPOINT];
	cluster = served(...upstream, "--auth-token-file", tokenFile);
	const { url } = await cluster.ready();
	for (const path of ["/health", "/ready", "/ready?x=1"]) {
		const reply = await fetch(`${url}${path}`);
		expect([path, reply.status]).toEqual([path, path === "/health" ? 200 : expect.any(Number)]);
		expect(reply.status).not.toBe(401);
		expect(await reply.text()).not.toMatch(/127\.0\.0\.1:9|token-of/);
	}
	expect((await fetch(`${url}/readyx`)).status).toBe(401);
}, 60_000);
