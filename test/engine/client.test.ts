// Owns the proof of what goes out to the engine and comes back when both behave, and of cancelling.
import { describe, expect, it } from "vitest";
import { httpReply } from "../support/raw-engine.js";
import { until, within } from "../support/wait.js";
import { chatRequest, clientOf, GOOD_REPLY, rawEngine } from "./client-support.js";

describe("EngineClient.chat", () => {
	it("sends the chunks as one body with our headers, and reads the generation", async () => {
		const engine = await rawEngine(({ socket }) =>
			socket.write(httpReply(GOOD_REPLY, "200 OK", "X-Engine: caf\u00e9\r\n")),
		);
		const result = await clientOf(`${engine.url}/base/`).chat(chatRequest({ query: "?a=1&b=%20" }));
		const request = engine.requests[0];
		expect(request?.head.split("\r\n")[0]).toBe("POST /base/v1/chat/completions?a=1&b=%20 HTTP/1.1");
		expect(request?.head).toMatch(/\r\nx-custom: 1(\r\n|$)/);
		expect(request?.body.toString()).toBe('{"messages":[],"input_ids":[1,2]}');
		expect(result).toMatchObject({
			kind: "generated",
			generation: {
				finishReason: "stop",
				headers: [
					["content-type", "application/json"],
					["x-engine", "caf\u00e9"],
				],
				excerpts: [{ field: "routed_experts", choice: 0, byteLength: 4 }],
			},
		});
	});

	it("sends a large body without joining it, byte for byte", async () => {
		const engine = await rawEngine(({ socket }) => socket.write(httpReply(GOOD_REPLY)));
		const chunks = Array.from({ length: 40 }, (_, index) => Buffer.alloc(100_000, 0x61 + (index % 26)));
		const byteLength = 4_000_000;
		await clientOf(engine.url).chat(chatRequest({ chunks, byteLength }));
		expect(engine.requests[0]?.head).toMatch(/content-length: 4000000/i);
		expect(engine.requests[0]?.head).not.toMatch(/transfer-encoding/i);
		expect(engine.requests[0]?.body.equals(Buffer.concat(chunks))).toBe(true);
	});

	it.each([
		"201 Created",
		"204 No Content",
		"307 Temporary Redirect",
		"400 Bad Request",
		"503 Service Unavailable",
	])("hands %s on as the engine's own answer, and follows nothing", async (status) => {
		const body = status.startsWith("204") ? "" : '{ "error" : 1.0 }';
		const engine = await rawEngine(({ socket }) =>
			socket.write(httpReply(body, status, "Location: /elsewhere\r\nRetry-After: 3\r\n")),
		);
		const result = await clientOf(engine.url).chat(chatRequest());
		expect(result).toMatchObject({ kind: "refused", refusal: { status: Number(status.slice(0, 3)) } });
		if (result.kind !== "refused") return;
		expect(result.refusal.body.toString()).toBe(body);
		expect(result.refusal.headers).toContainEqual(["retry-after", "3"]);
		expect(engine.requests).toHaveLength(1);
	});

	it("ignores informational replies", async () => {
		const engine = await rawEngine(({ socket }) => {
			socket.write("HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n");
			socket.write(httpReply(GOOD_REPLY));
		});
		await expect(clientOf(engine.url).chat(chatRequest())).resolves.toMatchObject({ kind: "generated" });
	});

	it("takes a whole close-delimited reply, and a chunked one in single bytes", async () => {
		let chunked = false;
		const engine = await rawEngine(({ socket }) => {
			if (!chunked) {
				socket.end(`HTTP/1.1 200 OK\r\n\r\n${GOOD_REPLY}`);
				return;
			}
			const bytes = [...GOOD_REPLY].map((byte) => `1\r\n${byte}\r\n`).join("");
			socket.write(`HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${bytes}0\r\n\r\n`);
		});
		const client = clientOf(engine.url);
		await expect(client.chat(chatRequest())).resolves.toMatchObject({
			generation: { headers: [["content-type", "application/json"]] },
		});
		chunked = true;
		await expect(client.chat(chatRequest())).resolves.toMatchObject({ kind: "generated" });
	});

	it("reuses connections", async () => {
		const engine = await rawEngine(({ socket }) => socket.write(httpReply(GOOD_REPLY)));
		const client = clientOf(engine.url);
		for (let turn = 0; turn < 10; turn++) await client.chat(chatRequest());
		// One is not free again before the turn of the event loop in which its reply ended is over.
		expect(engine.connections).toBeLessThanOrEqual(2);
		expect(engine.requests).toHaveLength(10);
	});
});

describe("cancelling a chat", () => {
	it("destroys the connection at once and rejects with the signal's reason", async () => {
		const engine = await rawEngine(() => undefined);
		const controller = new AbortController();
		const chat = clientOf(engine.url).chat(chatRequest({ signal: controller.signal }));
		await until("the request to arrive", 5000, () => engine.requests.length === 1);
		const reason = new Error("the session was deleted");
		controller.abort(reason);
		await expect(chat).rejects.toBe(reason);
		await within("the connection to close", 2000, engine.requests[0]?.closed ?? Promise.reject());
	});

	it("does the same in the middle of a reply", async () => {
		const engine = await rawEngine(({ socket }) => {
			socket.write(
				`HTTP/1.1 200 OK\r\ncontent-length: ${GOOD_REPLY.length}\r\n\r\n${GOOD_REPLY.slice(0, 30)}`,
			);
		});
		const controller = new AbortController();
		const chat = clientOf(engine.url).chat(chatRequest({ signal: controller.signal }));
		await until("the request to arrive", 5000, () => engine.requests.length === 1);
		controller.abort(new Error("gone"));
		await expect(chat).rejects.toThrow("gone");
		await within("the connection to close", 2000, engine.requests[0]?.closed ?? Promise.reject());
	});

	it("sends nothing when it was cancelled before, or before there was a connection", async () => {
		const engine = await rawEngine(({ socket }) => socket.write(httpReply(GOOD_REPLY)));
		const client = clientOf(engine.url);
		const early = AbortSignal.abort(new Error("early"));
		await expect(client.chat(chatRequest({ signal: early }))).rejects.toThrow("early");
		const controller = new AbortController();
		const chat = client.chat(chatRequest({ signal: controller.signal }));
		controller.abort(new Error("while connecting"));
		await expect(chat).rejects.toThrow("while connecting");
		await client.chat(chatRequest());
		expect(engine.requests).toHaveLength(1);
	});
});
