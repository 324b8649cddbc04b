// Questions to an engine's own routes, against a real HTTP server.
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ask } from "../../src/engine/http/ask.js";

const LIMIT_MIB = 64;
const MIB = Buffer.alloc(1024 * 1024, " ");
const server = createServer(async (request, response) => {
	let body = "";
	for await (const piece of request) body += piece;
	if (request.url !== "/long") {
		response.end(JSON.stringify({ method: request.method, url: request.url, body }));
		return;
	}
	response.write("{}");
	for (let sent = 0; sent < LIMIT_MIB; sent++) response.write(MIB);
	response.end();
});
let url = "";
beforeAll(async () => {
	server.listen(0, "127.0.0.1");
	await once(server, "listening");
	url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
	server.closeAllConnections();
	server.close();
	await once(server, "close");
});

test("a base path stays in front, whatever slashes it ends in; a body makes it a POST", async () => {
	const { signal } = new AbortController();
	expect((await ask(`${url}/engine//`, "/info", signal)).body).toEqual({
		method: "GET",
		url: "/engine/info",
		body: "",
	});
	expect((await ask(url, "/tokenize", signal, "{}")).body).toEqual({
		method: "POST",
		url: "/tokenize",
		body: "{}",
	});
});

test("a reply that is longer than is read counts as none", async () => {
	const { body, status, text } = await ask(url, "/long", new AbortController().signal);
	expect({ body: typeof body, status, length: text.length }).toEqual({
		body: "undefined",
		status: 200,
		length: 0,
	});
});
