// Sandboxes of sessions, in a whole cluster: made with one, ended with it, and their ends in its record.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Answer, ask } from "../support/sandbox-cluster.js";
import { ServedCluster } from "../support/served-cluster.js";
import { until } from "../support/wait.js";

let cluster: ServedCluster;
let url: string;
let dataDir: string;
beforeAll(async () => {
	dataDir = mkdtempSync(join(tmpdir(), "rollpin-sandbox-data-"));
	const args = ["--port", "0", "--log-format", "json", "--data-dir", dataDir, "--backends", "2"];
	cluster = new ServedCluster([...args, "--sandbox", "local"], { bare: true });
	({ url } = await cluster.ready());
});
afterAll(async () => {
	const { json } = await ask(url, "GET", "/sandboxes");
	for (const { sandbox_id } of json.sandboxes) await ask(url, "DELETE", `/sandboxes/${sandbox_id}`);
	await cluster.stop();
	rmSync(dataDir, { recursive: true, force: true });
});

const call = (method: string, path: string, body?: unknown, headers?: Record<string, string>) =>
	ask(url, method, path, body, headers);
const refused = ({ status, json }: Answer) => [status, json.error?.code, json.error?.param];
async function session(body: Record<string, unknown>): Promise<Answer["json"]> {
	const made = await call("POST", "/sessions", body);
	expect([made.status, made.json.error]).toEqual([200, undefined]);
	return made.json;
}

it("one is made with its session, used below it, and ended with it", async () => {
	const { session_id: id, sandbox } = await session({ sandbox: { ttl_seconds: 60, env: { A: "b" } } });
	expect(sandbox).toMatchObject({ session_id: id, state: "running" });
	expect((await call("GET", `/sessions/${id}/sandbox`)).json).toEqual(sandbox);
	const below = `/sessions/${id}/sandbox`;
	expect((await call("POST", `${below}/exec`, { cmd: "echo $A; echo > f" })).json.stdout).toBe("b\n");
	expect((await call("GET", `${below}/files?path=f`)).text).toBe("\n");
	const started = await call("POST", `${below}/exec`, { cmd: "sleep 430", background: true });
	const background = `${below}/exec/${started.json.exec_id}`;
	expect((await call("GET", background)).json.status).toBe("running");
	expect((await call("DELETE", background)).status).toBe(204);
	expect((await call("POST", `${below}/extend`, { ttl_seconds: 50 })).status).toBe(200);
	expect((await call("GET", `/sandboxes?session=${id}`)).json.sandboxes).toHaveLength(1);
	expect((await call("DELETE", `/sessions/${id}`)).status).toBe(204);
	const gone = await call("GET", `/sandboxes/${sandbox.sandbox_id}`);
	expect(refused(gone)).toEqual([404, "sandbox_deleted", undefined]);
	expect(gone.json.error.details.reason).toBe("session_ended");
	expect(refused(await call("POST", `${below}/exec`, { cmd: "true" }))[1]).toBe("sandbox_deleted");
});

it("one at a time, bound by either path; a session without one, or an unknown one, is 404", async () => {
	const { session_id: id } = await session({});
	expect(refused(await call("GET", `/sessions/${id}/sandbox`))).toEqual([
		404,
		"sandbox_not_found",
		undefined,
	]);
	expect(refused(await call("POST", "/sandboxes", { session_id: "never" }))[1]).toBe("session_not_found");
	const [one, again] = await Promise.all([
		call("POST", "/sandboxes", { session_id: id }, { "idempotency-key": "s" }),
		call("POST", "/sandboxes", { session_id: id }, { "idempotency-key": "s" }),
	]);
	expect([one.status, again.status]).toEqual([201, 201]);
	expect(again.json.sandbox_id).toBe(one.json.sandbox_id);
	expect(refused(await call("POST", `/sessions/${id}/sandbox`, {}))).toEqual([
		409,
		"sandbox_state_conflict",
		undefined,
	]);
	expect((await call("DELETE", `/sessions/${id}/sandbox`)).status).toBe(204);
	const next = await call("POST", `/sessions/${id}/sandbox`, {});
	expect([next.status, next.json.session_id]).toEqual([201, id]);
	expect((await call("GET", `/sessions/${id}`)).json.metadata.sandbox).toBeUndefined();
});

it("a session whose sandbox cannot be made is none, and says why", async () => {
	const before = (await call("GET", "/sessions?limit=1000")).json.sessions.length;
	for (const [sandbox, param] of [
		[[], "sandbox"],
		[{ ttl_seconds: 0 }, "sandbox.ttl_seconds"],
		[{ user: "0" }, "user"],
	] as const) {
		expect(refused(await call("POST", "/sessions", { sandbox }))).toEqual([400, "invalid_request", param]);
	}
	const after = (await call("GET", "/sessions?limit=1000")).json.sessions.length;
	expect(after).toBe(before);
});

it("an end that nobody asked for is in the session's record and its samples, also over a new sandbox and a restart", async () => {
	const { session_id: id, sandbox } = await session({ sandbox: { ttl_seconds: 3 } });
	const messages = [{ role: "user", content: "hello" }];
	expect((await call("POST", `/sessions/${id}/v1/chat/completions`, { messages })).status).toBe(200);
	const cut = await call("POST", `/sessions/${id}/sandbox/exec`, { cmd: "sleep 431" });
	expect([cut.status, cut.json.error.code]).toEqual([410, "sandbox_expired"]);
	// At once: a trainer that comes now must know.
	const entry = { sandbox_id: sandbox.sandbox_id, state: "ended", reason: "expired", at: expect.any(Number) };
	expect((await call("GET", `/sessions/${id}`)).json.metadata.sandbox).toEqual([entry]);
	const samples = await call("POST", `/sessions/${id}/samples`, {});
	expect(samples.status).toBe(200);
	expect(samples.text).toContain(`"sandbox":[{"sandbox_id":"${sandbox.sandbox_id}","state":"ended"`);
	expect((await call("POST", `/sessions/${id}/sandbox`, {})).status).toBe(201);
	const workers = (await call("GET", "/cluster")).json.workers as Array<{ pid: number }>;
	for (const { pid } of workers) process.kill(pid, "SIGKILL");
	const found = await until("the workers to be back", 20_000, async () => {
		const answer = await call("GET", `/sessions/${id}`);
		return answer.status === 200 ? answer : null;
	});
	expect(found.json.metadata.sandbox).toEqual([entry]);
	expect((await call("GET", `/sessions/${id}/sandbox`)).json.state).toBe("running");
});

it("a session's expiry takes it along", async () => {
	const { session_id: id, sandbox } = await session({ ttl_seconds: 60, sandbox: { ttl_seconds: 600 } });
	expect((await call("POST", `/sessions/${id}/extend`, { ttl_seconds: 1 })).status).toBe(200);
	await until("its end", 10_000, async () => {
		const { json } = await call("GET", `/sandboxes/${sandbox.sandbox_id}`);
		return json.error?.details?.reason === "session_ended";
	});
	expect(refused(await call("GET", `/sessions/${id}/sandbox`))[1]).toBe("sandbox_deleted");
});
