// The live view against a real front: once, again and again, without a cluster, with a token.
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { runTop } from "../../src/top/run-top.js";

const STATUS = { status: "ok", started_at: 1, url: "http://front", upstream: "http://engine", workers: [] };

let server: Server;
let url: string;
let answer: { status: number; body: string } | "cut";
let asked = 0;
beforeEach(async () => {
	asked = 0;
	answer = { status: 200, body: JSON.stringify(STATUS) };
	server = createServer((request, response) => {
		asked++;
		if (answer === "cut") request.socket.destroy();
		else response.writeHead(answer.status).end(answer.body);
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => new Promise<void>((resolve) => server.close(() => resolve())));

function screen(terminal = false) {
	const written: string[] = [];
	const listeners: Array<(bytes: string) => void> = [];
	return {
		terminal,
		colours: false,
		written,
		size: () => ({ columns: 200, rows: 50 }),
		write: (text: string) => void written.push(text),
		onInput: (listener: (bytes: string) => void) => void listeners.push(listener),
		press: (keys: string) => {
			for (const listener of listeners) listener(keys);
		},
	};
}
const options = (more: object = {}) => ({
	url,
	authToken: null,
	intervalMs: 5,
	once: false,
	json: false,
	...more,
});

test("once shows one view and ends", async () => {
	const shown = screen();
	await runTop(options({ once: true }), shown, new AbortController().signal);
	expect(shown.written).toHaveLength(1);
	expect(shown.written[0]).toContain("http://front: ok, 0 of 0 workers ready");
	// Cluster, health and metrics, twice: rates are between two looks.
	expect(asked).toBe(6);
});

test("it asks again until it is told to stop, waits for a cluster that went away, and says so", async () => {
	const stop = new AbortController();
	const shown = screen(true);
	const running = runTop(options(), shown, stop.signal);
	await expect.poll(() => asked).toBeGreaterThan(2);
	answer = "cut";
	await expect.poll(() => shown.written.at(-1)).toContain(`NO ANSWER from ${url}`);
	expect(shown.written.at(-1)).toContain("what follows is old");
	answer = { status: 200, body: JSON.stringify({ ...STATUS, status: "draining" }) };
	await expect.poll(() => shown.written.at(-1)).toContain("http://front: draining");
	expect(shown.written.at(-1)).not.toContain("NO ANSWER");
	stop.abort();
	await running;
});

test("without a terminal each view follows the one before it, and a cluster that went away is said below the last one", async () => {
	const stop = new AbortController();
	const shown = screen();
	const running = runTop(options(), shown, stop.signal);
	await expect.poll(() => shown.written.length).toBeGreaterThan(2);
	answer = "cut";
	await expect.poll(() => shown.written.at(-1)).toContain("asking again");
	expect(shown.written.at(-1)).toContain("http://front: ok");
	stop.abort();
	await running;
});

test("a key shows its effect at once, and q ends it", async () => {
	const workers = [0, 1].map((worker) => ({ worker, state: "ready", pid: 1, epoch: 1 }));
	answer = { status: 200, body: JSON.stringify({ ...STATUS, workers }) };
	const shown = screen(true);
	const running = runTop(options({ intervalMs: 60_000 }), shown, new AbortController().signal);
	await expect.poll(() => shown.written.length).toBe(1);
	shown.press("j");
	expect(shown.written).toHaveLength(2);
	expect(shown.written[1]).toMatch(/> +1 {2}ready/);
	shown.press("q");
	await running;
});

test("as JSON each look is one object on one line", async () => {
	const shown = screen(true);
	await runTop(options({ once: true, json: true }), shown, new AbortController().signal);
	expect(shown.written).toHaveLength(1);
	expect(shown.written[0]).toMatch(/^\{.*\}\n$/);
	expect(JSON.parse(shown.written[0] ?? "")).toMatchObject({
		cluster: STATUS,
		load: { workers: [], turns_per_s: 0 },
		no_answer: null,
	});
});

test.each([
	["no cluster", () => server.close(), undefined, /no cluster answers at .* start one with rollpin serve/],
	[
		"a token is wanted",
		undefined,
		{ status: 401, body: "{}" },
		/asks for a token; give the cluster's with --auth-token-file/,
	],
	["something else answers", undefined, { status: 200, body: "{}" }, /is not a Rollpin cluster; check --url/],
	["something else answers no JSON", undefined, { status: 200, body: "hello" }, /no cluster answers at/],
])("%s: one line with the remedy", async (_name, prepare, given, message) => {
	if (given !== undefined) answer = given;
	prepare?.();
	await expect(runTop(options(), screen(), new AbortController().signal)).rejects.toThrow(message);
});
