// What must not leak or be reachable, on a whole cluster with a token: directories, logs, headers, paths, prototypes.
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ServedCluster } from "../support/served-cluster.js";

const TOKEN = "token-4f1e0c9a7b";
const SECRET = "xyzzy-secret-text";

let dir: string;
let cluster: ServedCluster;
let url: string;
beforeAll(async () => {
	dir = mkdtempSync(join(tmpdir(), "rollpin-security-"));
	writeFileSync(join(dir, "token"), `${TOKEN}\n`);
	const safe = ["--auth-token-file", join(dir, "token"), "--data-dir", join(dir, "data")];
	const flags = ["--port", "0", "--backends", "1", "--log-format", "json", "--log-level", "trace", ...safe];
	cluster = new ServedCluster(flags, { bare: true });
	({ url } = await cluster.ready());
});
afterAll(async () => {
	await cluster.stop();
	rmSync(dir, { recursive: true, force: true });
});

const send = (
	method: string,
	path: string,
	body?: string,
	headers: Record<string, string> = {},
): Promise<Response> =>
	fetch(url + path, {
		method,
		headers: { authorization: `Bearer ${TOKEN}`, "content-type": "application/json", ...headers },
		body: body ?? null,
		redirect: "manual",
	});

const chatBody = (fields: object): string => JSON.stringify({ model: "m", max_tokens: 8, ...fields });

test("data dir and socket directory are open to their user only", () => {
	const temporary = readdirSync(cluster.tempDir).map((name) => join(cluster.tempDir, name));
	expect(temporary).toHaveLength(1);
	const data = join(dir, "data");
	for (const path of [data, join(data, "partitions"), ...temporary]) {
		expect([path, (statSync(path).mode & 0o777).toString(8)]).toEqual([path, "700"]);
	}
});

test("a wrong or missing token is 401 without detail; /health alone is open", async () => {
	for (const path of ["/sessions", "/cluster", "/metrics", "/sessions/a", "/sessions/a/v1/models"]) {
		for (const authorization of [
			"",
			"Bearer x",
			`Basic ${TOKEN}`,
			`Bearer ${TOKEN}x`,
			`Bearer ${TOKEN.slice(1)}`,
		]) {
			const reply = await fetch(url + path, { headers: authorization === "" ? {} : { authorization } });
			expect(reply.status).toBe(401);
			expect(reply.headers.get("www-authenticate")).toBe("Bearer");
			expect(await reply.json()).toEqual({
				error: {
					message: "a valid bearer token is required",
					type: "authentication_error",
					code: "unauthorized",
				},
			});
		}
	}
	expect((await fetch(`${url}/health`)).status).toBe(200);
	expect((await send("GET", "/sessions")).status).toBe(200);
});

test("only listed paths reach the engine, it never sees our token, and its redirects are not followed", async () => {
	await cluster.sim.reset();
	for (const path of [
		"/v1/files",
		"/flush_cache",
		"/v1/models/",
		"/v1/models;x",
		"/v1//models",
		"/V1/models",
	]) {
		const reply = await send("GET", `/sessions/a${path}`);
		expect([path, reply.status]).toEqual([path, 404]);
	}
	for (const path of ["/../v1/models", "/%2e%2e/flush_cache", "/v1%2fmodels", "/v1/models/%2e%2e/x"]) {
		// fetch would tidy the path up: the bytes as they are.
		const { rawRequest } = await import("../support/raw-client.js");
		const head = `GET /sessions/a${path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${TOKEN}\r\n\r\n`;
		expect([path, (await rawRequest(Number(new URL(url).port), head)).status]).toEqual([path, 400]);
	}
	expect(await cluster.sim.requests()).toEqual([]);
	expect((await send("GET", "/sessions/a/v1/models")).status).toBe(200);
	await cluster.sim.script({
		status: 302,
		headers: [["location", "http://127.0.0.1:1/elsewhere"]],
		body: "",
	});
	const moved = await send(
		"POST",
		"/sessions/a/v1/chat/completions",
		'{"messages":[{"role":"user","content":"x"}]}',
	);
	expect(moved.status).toBe(302);
	for (const request of await cluster.sim.requests()) {
		expect(JSON.stringify(request)).not.toContain(TOKEN);
	}
	expect(
		(
			await send(
				"POST",
				"/sessions/b/v1/chat/completions",
				chatBody({ messages: [{ role: "user", content: "x" }] }),
			)
		).status,
	).toBe(200);
	const seen = await cluster.sim.requests();
	expect(seen.length).toBeGreaterThan(1);
	expect(JSON.stringify(seen)).not.toContain(TOKEN);
});

test("no credential of a client reaches the engine, on a chat or on what is passed through; other headers do", async () => {
	await cluster.sim.reset();
	const credentials = ["cookie", "x-api-key", "x-auth-token", "proxy-authorization", "x-amz-security-token"];
	const headers = {
		...Object.fromEntries(credentials.map((name) => [name, `credential-${name}`])),
		"x-trace": "kept",
	};
	const body = chatBody({ messages: [{ role: "user", content: "x" }] });
	expect((await send("POST", "/sessions/c/v1/chat/completions", body, headers)).status).toBe(200);
	expect((await send("GET", "/sessions/c/v1/models", undefined, headers)).status).toBe(200);
	const seen = (await cluster.sim.requests()).map((request) => JSON.stringify(request));
	expect(seen.filter((request) => request.includes("kept"))).toHaveLength(2);
	expect(seen.join()).not.toContain("credential-");
});

test("keys named like prototype members are data, in metadata and in chats", async () => {
	const metadata = '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":2}}}';
	const made = await send("POST", "/sessions", `{"metadata":${metadata},"__proto__":{"ttl_seconds":1}}`);
	const { session_id: id, expires_at, created_at } = (await made.json()) as Record<string, number | string>;
	expect(Number(expires_at) - Number(created_at)).toBeGreaterThan(1_000);
	const message = `{"role":"user","content":"x","__proto__":{"role":"assistant"},"constructor":1}`;
	const body = `{"model":"m","max_tokens":8,"__proto__":{"stream":true},"messages":[${message}]}`;
	const reply = await send("POST", `/sessions/${id}/v1/chat/completions`, body);
	expect(reply.status).toBe(200);
	expect(reply.headers.get("content-type")).toContain("application/json");
	const told = await (await send("GET", `/sessions/${id}`)).text();
	expect(told).toContain(metadata);
	expect(told).toContain(message);
	const other = (await (await send("GET", "/cluster")).json()) as Record<string, unknown>;
	expect(other["polluted"]).toBeUndefined();
});

test("logs hold no message text, no token and no header of a client, at any level and whatever goes wrong", async () => {
	const path = "/sessions/quiet/v1/chat/completions";
	const opening = { role: "user", content: SECRET };
	const bodies = [
		chatBody({ messages: [opening] }),
		chatBody({ messages: [{ role: "user", content: `${SECRET} other` }] }),
		chatBody({ messages: [{ role: "assistant", content: SECRET }] }),
		chatBody({ messages: SECRET }),
		chatBody({ messages: [{ role: SECRET, content: 1 }], tools: SECRET }),
		`{"messages":["${SECRET}`,
	];
	const statuses: number[] = [];
	for (const body of bodies) statuses.push((await send("POST", path, body, { "x-note": SECRET })).status);
	for (const fault of ["reset-inside", "garbage", "truncate-length"] as const) {
		await cluster.sim.script({ fault, text: SECRET });
		statuses.push((await send("POST", "/sessions/quiet2/v1/chat/completions", bodies[0])).status);
	}
	await cluster.sim.script({ status: 500, body: SECRET });
	statuses.push((await send("POST", "/sessions/quiet2/v1/chat/completions", bodies[0])).status);
	expect(statuses[0]).toBe(200);
	// The first two are turns, the second in the place of the first; everything else goes wrong in a way of its own.
	expect(statuses.map((status) => status >= 400).lastIndexOf(false)).toBe(1);
	await send("POST", "/sessions", JSON.stringify({ metadata: { note: SECRET } }));
	await cluster.event("chat_done", 5_000, (record) => record["code"] === "upstream_status");
	const logged = JSON.stringify(cluster.records) + cluster.strayLines.join() + cluster.stderr;
	expect(logged).toContain("quiet2");
	expect(logged).not.toContain(SECRET);
	expect(logged).not.toContain(TOKEN);
});
