// Owns the table of what becomes of an engine that refuses, breaks off, lies or keeps silent. Nothing is sent twice.

import type { AddressInfo, Socket } from "node:net";
import { createServer } from "node:net";
import { describe, expect, it } from "vitest";
import { httpReply } from "../support/raw-engine.js";
import { until, within } from "../support/wait.js";
import { chatRequest, clientOf, GOOD_REPLY, rawEngine } from "./client-support.js";

const HEAD = `HTTP/1.1 200 OK\r\ncontent-length: ${GOOD_REPLY.length}\r\n\r\n`;
const PART = GOOD_REPLY.slice(0, 60);

describe("an engine that misbehaves", () => {
	it.each<[string, (socket: Socket) => void, string]>([
		["closes without an answer", (socket) => socket.end(), "upstream_unreachable"],
		["resets without an answer", (socket) => socket.resetAndDestroy(), "upstream_unreachable"],
		["closes inside the headers", (socket) => socket.end("HTTP/1.1 200 OK\r\nconte"), "upstream_unreachable"],
		["closes inside the body", (socket) => socket.end(HEAD + PART), "upstream_unreachable"],
		[
			"resets inside the body",
			(socket) => socket.write(HEAD + PART, () => setImmediate(() => socket.resetAndDestroy())),
			"upstream_unreachable",
		],
		[
			"says close and sends less than it declared",
			(socket) => socket.end(HEAD.replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n") + PART),
			"upstream_invalid",
		],
		[
			"breaks off a close-delimited reply",
			(socket) => socket.end(`HTTP/1.1 200 OK\r\n\r\n${PART}`),
			"upstream_invalid",
		],
		[
			"breaks off a chunked reply",
			(socket) => socket.end(`HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n40\r\n${PART}`),
			"upstream_unreachable",
		],
		["sends garbage for HTTP", (socket) => socket.write("garbage\r\n\r\n"), "upstream_invalid"],
		[
			"sends a bad chunk size",
			(socket) => socket.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"),
			"upstream_invalid",
		],
		[
			"sends huge headers",
			(socket) => socket.write(`HTTP/1.1 200 OK\r\nx-a: ${"a".repeat(100_000)}\r\n\r\n`),
			"upstream_invalid",
		],
		["sends text for JSON", (socket) => socket.write(httpReply("<html>")), "upstream_invalid"],
		["sends nothing for JSON", (socket) => socket.write(httpReply("")), "upstream_invalid"],
		["sends NaN", (socket) => socket.write(httpReply(GOOD_REPLY.replace("-0.5", "NaN"))), "upstream_invalid"],
		[
			"sends invalid UTF-8",
			(socket) => socket.write(httpReply(Buffer.from(GOOD_REPLY.replace("hi", "h\u00e9"), "latin1"))),
			"upstream_invalid",
		],
		[
			"sends two documents",
			(socket) => socket.write(httpReply(`${GOOD_REPLY}${GOOD_REPLY}`)),
			"upstream_invalid",
		],
		[
			"sends a wrong count",
			(socket) => socket.write(httpReply(GOOD_REPLY.replace('tokens":1', 'tokens":2'))),
			"upstream_invalid",
		],
		[
			"sends a string id",
			(socket) => socket.write(httpReply(GOOD_REPLY.replace(",7,", ',"7",'))),
			"upstream_invalid",
		],
		["sends no choices", (socket) => socket.write(httpReply('{"choices":[]}')), "upstream_invalid"],
		[
			"saw other prompt ids",
			(socket) => socket.write(httpReply(GOOD_REPLY.replace('"index":0', '"prompt_token_ids":[1,3]'))),
			"upstream_rendered_itself",
		],
		[
			"compresses unasked",
			(socket) => socket.write(httpReply(GOOD_REPLY, "200 OK", "content-encoding: gzip\r\n")),
			"upstream_invalid",
		],
		[
			"switches protocols",
			(socket) => socket.write("HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"),
			"upstream_unreachable",
		],
	])("%s", async (_name, misbehave, code) => {
		const engine = await rawEngine(({ socket }) => misbehave(socket));
		const client = clientOf(engine.url);
		const failure = await within(
			"the chat to fail",
			5000,
			client.chat(chatRequest()).catch((error: unknown) => error),
		);
		expect(failure).toMatchObject({ name: "RollpinError", code, status: 502 });
		expect(String(failure)).not.toContain(engine.url.slice(7));
		await new Promise((resolve) => setImmediate(resolve));
		expect(engine.requests).toHaveLength(1);
	});

	it("refuses connections: unreachable, with the code and the time for the log", async () => {
		const engine = await rawEngine(() => undefined);
		await engine.close();
		const failure = await clientOf(engine.url)
			.chat(chatRequest())
			.catch((error: unknown) => error);
		expect(failure).toMatchObject({
			code: "upstream_unreachable",
			message: expect.stringMatching(/^backend transport error: ECONNREFUSED/),
			details: { transportCode: "ECONNREFUSED", elapsedMs: expect.any(Number) },
		});
	});

	it("closes what payloads would be compared with, once each, also where the breaker lets nothing be sent", async () => {
		const engine = await rawEngine(() => undefined);
		await engine.close();
		const client = clientOf(engine.url);
		for (let attempt = 0; attempt < 7; attempt++) {
			let closed = 0;
			const cursor = {
				read: async () => 0,
				readNow: () => 0,
				close: async () => {
					closed++;
				},
			};
			const refused = client.chat(chatRequest({ knownPayloads: [cursor] }));
			const code = attempt < 5 ? "upstream_unreachable" : "upstream_breaker_open";
			await expect(refused).rejects.toMatchObject({ code });
			expect(closed).toBe(1);
		}
	});

	it("has a name that does not resolve: unreachable", async () => {
		const failure = clientOf("http://engine.invalid:1").chat(chatRequest());
		await expect(failure).rejects.toMatchObject({ code: "upstream_unreachable", status: 502 });
	});

	it.each<[string, (socket: Socket) => void]>([
		["says nothing", () => undefined],
		["stops inside the headers", (socket) => socket.write("HTTP/1.1 200 OK\r\n")],
		["stops inside the body", (socket) => socket.write(HEAD + PART)],
		[
			"drips for longer than the deadline",
			(socket) => {
				socket.write("HTTP/1.1 200 OK\r\n\r\n[");
				const drip = setInterval(() => socket.write(" "), 20);
				socket.once("close", () => clearInterval(drip));
			},
		],
	])("%s: 504 at the deadline, and the connection is closed", async (_name, misbehave) => {
		const engine = await rawEngine(({ socket }) => misbehave(socket));
		const startedAt = performance.now();
		const failure = clientOf(engine.url, { timeoutMs: 300 }).chat(chatRequest());
		await expect(failure).rejects.toMatchObject({ code: "upstream_timeout", status: 504 });
		expect(performance.now() - startedAt).toBeLessThan(5000);
		await within("the connection to close", 2000, engine.requests[0]?.closed ?? Promise.reject());
	});

	it("bounds replies of any status", async () => {
		const engine = await rawEngine(({ socket }) => socket.write(httpReply("x".repeat(5000), "500 Oops")));
		const refusal = clientOf(engine.url, { maxRefusalBytes: 1000 }).chat(chatRequest());
		await expect(refusal).rejects.toMatchObject({
			code: "upstream_invalid",
			message: /larger than 1000 bytes \(--max-reply-mib\)/,
		});
		const good = await rawEngine(({ socket }) => socket.write(httpReply(GOOD_REPLY)));
		const reply = clientOf(good.url, { maxReplyBytes: () => 100 }).chat(chatRequest());
		await expect(reply).rejects.toMatchObject({ code: "upstream_invalid", message: /larger than 100 bytes/ });
	});
});

describe("an engine that closes pooled connections", () => {
	it("loses nothing when the close came before the next request: a new connection is taken", async () => {
		const engine = await rawEngine(({ socket }) => socket.end(httpReply(GOOD_REPLY)));
		const client = clientOf(engine.url);
		for (let turn = 1; turn <= 20; turn++) {
			await expect(client.chat(chatRequest())).resolves.toMatchObject({ kind: "generated" });
			expect(engine.requests).toHaveLength(turn);
		}
		expect(engine.connections).toBe(20);
	});

	it("gets no second request when it closes upon one: it may have begun to generate", async () => {
		const engine = await rawEngine(({ socket, onConnection }) => {
			if (onConnection === 1) socket.write(httpReply(GOOD_REPLY));
			else socket.resetAndDestroy();
		});
		const client = clientOf(engine.url);
		let failed = 0;
		for (let turn = 1; turn <= 8; turn++) {
			try {
				await client.chat(chatRequest());
			} catch (error) {
				expect(error).toMatchObject({ code: "upstream_unreachable" });
				failed++;
			}
			expect(engine.requests).toHaveLength(turn);
		}
		expect(failed).toBeGreaterThan(0);
	});

	it("never accepts a connection: 504 at the deadline", async () => {
		const server = createServer({ pauseOnConnect: true });
		await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", 1, resolve));
		const { port } = server.address() as AddressInfo;
		const accepted: Socket[] = [];
		server.on("connection", (socket) => accepted.push(socket));
		const chat = clientOf(`http://127.0.0.1:${port}`, { timeoutMs: 200 }).chat(chatRequest());
		await expect(chat).rejects.toMatchObject({ code: "upstream_timeout" });
		await until("the connection", 1000, () => accepted.length > 0);
		for (const socket of accepted) socket.destroy();
		await new Promise((resolve) => server.close(resolve));
	});
});
