// rollpin status against a front whose worker is stuck: everything else is told, and it is not fine.
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { askStatus, statusText } from "../../src/console/status-view.js";

const WORKER = {
	worker: 0,
	state: "ready",
	pid: 1,
	epoch: 1,
	awaited: false,
	drain: false,
	heartbeat: null,
};
const CLUSTER = { status: "ok", started_at: 1, url: "http://front", upstream: null, workers: [WORKER] };

let server: Server;
let url: string;
/** Null: it never answers. */
let sessions: object | null;
beforeEach(async () => {
	server = createServer((request, response) => {
		const path = (request.url ?? "").split("?")[0];
		if (path === "/cluster") response.end(JSON.stringify(CLUSTER));
		else if (path === "/health") response.end('{"status":"ok","checks":{}}');
		else if (path === "/metrics") response.end("");
		else if (sessions !== null) response.end(JSON.stringify(sessions));
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => {
	server.closeAllConnections();
	return new Promise<void>((resolve) => server.close(() => resolve()));
});

test("a worker that does not list its sessions in time takes only that list away, and is not fine", async () => {
	sessions = null;
	const status = await askStatus({ url, authToken: null }, { betweenMs: 1, timeoutMs: 500 });
	expect([status.fine, status.slowest]).toEqual([false, null]);
	expect(statusText(status, 2)).toMatch(/^rollpin at http:\/\/front: NOT FINE; health ok, up 1s\n/);
});

test("one that does is fine, and its longest running chats come first", async () => {
	const row = { worker: 0, turns: 1, tokens: 1, created_at: 0, expires_at: 9, in_flight: 1, running: 1 };
	const running = [30, 10, null, 20].map((running_since, at) => ({
		...row,
		session_id: `s${at}`,
		running_since,
	}));
	sessions = { worker: 0, sessions: running, next_cursor: null };
	const status = await askStatus({ url, authToken: null }, { betweenMs: 1, timeoutMs: 20_000 });
	expect(status.fine).toBe(true);
	expect(status.slowest?.map(({ session_id }) => session_id)).toEqual(["s1", "s3", "s0"]);
});
