// Connections of plain requests: replies as the worker wrote them, and node's server from the first request that is not plain.
import { randomBytes } from "node:crypto";
import { connect, createServer, type Server, type Socket } from "node:net";
import { afterEach, expect, test, vi } from "vitest";
import { type RouterRig, startRouter } from "../support/router-rig.js";
import { until, within } from "../support/wait.js";

const ON_0 = "00".padEnd(32, "0");
let rig: RouterRig | undefined;
let worker: Server | undefined;
const clients: Socket[] = [];
afterEach(async () => {
	vi.useRealTimers();
	for (const client of clients.splice(0)) client.destroy();
	await rig?.close();
	worker?.close();
	rig = undefined;
	worker = undefined;
});

interface Client {
	socket: Socket;
	text: string;
	closed: boolean;
}

function open(port: number): Client {
	const socket = connect({ port, host: "127.0.0.1" });
	clients.push(socket);
	const client: Client = { socket, text: "", closed: false };
	socket.on("data", (piece) => {
		client.text += piece.toString("latin1");
	});
	socket.on("error", () => undefined);
	socket.on("close", () => {
		client.closed = true;
	});
	return client;
}

const get = (path: string, headers = ""): string =>
	`GET /sessions/${ON_0}${path} HTTP/1.1\r\nHost: x\r\n${headers}\r\n`;
const post = (path: string, framing: string, body: string): string =>
	`POST /sessions/${ON_0}${path} HTTP/1.1\r\nHost: x\r\n${framing}\r\n\r\n${body}`;

/** A worker of raw bytes: `answer` gets each read and the socket. */
async function withRawWorker(answer: (text: string, socket: Socket) => void): Promise<RouterRig> {
	rig = await startRouter([null]);
	const address = rig.snapshot.workers[0]?.address;
	worker = createServer((socket) => {
		socket.on("data", (bytes) => answer(bytes.toString("latin1"), socket));
		socket.on("error", () => undefined);
	});
	const path = address?.kind === "socket" ? address.path : "";
	await new Promise<void>((resolve) => worker?.listen(path, resolve));
	return rig;
}

const HEAD =
	"HTTP/1.1 200 OK\r\nx-request-id: my-id\r\nX-Odd: 1\r\nDate: Sat, 28 Nov 2026 10:00:00 GMT\r\nConnection: keep-alive\r\nKeep-Alive: timeout=75\r\n";

test.each([
	["with a length", `${HEAD}Content-Length: 5\r\n\r\nhello`],
	["in chunks", `${HEAD}Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n`],
	["without a body", `${HEAD.replace("200 OK", "204 No Content")}\r\n`],
])("a reply %s goes to the client as the worker wrote it", async (_how, reply) => {
	const { port } = await withRawWorker((_text, socket) => void socket.write(reply, "latin1"));
	const client = open(port);
	for (let round = 1; round <= 3; round += 1) {
		client.socket.write(get("/a", "X-Request-Id: my-id\r\n"));
		await until("the reply", 2_000, () => client.text.length >= reply.length * round);
		expect(client.text).toBe(reply.repeat(round));
	}
});

test.each([
	["no date", /^date: .*GMT$/im, HEAD.replace(/Date.*\r\n/, "")],
	["no request id", /^x-request-id: my-id$/m, HEAD.replace(/x-request-id.*\r\n/, "")],
	[
		"the end of its connection",
		/^connection: keep-alive$/m,
		HEAD.replace("Connection: keep-alive", "Connection: close"),
	],
	[
		"a header of its connection",
		/^connection: keep-alive$/m,
		HEAD.replace("Keep-Alive: timeout=75", "Proxy-Connection: x"),
	],
])("a head with %s is written anew, and its body goes behind it", async (_what, expected, head) => {
	const { port } = await withRawWorker(
		(_text, socket) => void socket.write(`${head}Content-Length: 5\r\n\r\nhello`),
	);
	const client = open(port);
	client.socket.write(get("/a", "X-Request-Id: my-id\r\n"));
	await until("the reply", 2_000, () => client.text.endsWith("\r\n\r\nhello"));
	expect(client.text).toMatch(expected);
	expect(client.text).toMatch(/^X-Odd: 1$/m);
	for (const name of ["connection", "keep-alive", "date", "x-request-id"])
		expect(client.text.match(new RegExp(`^${name}: `, "gim"))).toHaveLength(1);
	expect(client.text).not.toMatch(/proxy-connection/i);
});

test("a reply that comes byte by byte arrives whole", async () => {
	const reply = `${HEAD}Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n`;
	const { port } = await withRawWorker(async (_text, socket) => {
		for (const byte of reply) {
			socket.write(byte, "latin1");
			await new Promise((resolve) => setImmediate(resolve));
		}
	});
	const client = open(port);
	client.socket.write(get("/a"));
	await until("the reply", 5_000, () => client.text.endsWith("0\r\n\r\n"));
	expect(client.text).toMatch(/\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n$/);
});

test("a client that reads in fits and starts gets every byte: what it has not taken is not read over", async () => {
	const body = randomBytes(12 * 1024 * 1024);
	// In pieces below what makes a write wait: a part of one is left over while the next is read already.
	const { port } = await withRawWorker(async (_text, socket) => {
		socket.write(`${HEAD}Content-Length: ${body.length}\r\n\r\n`);
		for (let at = 0; at < body.length; at += 3_000) {
			if (!socket.write(body.subarray(at, at + 3_000)))
				await new Promise((resolve) => socket.once("drain", resolve));
			else await new Promise((resolve) => setImmediate(resolve));
		}
	});
	const { socket } = open(port);
	socket.removeAllListeners("data");
	const pieces: Buffer[] = [];
	let bytes = 0;
	socket.on("data", (piece) => {
		pieces.push(piece);
		bytes += piece.length;
		if (pieces.length % 64 !== 1) return;
		// Until what the sockets between take is full.
		socket.pause();
		setTimeout(() => socket.resume(), 150);
	});
	socket.write(get("/a"));
	await until("all of it", 20_000, () => bytes > body.length);
	const text = Buffer.concat(pieces);
	expect(text.subarray(text.indexOf("\r\n\r\n") + 4).equals(body)).toBe(true);
});

test("bytes of a worker behind the end of its reply cut the client off", async () => {
	const { port } = await withRawWorker(
		(_text, socket) => void socket.write(`${HEAD}Content-Length: 5\r\n\r\nhelloHTTP/1.1 200`),
	);
	const client = open(port);
	client.socket.write(get("/a"));
	await until("the refusal", 2_000, () => client.text !== "" || client.closed);
	expect(client.text).not.toContain("hello");
});

test("a connection goes on with node's server from its first request that is not plain, and no request is lost", async () => {
	const seen: string[] = [];
	rig = await startRouter([
		(req, res) => {
			let body = "";
			req.on("data", (piece: Buffer) => {
				body += piece.toString();
			});
			req.on("end", () => {
				seen.push(`${req.url?.slice(-2)} ${body}`);
				res.end(`<${body}>`);
			});
		},
	]);
	const client = open(rig.port);
	client.socket.write(post("/a", "Content-Length: 1", "1"));
	await until("the first reply", 2_000, () => client.text.includes("<1>"));
	// All at once: the plain one behind the chunked one must wait for it, and go the same way.
	client.socket.write(
		post("/b", "Content-Length: 1", "2") +
			post("/a", "Transfer-Encoding: chunked", "1\r\n3\r\n0\r\n\r\n") +
			post("/b", "Content-Length: 1", "4") +
			"GET /health HTTP/1.1\r\nHost: x\r\n\r\n",
	);
	await until("the last reply", 2_000, () => client.text.includes("session_server_instance_id"));
	expect(seen).toEqual(["/a 1", "/b 2", "/a 3", "/b 4"]);
	expect([...client.text.matchAll(/<(\d)>/g)].map(([, digit]) => digit)).toEqual(["1", "2", "3", "4"]);
});

test("a body that comes in pieces reaches the worker whole, its head with the first of them", async () => {
	const reads: string[] = [];
	const { port } = await withRawWorker((text, socket) => {
		reads.push(text);
		if (text.endsWith("end")) socket.write(`${HEAD}Content-Length: 2\r\n\r\nok`);
	});
	const client = open(port);
	client.socket.write(post("/a", "Content-Length: 6", ""));
	await new Promise((resolve) => setTimeout(resolve, 30));
	expect(reads).toEqual([]);
	client.socket.write("the");
	await until("the first piece", 2_000, () => reads.length === 1);
	client.socket.write("end");
	await until("the reply", 2_000, () => client.text.endsWith("ok"));
	expect(reads[0]).toMatch(/\r\ncontent-length: 6\r\n\r\nthe$/);
	expect(reads[1]).toBe("end");
});

test("a client that ends its side while its request runs is gone: the worker's request is cut", async () => {
	let arrived = false;
	let cut = false;
	const { port, router } = await withRawWorker((_text, socket) => {
		arrived = true;
		socket.on("close", () => {
			cut = true;
		});
	});
	const client = open(port);
	client.socket.write(get("/a"));
	await until("the request", 2_000, () => arrived);
	client.socket.end();
	await until("the cut", 2_000, () => cut);
	await until("its end", 2_000, () => client.closed);
	// Nothing of it is left that a drain would wait for.
	await within("the drain", 2_000, router.drain());
});

test("a client that sends nothing for 10 s is 408; one that is idle for 75 s between requests is closed", async () => {
	vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "performance"] });
	const { port } = await withRawWorker(
		(_text, socket) => void socket.write(`${HEAD}Content-Length: 2\r\n\r\nok`),
	);
	const silent = open(port);
	const kept = open(port);
	kept.socket.write(get("/a"));
	await real(() => kept.text.endsWith("ok"));
	vi.advanceTimersByTime(9_000);
	await real(() => true);
	expect(silent.text).toBe("");
	vi.advanceTimersByTime(2_000);
	await real(() => silent.closed);
	expect(silent.text).toMatch(/^HTTP\/1\.1 408 /);
	expect(silent.text).toContain("request_timeout");
	vi.advanceTimersByTime(60_000);
	await real(() => true);
	expect(kept.closed).toBe(false);
	vi.advanceTimersByTime(10_000);
	await real(() => kept.closed);
	expect(kept.text.endsWith("ok")).toBe(true);
});

test("a drain waits for a plain request that runs, and its reply says that it is the last", async () => {
	let answer: (() => void) | undefined;
	const { port, router } = await withRawWorker((_text, socket) => {
		answer = () => void socket.write(`${HEAD}Content-Length: 2\r\n\r\nok`);
	});
	const busy = open(port);
	busy.socket.write(get("/a"));
	await until("the request", 2_000, () => answer);
	let drained = false;
	void router.drain().then(() => {
		drained = true;
	});
	await new Promise((resolve) => setTimeout(resolve, 30));
	expect(drained).toBe(false);
	answer?.();
	await until("the drain", 2_000, () => drained);
	await until("the end", 2_000, () => busy.closed);
	expect(busy.text).toMatch(/^connection: close$/m);
	expect(busy.text).toMatch(/\r\n\r\nok$/);
});

/** `performance` stands still here, so the deadline is counted in tries. */
async function real(probe: () => boolean): Promise<void> {
	for (let tries = 0; tries < 300; tries += 1) {
		await new Promise((resolve) => setTimeout(resolve, 10));
		if (probe()) return;
	}
	expect("it happened within 3 s").toBe("true");
}
