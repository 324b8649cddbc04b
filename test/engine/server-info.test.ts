// Reading what an engine is, against real HTTP servers.
import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { readIdentity } from "../../src/engine/sglang/server-info.js";

const servers: Server[] = [];
afterEach(async () => {
	for (const server of servers.splice(0)) {
		server.closeAllConnections();
		server.close();
		await once(server, "close");
	}
});

async function serving(listener: RequestListener): Promise<string> {
	const server = createServer(listener).listen(0, "127.0.0.1");
	servers.push(server);
	await once(server, "listening");
	return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const paths =
	(answers: Record<string, unknown>): RequestListener =>
	(request, response) => {
		const answer = answers[request.url ?? ""];
		response.statusCode = answer === undefined ? 404 : 200;
		response.end(typeof answer === "string" ? answer : JSON.stringify(answer ?? { error: "no route" }));
	};

test("the release stands in /server_info", async () => {
	const url = await serving(paths({ "/server_info": { version: "0.5.23", model_path: "m" } }));
	expect(await readIdentity(url)).toEqual({ kind: "sglang", release: "0.5.23" });
});

test("a gateway that passes only the older name on still tells the release behind it", async () => {
	const url = await serving(paths({ "/get_server_info": { version: "0.5.16" } }));
	expect(await readIdentity(url)).toEqual({ kind: "sglang", release: "0.5.16" });
});

test("a base path stays in front", async () => {
	const url = await serving(paths({ "/engine/server_info": { version: "0.5.14" } }));
	expect(await readIdentity(`${url}/engine`)).toEqual({ kind: "sglang", release: "0.5.14" });
});

test("sglang-router answers with facts of its own", async () => {
	const url = await serving(paths({ "/get_server_info": { router_manager: true, workers_count: 2 } }));
	expect(await readIdentity(url)).toEqual({ kind: "sglang-router" });
});

test("an engine that tells nothing is unknown, and why is said", async () => {
	const url = await serving(paths({ "/server_info": "<html>" }));
	expect(await readIdentity(url)).toEqual({
		kind: "unknown",
		reason: "/server_info answered 200, /get_server_info answered 404",
	});
});

test("nobody there is a code, and so is one who stays silent", async () => {
	expect(await readIdentity("http://127.0.0.1:9")).toEqual({ kind: "unreachable", code: "ECONNREFUSED" });
	const silent = await serving(() => undefined);
	expect(await readIdentity(silent, 200)).toEqual({ kind: "unreachable", code: "TIMEOUT" });
	const endless = await serving((_request, response) => void response.write("{"));
	expect(await readIdentity(endless, 200)).toEqual({ kind: "unreachable", code: "TIMEOUT" });
});
