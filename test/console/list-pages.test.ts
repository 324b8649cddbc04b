// The list of sessions as it comes page by page from a front: all pages, only what is shown is kept, nobody is missed in silence.
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ClusterClient } from "../../src/console/cluster-client.js";
import { listSessions, type SessionRow } from "../../src/console/session-list.js";

const ALL = { running: false, where: [], sort: null, limit: 1000 };
const row = (at: number): SessionRow => ({
	session_id: `s${at}`,
	worker: 0,
	turns: at % 7,
	tokens: (at * 37) % 100,
	created_at: 1000 - at,
	expires_at: 9000,
	in_flight: 0,
	running: 0,
	running_since: null,
});

let server: Server;
let client: ClusterClient;
let asked: string[];
/** By cursor; null: no worker from there on is up. */
let pages: Record<string, { worker: number; sessions: SessionRow[]; next_cursor: string | null } | null>;
beforeEach(async () => {
	asked = [];
	server = createServer(({ url = "", headers }, response) => {
		const { pathname, searchParams } = new URL(url, "http://x");
		if (headers.authorization !== "Bearer t") return void response.writeHead(401).end("{}");
		if (pathname === "/cluster") {
			return void response.end(JSON.stringify({ workers: [{ worker: 0 }, { worker: 1 }, { worker: 2 }] }));
		}
		asked.push(url);
		const page = pages[searchParams.get("cursor") ?? ""];
		if (page) return void response.end(JSON.stringify(page));
		const error = { message: "no worker that could list is ready", code: "worker_unavailable" };
		response.writeHead(503).end(JSON.stringify({ error }));
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
	client = new ClusterClient({ url, authToken: "t" });
});
afterEach(() => new Promise<void>((resolve) => server.close(() => resolve())));

test("follows the cursors to the end and keeps what sorts first, of however many there are", async () => {
	const rows = Array.from({ length: 3000 }, (_, at) => row(at));
	pages = {
		"": { worker: 0, sessions: rows.slice(0, 1000), next_cursor: "0:s999" },
		"0:s999": { worker: 0, sessions: rows.slice(1000, 2000), next_cursor: "1:" },
		"1:": { worker: 1, sessions: rows.slice(2000), next_cursor: "2:" },
		"2:": { worker: 2, sessions: [], next_cursor: null },
	};
	const oldest = await listSessions(client, { ...ALL, sort: "age", limit: 2 });
	expect([oldest.matched, oldest.missing]).toEqual([3000, []]);
	expect(oldest.sessions.map(({ session_id }) => session_id)).toEqual(["s2999", "s2998"]);
	const largest = await listSessions(client, { ...ALL, sort: "tokens", limit: 20 });
	expect(largest.sessions.map(({ tokens }) => tokens)).toEqual(Array(20).fill(99));
	const turns = await listSessions(client, { ...ALL, sort: "turns", limit: 1 });
	expect(turns.sessions[0]?.turns).toBe(6);
	expect((await listSessions(client, ALL)).sessions).toEqual(rows.slice(0, 1000));
});

test("hands what is asked for to the cluster", async () => {
	pages = { "": { worker: 0, sessions: [], next_cursor: null } };
	await listSessions(client, { ...ALL, running: true, where: ["a=b c", "d=e&f"] });
	const query = new URL(asked[0] ?? "", "http://x").searchParams;
	expect(query.getAll("where")).toEqual(["a=b c", "d=e&f"]);
	expect(query.get("running")).toBe("true");
});

test("names the workers that did not answer: passed over in the middle, or down at the end", async () => {
	pages = {
		"": { worker: 1, sessions: [row(1)], next_cursor: "2:" },
		"2:": null,
	};
	const list = await listSessions(client, ALL);
	expect([list.matched, list.missing]).toEqual([1, [0, 2]]);
});

test("says what the cluster refuses, and asks for the token where one is wanted", async () => {
	pages = { "": { worker: 0, sessions: [], next_cursor: null } };
	const { url } = client;
	await expect(listSessions(new ClusterClient({ url, authToken: null }), ALL)).rejects.toThrow(
		`${url} asks for a token; give the cluster's with --auth-token-file`,
	);
	await new Promise<void>((resolve) => server.close(() => resolve()));
	server.closeAllConnections();
	await expect(listSessions(client, ALL)).rejects.toThrow(
		/no cluster answers at .*; start one with rollpin serve/,
	);
	server.listen(0);
});
