// Owns the proof that the pass-through changes no byte, keeps backpressure, and tells when the engine stops.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { PassThrough, Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { describe, expect, it, onTestFinished } from "vitest";
import type { EngineClient } from "../../src/engine/http/client.js";
import { until, within } from "../support/wait.js";
import { clientOf, rawEngine } from "./client-support.js";

async function httpEngine(
	answer: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<string> {
	const server = createServer(answer);
	onTestFinished(() => {
		server.closeAllConnections();
		return new Promise((resolve) => server.close(() => resolve()));
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

type Request = Parameters<EngineClient["passThrough"]>[0];

function request(overrides: Partial<Request> = {}): Request {
	return {
		method: "POST",
		path: "/generate?x=1",
		rawHeaders: [],
		routingKey: "s1",
		forwardAuthorization: false,
		body: Readable.from([Buffer.from("body")]),
		hasBody: true,
		signal: new AbortController().signal,
		...overrides,
	};
}

describe("EngineClient.passThrough", () => {
	it.each(["GET", "POST", "PUT", "DELETE", "PATCH"])(
		"relays %s with query, body and allow-listed headers",
		async (method) => {
			const seen: { head?: IncomingMessage; body?: Buffer } = {};
			const url = await httpEngine((incoming, response) => {
				void buffer(incoming).then((body) => {
					Object.assign(seen, { head: incoming, body });
					response.writeHead(418, { "x-engine": "1", "content-encoding": "weird", connection: "keep-alive" });
					response.end(Buffer.from([0, 255, 10, 13]));
				});
			});
			const hasBody = method !== "GET";
			const reply = await clientOf(`${url}/base`).passThrough(
				request({
					method,
					hasBody,
					rawHeaders: [
						"Content-Length",
						"4",
						"X-A",
						"1",
						"Cookie",
						"c",
						"Expect",
						"100-continue",
						"x-smg-routing-key",
						"evil",
					],
				}),
			);
			expect(await buffer(reply.body)).toEqual(Buffer.from([0, 255, 10, 13]));
			expect(reply.status).toBe(418);
			expect(reply.headers).toContainEqual(["content-encoding", "weird"]);
			expect(reply.headers.map(([name]) => name)).not.toContain("date");
			expect(seen.head?.url).toBe("/base/generate?x=1");
			expect(seen.head?.method).toBe(method);
			expect(seen.body?.toString()).toBe(hasBody ? "body" : "");
			expect(seen.head?.headers).toMatchObject({
				"x-a": "1",
				"x-smg-routing-key": "s1",
				"accept-encoding": "identity",
			});
			expect(seen.head?.headers).not.toHaveProperty("cookie");
			if (hasBody) expect(seen.head?.headers["content-length"]).toBe("4");
		},
	);

	it("sends a body of unknown length chunked", async () => {
		const url = await httpEngine((incoming, response) => {
			void buffer(incoming).then((body) =>
				response.end(`${incoming.headers["transfer-encoding"]} ${body.length}`),
			);
		});
		const reply = await clientOf(url).passThrough(request());
		expect((await buffer(reply.body)).toString()).toBe("chunked 4");
	});

	it("gives the reply's head before its end, and takes no more than the reader does", async () => {
		let written = 0;
		const total = 64 * 1024 * 1024;
		const url = await httpEngine((_incoming, response) => {
			response.on("error", () => undefined);
			const chunk = Buffer.alloc(64 * 1024);
			const fill = (): void => {
				while (written < total) {
					written += chunk.length;
					if (!response.write(chunk)) return void response.once("drain", fill);
				}
				response.end();
			};
			fill();
		});
		const reply = await clientOf(url).passThrough(request({ method: "GET", hasBody: false }));
		let before = -1;
		await until("the engine to be held up", 5000, async () => {
			const still = before === written;
			before = written;
			await new Promise((resolve) => setTimeout(resolve, 100));
			return still && written === before;
		});
		expect(written).toBeLessThan(total / 2);
		let length = 0;
		for await (const chunk of reply.body) length += (chunk as Buffer).length;
		expect(length).toBe(total);
	});

	it("fails the body when the engine breaks off, and the promise when it never began", async () => {
		const engine = await rawEngine(({ socket, head }) => {
			if (head.includes("/begin")) socket.end("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc");
			else socket.resetAndDestroy();
		});
		const client = clientOf(engine.url);
		const get = { method: "GET", hasBody: false };
		const reply = await client.passThrough(request({ ...get, path: "/begin" }));
		await expect(buffer(reply.body)).rejects.toMatchObject({ code: "upstream_unreachable" });
		await expect(client.passThrough(request({ ...get, path: "/never" }))).rejects.toMatchObject({
			code: "upstream_unreachable",
			message: expect.stringMatching(/^backend transport error/),
		});
	});

	it("is over at the deadline, before and inside the body", async () => {
		const engine = await rawEngine(({ socket, head }) => {
			if (head.includes("/begin")) socket.write("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc");
		});
		const client = clientOf(engine.url, { timeoutMs: 200 });
		const get = { method: "GET", hasBody: false };
		await expect(client.passThrough(request(get))).rejects.toMatchObject({ code: "upstream_timeout" });
		const reply = await client.passThrough(request({ ...get, path: "/begin" }));
		await expect(buffer(reply.body)).rejects.toMatchObject({ code: "upstream_timeout" });
	});

	it("is cancelled both ways by its signal, also while the client still sends", async () => {
		const engine = await rawEngine(({ socket }) =>
			socket.write("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc"),
		);
		const client = clientOf(engine.url);
		const controller = new AbortController();
		const reply = await client.passThrough(
			request({ method: "GET", hasBody: false, signal: controller.signal }),
		);
		controller.abort(new Error("client gone"));
		await expect(buffer(reply.body)).rejects.toThrow("client gone");
		await within("the connection to close", 2000, engine.requests[0]?.closed ?? Promise.reject());

		const sending = new AbortController();
		const body = new PassThrough();
		body.write("half");
		const failed = client.passThrough(request({ body, signal: sending.signal }));
		await until("the second connection", 2000, () => engine.connections === 2);
		sending.abort(new Error("gone while sending"));
		await expect(failed).rejects.toThrow("gone while sending");
	});

	it("closes the engine's connection when the reader gives the body up", async () => {
		const engine = await rawEngine(({ socket }) =>
			socket.write("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc"),
		);
		const reply = await clientOf(engine.url).passThrough(request({ method: "GET", hasBody: false }));
		reply.body.destroy();
		await within("the connection to close", 2000, engine.requests[0]?.closed ?? Promise.reject());
	});
});
