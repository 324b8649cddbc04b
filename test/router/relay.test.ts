// The relay against stand-in workers: bytes, framing, backpressure and every way a side can go away.
import { createHash, randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type RequestListener, request } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { afterEach, expect, test } from "vitest";
import { rawRequest } from "../support/raw-client.js";
import { type RouterRig, startRouter } from "../support/router-rig.js";
import { until, within } from "../support/wait.js";

const ON_0 = "00".padEnd(32, "0");
const ON_1 = "01".padEnd(32, "0");

let rig: RouterRig | undefined;
afterEach(async () => {
	await rig?.close();
	rig = undefined;
});

async function start(...args: Parameters<typeof startRouter>): Promise<RouterRig> {
	rig = await startRouter(...args);
	return rig;
}

const echo: RequestListener = (req, res) => {
	res.writeHead(200, { "content-type": "application/octet-stream", "x-rollpin-worker": "0" });
	req.pipe(res);
};

const tell: RequestListener = (req, res) => {
	const body = JSON.stringify({ method: req.method, url: req.url, raw: req.rawHeaders });
	req.resume();
	req.on("end", () => {
		res.writeHead(200, { "content-type": "application/json", "content-length": String(body.length) });
		res.end(body);
	});
};

test("an id goes to the worker that owns its partition, and only there", async () => {
	const named =
		(name: string): RequestListener =>
		(_req, res) =>
			void res.end(name);
	const { url } = await start([named("zero"), named("one")]);
	for (let round = 0; round < 3; round += 1) {
		expect(await (await fetch(`${url}/sessions/${ON_0}`)).text()).toBe("zero");
		expect(await (await fetch(`${url}/sessions/${ON_1}`)).text()).toBe("one");
	}
});

test("create mints an id on one of the chosen worker's partitions and says it in the internal header", async () => {
	const named =
		(index: number): RequestListener =>
		(req, res) =>
			void res.end(JSON.stringify({ index, id: req.headers["x-rollpin-session-id"] }));
	const { url } = await start([named(0), named(1)]);
	const chosen = new Set<number>();
	for (let round = 0; round < 40; round += 1) {
		const headers = { "x-rollpin-session-id": "forged" };
		const made = (await (await fetch(`${url}/sessions`, { method: "POST", headers })).json()) as {
			index: number;
			id: string;
		};
		expect(made.id).toMatch(/^[0-3][0-9a-f]{31}$/);
		expect(Number.parseInt(made.id.slice(0, 2), 16) % 2).toBe(made.index);
		chosen.add(made.index);
	}
	expect([...chosen].sort()).toEqual([0, 1]);
});

test("headers travel as sent, except hop-by-hop and internal ones", async () => {
	const { port } = await start([tell]);
	const reply = await rawRequest(
		port,
		`POST /sessions/${ON_0}/x?a=%20b HTTP/1.1\r\nHost: front\r\nX-Odd-Case: one\r\nx-odd-case: two\r\n` +
			"Connection: keep-alive, x-hop\r\nX-Hop: gone\r\nTE: trailers\r\nX-Rollpin-Session-Id: forged\r\n" +
			"X-Request-Id: my.id-1\r\nContent-Length: 2\r\n\r\n{}",
	);
	const { raw, url, method } = JSON.parse(reply.body) as { raw: string[]; url: string; method: string };
	expect(method).toBe("POST");
	expect(url).toBe(`/sessions/${ON_0}/x?a=%20b`);
	expect(raw).toEqual([
		"Host",
		"front",
		"X-Odd-Case",
		"one",
		"x-odd-case",
		"two",
		"x-request-id",
		"my.id-1",
		"content-length",
		"2",
	]);
	expect(reply.text.match(/^x-request-id: .*$/gim)).toEqual(["x-request-id: my.id-1"]);
	expect(reply.text.match(/^date: /gim)).toHaveLength(1);
});

test("an unsound request id is replaced by a fresh one, the same towards worker and client", async () => {
	const { port } = await start([tell]);
	const reply = await rawRequest(
		port,
		`GET /sessions/${ON_0} HTTP/1.1\r\nHost: x\r\nX-Request-Id: not sane!\r\n\r\n`,
	);
	const fresh = /^x-request-id: (\S+)$/im.exec(reply.text)?.[1];
	expect(fresh).toMatch(/^[0-9a-f]{32}$/);
	expect(JSON.parse(reply.body)).toMatchObject({ raw: expect.arrayContaining([fresh]) });
});

test.each([
	["with a length", false],
	["in chunks", true],
])("32 MiB go there and back unchanged %s", async (_how, chunked) => {
	const { port } = await start([echo], { limits: { ...limits(), maxBodyBytes: 64 * 1024 * 1024 } });
	const sent = randomBytes(32 * 1024 * 1024);
	const req = request({ port, path: `/sessions/${ON_0}/echo`, method: "POST" });
	if (!chunked) req.setHeader("content-length", sent.length);
	const reply = await within("the echo", 20_000, exchange(req, sent));
	expect(reply.status).toBe(200);
	expect(hash(reply.body)).toBe(hash(sent));
});

test("a client that does not read holds the worker's writing back", async () => {
	let written = 0;
	const { port } = await start([
		(_req, res) => {
			const piece = Buffer.alloc(1024 * 1024);
			res.writeHead(200, { "content-length": String(200 * piece.length) });
			const more = (): void => {
				while (written < 200) {
					written += 1;
					if (!res.write(piece)) return void res.once("drain", more);
				}
				res.end();
			};
			more();
		},
	]);
	const socket = connect({ port, host: "127.0.0.1" });
	socket.on("error", () => undefined);
	socket.pause();
	socket.write(`GET /sessions/${ON_0} HTTP/1.1\r\nHost: x\r\n\r\n`);
	await until("the worker to have begun", 5_000, () => written > 0);
	let last = -1;
	await until("the worker's writing to stand still", 10_000, async () => {
		const still = written === last;
		last = written;
		await new Promise((resolve) => setTimeout(resolve, 200));
		return still;
	});
	expect(written).toBeLessThan(60);
	let read = 0;
	socket.on("data", (piece) => {
		read += piece.length;
	});
	socket.resume();
	await until("the rest after reading on", 10_000, () => read > 200 * 1024 * 1024);
	socket.destroy();
});

test("a client that goes away closes the worker's request at once", async () => {
	let closed = false;
	let arrived = false;
	const { port } = await start([
		(req, res) => {
			arrived = true;
			req.resume();
			res.on("close", () => {
				closed = !res.writableFinished;
			});
		},
	]);
	const socket = connect({ port, host: "127.0.0.1" });
	socket.write(`GET /sessions/${ON_0} HTTP/1.1\r\nHost: x\r\n\r\n`);
	await until("the request at the worker", 5_000, () => arrived);
	socket.destroy();
	await until("the worker to see the close", 1_000, () => closed);
});

test("a worker that nobody serves is 503 with Retry-After, and not a byte is lost elsewhere", async () => {
	const { url, events } = await start([null, tell]);
	const reply = await fetch(`${url}/sessions/${ON_0}`);
	expect(reply.status).toBe(503);
	expect(reply.headers.get("retry-after")).toBe("1");
	expect(await reply.json()).toMatchObject({ error: { code: "worker_unavailable", type: "server_error" } });
	expect((await fetch(`${url}/sessions/${ON_1}`)).status).toBe(200);
	expect(events).toEqual([
		{ event: "relay_error", fields: expect.objectContaining({ worker: 0, code: "ENOENT" }) },
	]);
});

test("a worker that is not ready is 503 without being tried", async () => {
	const { url, router, snapshot } = await start([tell]);
	const workers = snapshot.workers.map((worker) => ({ ...worker, state: "down" as const, address: null }));
	router.update({ ...snapshot, phase: "degraded", workers });
	for (const [method, path] of [
		["GET", `/sessions/${ON_0}`],
		["POST", "/sessions"],
		["GET", "/sessions"],
	] as const) {
		const reply = await fetch(`${url}${path}`, { method });
		expect([method, path, reply.status]).toEqual([method, path, 503]);
	}
	const health = await fetch(`${url}/health`);
	expect(health.status).toBe(503);
	expect(await health.json()).toMatchObject({ status: "degraded", workers: { ready: 0, total: 1 } });
});

test("a worker is reached at a port as at a socket, its connection is kept, and closes when it is not ready", async () => {
	const { url, router, snapshot } = await start([null, tell]);
	const connections = new Set<Socket>();
	const server = createServer({ keepAliveTimeout: 60_000 }, echo).on("connection", (socket: Socket) => {
		connections.add(socket);
		socket.on("close", () => connections.delete(socket));
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	try {
		const { port } = server.address() as AddressInfo;
		const address = { kind: "tcp" as const, host: "127.0.0.1", port };
		const workers = snapshot.workers.map((worker) => (worker.index === 0 ? { ...worker, address } : worker));
		router.update({ ...snapshot, workers });
		const body = randomBytes(300_000);
		for (let round = 0; round < 2; round++) {
			const reply = await fetch(`${url}/sessions/${ON_0}/echo`, { method: "POST", body });
			expect(Buffer.from(await reply.arrayBuffer()).equals(body)).toBe(true);
			expect((await fetch(`${url}/sessions/${ON_1}`)).status).toBe(200);
		}
		expect(connections.size).toBe(1);
		const gone = workers.map((worker) => ({ ...worker, state: "down" as const, address: null }));
		router.update({ ...snapshot, workers: gone });
		await until("the connection's end", 2_000, () => connections.size === 0);
	} finally {
		server.closeAllConnections();
		server.close();
	}
});

test("a worker that drops the connection before a reply is 502 at once", async () => {
	const { url } = await start([(req) => void req.socket.destroy()]);
	const reply = await within("the 502", 1_000, fetch(`${url}/sessions/${ON_0}`));
	expect(reply.status).toBe(502);
	expect(await reply.json()).toMatchObject({ error: { code: "worker_unavailable" } });
});

test.each([
	["with a length", { "content-length": "1000" }],
	["in chunks", {}],
])("a reply that is cut %s is cut for the client too", async (_how, headers) => {
	let cut: (() => void) | undefined;
	const { url } = await start([
		(_req, res) => {
			res.writeHead(200, headers);
			res.write("half");
			cut = () => res.socket?.destroy();
		},
	]);
	const reply = await fetch(`${url}/sessions/${ON_0}`);
	expect(reply.status).toBe(200);
	cut?.();
	await expect(reply.text()).rejects.toThrow();
});

test("a head is passed on before its body begins", async () => {
	let finish: (() => void) | undefined;
	const { url } = await start([
		(_req, res) => {
			res.writeHead(200, { "content-type": "text/event-stream" });
			res.flushHeaders();
			finish = () => res.end("data: x\n\n");
		},
	]);
	const reply = await within("the head", 2_000, fetch(`${url}/sessions/${ON_0}`));
	expect(reply.headers.get("content-type")).toBe("text/event-stream");
	finish?.();
	expect(await reply.text()).toBe("data: x\n\n");
});

test("100-continue is answered by the router and the body follows", async () => {
	const { port } = await start([echo]);
	const req = request({
		port,
		path: `/sessions/${ON_0}/echo`,
		method: "POST",
		headers: { expect: "100-continue", "content-length": "5" },
	});
	const continued = new Promise<void>((resolve) => req.once("continue", resolve));
	req.flushHeaders();
	await within("100 Continue", 2_000, continued);
	const reply = await exchange(req, Buffer.from("hello"));
	expect(reply.body.toString()).toBe("hello");
});

test("HEAD, 204 and HTTP/1.0 keep their framing", async () => {
	const { port } = await start([
		(req, res) => {
			if (req.method === "DELETE") res.writeHead(204).end();
			else if (req.method === "HEAD") res.writeHead(200, { "content-length": "5" }).end();
			else res.write("he", () => res.end("llo"));
		},
	]);
	const head = await exchange(request({ port, path: `/sessions/${ON_0}`, method: "HEAD" }));
	expect([head.status, head.headers["content-length"], head.body.length]).toEqual([200, "5", 0]);
	const none = await exchange(request({ port, path: `/sessions/${ON_0}`, method: "DELETE" }));
	expect([none.status, none.body.length]).toEqual([204, 0]);
	const old = await rawRequest(port, `GET /sessions/${ON_0} HTTP/1.0\r\n\r\n`);
	expect(old.body).toBe("hello");
	expect(old.text).not.toMatch(/transfer-encoding/i);
});

test("an unknown path below a session is a 404 of the router's; no worker hears of it", async () => {
	const seen: string[] = [];
	const { url } = await start([
		(req, res) => {
			seen.push(req.url ?? "");
			res.end();
		},
	]);
	const reply = await fetch(`${url}/sessions/${ON_0}/nothing`, { method: "POST", body: "x" });
	expect(reply.status).toBe(404);
	const { error } = (await reply.json()) as { error: { code: string; message: string } };
	expect(error.code).toBe("not_found");
	expect(error.message).toContain(
		"there are /cancel, /extend, /samples, /turns, /verify, /v1/chat/completions",
	);
	expect((await fetch(`${url}/sessions/${ON_0}/echo`)).status).toBe(200);
	expect(seen).toEqual([`/sessions/${ON_0}/echo`]);
});

test("pipelined requests are answered in their order", async () => {
	const { port } = await start([
		(req, res) => void setTimeout(() => res.end(req.url), req.url?.endsWith("a") ? 50 : 0),
	]);
	const socket = connect({ port, host: "127.0.0.1" });
	let text = "";
	socket.on("data", (piece) => {
		text += piece.toString();
	});
	socket.write(["a", "b"].map((x) => `GET /sessions/${ON_0}/${x} HTTP/1.1\r\nHost: x\r\n\r\n`).join(""));
	await until("both replies", 2_000, () => text.includes(`${ON_0}/b`));
	expect(text.indexOf(`${ON_0}/a`)).toBeLessThan(text.indexOf(`${ON_0}/b`));
	socket.destroy();
});

test("with a token every route but /health asks for it", async () => {
	const { url, port } = await start([tell], { authToken: "s3cret" });
	const status = async (path: string, authorization?: string): Promise<number> =>
		(await fetch(url + path, authorization === undefined ? {} : { headers: { authorization } })).status;
	expect(await status("/health")).toBe(200);
	for (const path of ["/cluster", "/sessions", `/sessions/${ON_0}`, "/nothing"]) {
		expect(await status(path)).toBe(401);
		expect(await status(path, "Bearer wrong")).toBe(401);
		expect(await status(path, "s3cret")).toBe(401);
	}
	expect(await status(`/sessions/${ON_0}`, "Bearer s3cret")).toBe(200);
	const twice = "Authorization: Bearer s3cret\r\n".repeat(2);
	const reply = await rawRequest(port, `GET /cluster HTTP/1.1\r\nHost: x\r\n${twice}\r\n`);
	expect(reply.status).toBe(401);
	expect(reply.text).toMatch(/^www-authenticate: Bearer/im);
});

test("while draining, new requests are refused, running ones end, and connections close", async () => {
	let release: (() => void) | undefined;
	const { url, port, router } = await start([
		(_req, res) => {
			release = () => res.end("done");
		},
	]);
	const running = fetch(`${url}/sessions/${ON_0}`);
	await until("the running request", 2_000, () => release);
	const idle = router.drain();
	const late = await rawRequest(port, `GET /sessions/${ON_0} HTTP/1.1\r\nHost: x\r\n\r\n`);
	expect(late.status).toBe(503);
	expect(late.closed).toBe(true);
	expect(JSON.parse(late.body)).toMatchObject({ error: { code: "draining" } });
	release?.();
	expect(await (await running).text()).toBe("done");
	await within("the drain", 2_000, idle);
});

function limits(): import("../../src/config/cluster-config.js").Limits {
	return {
		maxBodyBytes: 1024 * 1024,
		maxMessages: 1,
		maxJsonDepth: 1,
		maxTurnsPerSession: 1,
		maxTokensPerSession: 1,
		maxSessionsPerWorker: 1,
		maxQueuePerSession: 1,
		maxInflightPerWorker: 10,
		maxInflightBytesPerWorker: 1,
		maxTreeNodes: 1,
		maxReplyBytes: 1_000_000,
	};
}

const hash = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");

async function exchange(
	req: ReturnType<typeof request>,
	body?: Buffer,
): Promise<{ status: number; headers: IncomingMessage["headers"]; body: Buffer }> {
	const replied = new Promise<IncomingMessage>((resolve, reject) => {
		req.once("response", resolve);
		req.once("error", reject);
	});
	req.end(body);
	const res = await replied;
	const pieces: Buffer[] = [];
	for await (const piece of res) pieces.push(piece as Buffer);
	return { status: res.statusCode ?? 0, headers: res.headers, body: Buffer.concat(pieces) };
}
