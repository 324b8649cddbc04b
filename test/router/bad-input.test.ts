// Requests that are none, or none of ours: the front answers them itself and no worker hears of them.
import { afterAll, beforeAll, expect, test } from "vitest";
import { rawRequest } from "../support/raw-client.js";
import { type RouterRig, startRouter } from "../support/router-rig.js";

let rig: RouterRig;
let reachedWorker = 0;

beforeAll(async () => {
	rig = await startRouter([
		(req, res) => {
			reachedWorker += 1;
			req.resume();
			req.on("end", () => res.end("reached"));
		},
	]);
});
afterAll(async () => {
	await rig.close();
});

const HOST = "Host: x\r\n";
const line = (target: string, rest = HOST, method = "GET"): string =>
	`${method} ${target} HTTP/1.1\r\n${rest}\r\n`;
const post = (headers: string, body = ""): string =>
	`POST /sessions HTTP/1.1\r\n${HOST}${headers}\r\n${body}`;

const ROWS: Array<[what: string, bytes: string, status: number | number[], closes: boolean]> = [
	["garbage", "garbage\r\n\r\n", 400, true],
	["a TLS hello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, true],
	["no Host", line("/health", ""), 400, true],
	["two Hosts", line("/health", `${HOST}${HOST}`), 400, true],
	["an empty Host", line("/health", "Host: \r\n"), 400, true],
	[
		"a length and a transfer coding",
		post("Content-Length: 2\r\nTransfer-Encoding: chunked\r\n", "{}"),
		400,
		true,
	],
	["two lengths", post("Content-Length: 2\r\nContent-Length: 2\r\n", "{}"), 400, true],
	["a malformed length", post("Content-Length: 2x\r\n", "{}"), 400, true],
	["a negative length", post("Content-Length: -2\r\n", "{}"), 400, true],
	["a transfer coding of gzip", post("Transfer-Encoding: gzip\r\n"), 400, true],
	[
		"a transfer coding of gzip, chunked",
		post("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"),
		400,
		true,
	],
	[
		"a transfer coding on HTTP/1.0",
		"POST /sessions HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		400,
		true,
	],
	["a bare LF in the headers", "GET /health HTTP/1.1\nHost: x\n\n", 400, true],
	["a bare CR in a header", `GET /health HTTP/1.1\r\n${HOST}a: b\rc\r\n\r\n`, 400, true],
	["a NUL in a header", `GET /health HTTP/1.1\r\n${HOST}a: b\0c\r\n\r\n`, 400, true],
	["a folded header", `GET /health HTTP/1.1\r\n${HOST}a: b\r\n c\r\n\r\n`, 400, true],
	["a space before the colon", `GET /health HTTP/1.1\r\n${HOST}a : b\r\n\r\n`, 400, true],
	["headers of more than 16 KiB", line("/health", `${HOST}a: ${"x".repeat(17_000)}\r\n`), 431, true],
	["headers of far more than 16 KiB", line("/health", `${HOST}a: ${"x".repeat(60_000)}\r\n`), 431, true],
	["101 headers", line("/health", HOST + "a: b\r\n".repeat(100)), 431, true],
	["a target of more than 8 KiB", line(`/${"a".repeat(9_000)}`), 414, false],
	["a target of far more than 8 KiB", line(`/${"a".repeat(60_000)}`), 414, true],
	["an absolute target", line("http://x/health"), 400, false],
	["a target with two slashes", line("//x/health"), 400, false],
	["dot segments", line("/sessions/../health"), 400, false],
	["CONNECT", "CONNECT x:80 HTTP/1.1\r\nHost: x:80\r\n\r\n", 405, true],
	["TRACE", line("/sessions", HOST, "TRACE"), 405, false],
	["an unknown method", line("/sessions", HOST, "BREW"), 400, true],
	["an unrouted path", line("/nothing"), 404, false],
	["a declared body over the limit", post("Content-Length: 1048577\r\n"), 413, true],
	["a content-encoding", post("Content-Length: 2\r\nContent-Encoding: gzip\r\n", "{}"), 415, false],
	["another expectation", post("Content-Length: 2\r\nExpect: wonders\r\n", "{}"), 417, true],
];

test.each(ROWS)("%s is answered by the front", async (_what, bytes, status, closes) => {
	const before = reachedWorker;
	const reply = await rawRequest(rig.port, bytes);
	expect(reply.status).toBe(status);
	expect(reply.closed).toBe(closes);
	expect(JSON.parse(reply.body)).toMatchObject({
		error: { message: expect.any(String), code: expect.any(String) },
	});
	expect(reply.text.match(/^x-request-id: \S+/gim)).toHaveLength(1);
	expect(reply.text.match(/^date: /gim)).toHaveLength(1);
	expect(reachedWorker).toBe(before);
});

test("100 headers of 16 KiB in all are still fine", async () => {
	const reply = await rawRequest(
		rig.port,
		line("/health", `${HOST + "a: b\r\n".repeat(98)}b: ${"x".repeat(15_000)}\r\n`),
	);
	expect(reply.status).toBe(200);
});

test("a chunked body over the limit is 413 as soon as it is over, and the connection closes", async () => {
	const chunk = `10000\r\n${"x".repeat(0x10000)}\r\n`;
	const reply = await rawRequest(rig.port, post("Transfer-Encoding: chunked\r\n", chunk.repeat(17)));
	expect(reply.status).toBe(413);
	expect(reply.closed).toBe(true);
});

test("headers that do not come within 10 s are 408", async () => {
	const reply = await rawRequest(rig.port, "GET /health HTTP/1.1\r\nHost: x\r\n");
	expect(reply.status).toBe(408);
	expect(JSON.parse(reply.body)).toMatchObject({ error: { code: "request_timeout" } });
}, 20_000);
