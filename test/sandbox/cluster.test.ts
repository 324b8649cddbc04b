// Sandboxes of a whole cluster, as its clients see them: every route, the death of the sandbox process, a cluster that ends.
import { spawnSync } from "node:child_process";
import { mkdtempSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Answer, ask } from "../support/sandbox-cluster.js";
import { ServedCluster } from "../support/served-cluster.js";
import { until } from "../support/wait.js";

let cluster: ServedCluster;
let url: string;
let dataDir: string;
const args = () => [
	...["--port", "0", "--log-format", "json", "--data-dir", dataDir, "--backends", "1"],
	...["--sandbox", "local"],
];
beforeAll(async () => {
	dataDir = mkdtempSync(join(tmpdir(), "rollpin-sandbox-data-"));
	cluster = new ServedCluster(args(), { bare: true });
	({ url } = await cluster.ready());
});
afterAll(async () => {
	await ask(url, "DELETE", "/sandboxes?label=test=cluster").catch(() => undefined);
	await cluster.stop();
	rmSync(dataDir, { recursive: true, force: true });
});

const call = (method: string, path: string, body?: unknown, headers?: Record<string, string>) =>
	ask(url, method, path, body, headers);
const make = async (body: Record<string, unknown> = {}, headers?: Record<string, string>) => {
	const made = await call("POST", "/sandboxes", { labels: { test: "cluster" }, ...body }, headers);
	expect([made.status, made.json.error]).toEqual([201, undefined]);
	return made.json as { sandbox_id: string; expires_at: number; created_at: number };
};
const run = (id: string, cmd: unknown, more: Record<string, unknown> = {}) =>
	call("POST", `/sandboxes/${id}/exec`, { cmd, ...more });
const refused = ({ status, json }: Answer) => [status, json.error?.code, json.error?.param];

describe("A client of the cluster", () => {
	it("makes a sandbox, runs commands in it, and ends it", async () => {
		const made = await make({ ttl_seconds: 60, files: [{ path: "a.txt", text: "é" }], env: { A: "b" } });
		expect(made).toMatchObject({ state: "running", session_id: null, labels: { test: "cluster" } });
		expect(made.expires_at - made.created_at).toBeCloseTo(60, 3);
		const path = `/sandboxes/${made.sandbox_id}`;
		expect((await call("GET", path)).json).toEqual(made);
		const result = await run(made.sandbox_id, 'cat a.txt; cat; echo "$A" >&2; exit 3', { stdin: "in" });
		expect(result.status).toBe(200);
		expect(result.json).toEqual({
			stdout: "éin",
			stderr: "b\n",
			exit_code: 3,
			timed_out: false,
			code: null,
			duration_ms: expect.any(Number),
			stdout_bytes: 4,
			stderr_bytes: 2,
			truncated: false,
		});
		expect((await run(made.sandbox_id, ["printf", "%s", "$A"])).json.stdout).toBe("$A");
		const late = await run(made.sandbox_id, "sleep 420", { timeout_ms: 200 });
		expect([late.status, late.json.exit_code, late.json.code]).toEqual([200, null, "command_timeout"]);
		const longer = await call("POST", `${path}/extend`, { ttl_seconds: 30 });
		expect(longer.json.expires_at).toBeLessThan(made.expires_at);
		expect((await call("DELETE", path)).status).toBe(204);
		expect(refused(await call("GET", path))).toEqual([404, "sandbox_deleted", undefined]);
		expect((await call("GET", path)).json.error.details).toMatchObject({ reason: "deleted" });
		expect(refused(await call("DELETE", path))).toEqual([404, "sandbox_deleted", undefined]);
		expect(refused(await run(made.sandbox_id, "true"))).toEqual([404, "sandbox_deleted", undefined]);
	});

	it("is given the same sandbox for the same key, and told when it asks for another under it", async () => {
		const body = { labels: { test: "cluster" }, ttl_seconds: 61 };
		const [one, two] = await Promise.all([
			make(body, { "idempotency-key": "k" }),
			make(body, { "idempotency-key": "k" }),
		]);
		expect(two.sandbox_id).toBe(one.sandbox_id);
		const other = await call("POST", "/sandboxes", { ttl_seconds: 62 }, { "idempotency-key": "k" });
		expect(refused(other)).toEqual([422, "idempotency_mismatch", undefined]);
	});

	it("streams a command's output, and ends the command by leaving", async () => {
		const { sandbox_id: id } = await make();
		const streamed = await call(
			"POST",
			`/sandboxes/${id}/exec`,
			{ cmd: "echo out; echo err >&2; exit 5" },
			{ accept: "text/event-stream" },
		);
		expect(streamed.headers.get("content-type")).toBe("text/event-stream");
		const events = streamed.text.trim().split("\n\n");
		expect(events.toSorted().slice(1)).toEqual([
			'event: stderr\ndata: {"text":"err\\n"}',
			'event: stdout\ndata: {"text":"out\\n"}',
		]);
		expect(events.at(-1)).toMatch(/^event: end\ndata: \{"exit_code":5,"timed_out":false,/);

		const left = new AbortController();
		const reply = await fetch(`${url}/sandboxes/${id}/exec`, {
			method: "POST",
			headers: { accept: "text/event-stream" },
			body: JSON.stringify({ cmd: "echo up; sleep 421" }),
			signal: left.signal,
		});
		await reply.body?.getReader().read();
		left.abort();
		await until("the command to be gone", 10_000, async () => {
			const { json } = await run(id, "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '");
			return !String(json.stdout).includes("sleep 421");
		});
	});

	it("runs a command in the background, reads on, and kills it", async () => {
		const { sandbox_id: id } = await make();
		const started = await run(id, "echo one; sleep 422", { background: true });
		expect(started.status).toBe(202);
		const path = `/sandboxes/${id}/exec/${started.json.exec_id}`;
		const first = await until("its output", 10_000, async () => {
			const { json } = await call("GET", path);
			return json.output.length > 0 ? json : null;
		});
		expect(first).toMatchObject({ status: "running", output: [{ stream: "stdout", text: "one\n" }] });
		expect((await call("GET", `${path}?offset=${first.next_offset}`)).json.output).toEqual([]);
		expect((await call("DELETE", path)).status).toBe(204);
		expect((await call("GET", path)).json).toMatchObject({ status: "ended", exit_code: null });
		expect(refused(await call("GET", `/sandboxes/${id}/exec/exec-0`))[1]).toBe("sandbox_exec_not_found");
	});

	it("puts and gets files, one by one and as a tar, inside the workspace only", async () => {
		const [{ sandbox_id: id }, { sandbox_id: other }] = [await make(), await make()];
		const file = `/sandboxes/${id}/files?path=deep/er/file`;
		expect((await call("PUT", file, new Uint8Array([0, 255, 10]))).status).toBe(204);
		const bytes = await (
			await fetch(`${url}/sandboxes/${id}/files?path=/workspace/deep/er/file`)
		).arrayBuffer();
		expect([...new Uint8Array(bytes)]).toEqual([0, 255, 10]);
		const tar = await (
			await fetch(`${url}/sandboxes/${id}/files?path=deep`, { headers: { accept: "application/x-tar" } })
		).arrayBuffer();
		expect(spawnSync("tar", ["-t"], { input: Buffer.from(tar) }).stdout.toString()).toBe(
			"deep/\ndeep/er/\ndeep/er/file\n",
		);
		const put = await call("PUT", `/sandboxes/${other}/files`, new Uint8Array(tar), {
			"content-type": "application/x-tar",
		});
		expect(put.status).toBe(204);
		expect((await run(other, "wc -c < deep/er/file")).json.stdout.trim()).toBe("3");
		for (const path of ["../x", "a/../../x", "/etc/passwd", ""]) {
			const asked = `/sandboxes/${id}/files?path=${encodeURIComponent(path)}`;
			expect(refused(await call("PUT", asked, "x"))).toEqual([400, "invalid_request", "path"]);
		}
		expect(refused(await call("GET", `/sandboxes/${id}/files?path=none`))[1]).toBe("sandbox_path_not_found");
		expect(refused(await call("GET", `/sandboxes/${id}/files?path=deep`))[0]).toBe(400);
	});

	it("lists and ends by label, page by page", async () => {
		const ids: string[] = [];
		for (let n = 0; n < 3; n++)
			ids.push((await make({ labels: { test: "cluster", group: "g" } })).sandbox_id);
		const seen: string[] = [];
		for (let cursor: string | null = ""; cursor !== null; ) {
			const page: Answer = await call(
				"GET",
				`/sandboxes?label=group=g&limit=2${cursor && `&cursor=${cursor}`}`,
			);
			seen.push(...page.json.sandboxes.map(({ sandbox_id }: { sandbox_id: string }) => sandbox_id));
			cursor = page.json.next_cursor;
		}
		expect(seen).toEqual(ids.toReversed());
		expect(refused(await call("DELETE", "/sandboxes"))).toEqual([400, "invalid_request", "label"]);
		expect((await call("DELETE", "/sandboxes?label=group=g")).json).toEqual({ deleted: 3 });
		expect((await call("GET", "/sandboxes?label=group=g")).json.sandboxes).toEqual([]);
		expect((await call("GET", "/sandboxes?label=group=g&state=ended")).json.sandboxes).toHaveLength(3);
	});

	it.each([
		[{ ttl_seconds: 0 }, "ttl_seconds"],
		[{ ttl_seconds: 86_401 }, "ttl_seconds"],
		[{ ttl_seconds: "60" }, "ttl_seconds"],
		[{ ttl: 60 }, "ttl"],
		[{ files: [{ path: "../x", text: "" }] }, "files[0].path"],
		[{ files: [{ path: "x", content_base64: "a?b" }] }, "files[0]"],
		[{ network: "host" }, "network"],
		[{ user: "0" }, "user"],
		[{ env: { "A=": "b" } }, "env"],
		[{ labels: { a: 1 } }, "labels"],
		[{ resources: { memory_mib: 8193 } }, "resources.memory_mib"],
	])("is refused %j by the name of the field", async (body, param) => {
		expect(refused(await call("POST", "/sandboxes", body))).toEqual([400, "invalid_request", param]);
	});

	it.each([
		[{}, "cmd"],
		[{ cmd: [] }, "cmd"],
		[{ cmd: "true", timeout_ms: 0 }, "timeout_ms"],
		[{ cmd: "true", timeout_ms: 600_001 }, "timeout_ms"],
		[{ cmd: "true", cwd: "../.." }, "cwd"],
		[{ cmd: "true", timeout: 1 }, "timeout"],
	])("is refused the command %j by the name of the field", async (body, param) => {
		const id = (await call("GET", "/sandboxes?limit=1")).json.sandboxes[0].sandbox_id as string;
		expect(refused(await call("POST", `/sandboxes/${id}/exec`, body))).toEqual([
			400,
			"invalid_request",
			param,
		]);
	});
});

describe("The sandbox process", () => {
	it("dies without a sandbox: 503 or 502 meanwhile, then all go on as they were", async () => {
		const { sandbox_id: id } = await make();
		await run(id, "echo kept > file");
		const running = run(id, "echo > up; sleep 3");
		await until("it to run", 10_000, async () => (await run(id, "test -e up")).json.exit_code === 0);
		const pid = Number(cluster.all("sandbox_process_spawn").at(-1)?.["sandbox_pid"]);
		process.kill(pid, "SIGKILL");
		const cut = await running;
		expect([cut.status, cut.json.error.code]).toEqual([503, "sandbox_backend_unavailable"]);
		expect(cut.headers.get("retry-after")).toBe("1");
		await cluster.event("sandbox_process_ready", 10_000, ({ epoch }) => epoch === 2);
		const found = await until("the next one's answer", 10_000, async () => {
			const answer = await run(id, "cat file");
			return answer.status === 200 ? answer : null;
		});
		expect(found.json.stdout).toBe("kept\n");
		const metrics = (await call("GET", "/metrics")).text;
		expect(metrics).toMatch(/^rollpin_sandboxes\{state="running"\} [1-9]/m);
		expect((await call("GET", "/cluster")).json.sandbox).toMatchObject({ state: "ready", epoch: 2 });
	});

	it("says in /health that what is at the backend cannot be looked through, until it can", async () => {
		const root = join(cluster.tempDir, `rollpin-sandboxes-${process.geteuid?.() ?? 0}`);
		const check = async (detail: string | null): Promise<void> => {
			const before = (await call("GET", "/cluster")).json.sandbox;
			process.kill(before.pid, "SIGKILL");
			await until(`${detail} in /cluster`, 15_000, async () => {
				const { checks, sandbox } = (await call("GET", "/cluster")).json;
				if (sandbox.state !== "ready" || sandbox.epoch === before.epoch) return false;
				return detail === null ? checks.sandboxes.state === "ok" : checks.sandboxes.detail?.includes(detail);
			});
		};
		renameSync(root, `${root}.away`);
		await check("the reaper of sandboxes cannot do its work");
		expect((await call("GET", "/health")).json).toMatchObject({
			status: "degraded",
			checks: { sandboxes: "failing" },
		});
		expect(cluster.all("sandbox_reap_failed").at(-1)).toMatchObject({ sandbox_id: null, level: "error" });
		renameSync(`${root}.away`, root);
		await check(null);
	});

	it("leaves the sandboxes to the next cluster of the data dir", async () => {
		const made = await make({ ttl_seconds: 120 }, { "idempotency-key": "next" });
		cluster.signal("SIGTERM");
		expect((await cluster.exited).code).toBe(0);
		// The local backend's directory is that of TMPDIR.
		const { tempDir } = cluster;
		const next = new ServedCluster(args(), { bare: true, env: { TMPDIR: tempDir } });
		({ url } = await next.ready());
		const again = await make({ ttl_seconds: 120 }, { "idempotency-key": "next" });
		expect(again).toEqual(made);
		expect((await run(made.sandbox_id, "echo here")).json.stdout).toBe("here\n");
		await call("DELETE", "/sandboxes?label=test=cluster");
		await next.stop();
	});
});
