// While a worker is replaced its requests wait in the router, in order and within bounds; everyone else is served.
import type { IncomingMessage, ServerResponse } from "node:http";
import { connect } from "node:net";
import { afterEach, expect, test } from "vitest";
import type { ClusterConfig } from "../../src/config/cluster-config.js";
import type { WorkerStatus } from "../../src/ipc/messages.js";
import { type RouterRig, startRouter } from "../support/router-rig.js";
import { until, within } from "../support/wait.js";

const ON_0 = "00".padEnd(32, "0");
const ON_1 = "01".padEnd(32, "0");

let rig: RouterRig;
let seen: string[];
let hold: Array<() => void>;
afterEach(() => rig.close());

async function start(overrides: Partial<ClusterConfig> = {}): Promise<RouterRig> {
	seen = [];
	hold = [];
	const worker =
		(index: number) =>
		(req: IncomingMessage, res: ServerResponse): void => {
			seen.push(`${index} ${req.url}`);
			if (req.url?.endsWith("/slow") === true) hold.push(() => res.end("slow"));
			else res.end(String(index));
		};
	rig = await startRouter([worker(0), worker(1)], overrides);
	return rig;
}

/** The primary's next word on worker 0. */
function say(change: Partial<WorkerStatus>): void {
	const workers = rig.snapshot.workers.map((worker) =>
		worker.index === 0 ? { ...worker, ...change } : worker,
	);
	rig.router.update({ ...rig.snapshot, workers });
}

const get = (path: string): Promise<Response> => fetch(`${rig.url}/sessions/${path}`);

test("a request waits for the successor and is then answered by it; other workers answer meanwhile", async () => {
	await start();
	say({ state: "draining", awaited: true });
	const waiting = get(ON_0);
	expect(await (await get(ON_1)).text()).toBe("1");
	say({ state: "down", awaited: true, address: null });
	say({ state: "starting", awaited: true, epoch: 2, address: null });
	expect(await (await get(ON_1)).text()).toBe("1");
	expect(seen.filter((line) => line.startsWith("0"))).toEqual([]);
	say({ state: "ready", awaited: false, epoch: 2 });
	const reply = await within("the waiting request", 2_000, waiting);
	expect([reply.status, await reply.text()]).toEqual([200, "0"]);
});

test("a body that was sent meanwhile arrives whole", async () => {
	await start();
	say({ state: "draining", awaited: true });
	const body = "x".repeat(600_000);
	const waiting = fetch(`${rig.url}/sessions/${ON_0}/v1/chat/completions`, { method: "POST", body });
	expect((await get(ON_1)).status).toBe(200);
	say({ state: "ready", awaited: false });
	expect((await within("the waiting request", 2_000, waiting)).status).toBe(200);
});

test("when the successor dies the waiting requests are told so", async () => {
	await start();
	say({ state: "draining", awaited: true });
	const waiting = get(ON_0);
	expect((await get(ON_1)).status).toBe(200);
	say({ state: "down", awaited: false, address: null });
	const reply = await within("the refusal", 2_000, waiting);
	expect(reply.status).toBe(503);
	expect(reply.headers.get("retry-after")).toBe("1");
	expect(await reply.json()).toMatchObject({ error: { code: "worker_unavailable" } });
});

test("more than the worker's own bound do not wait", async () => {
	const { limits } = (await import("../support/cluster-config.js")).clusterConfig();
	await start({ limits: { ...limits, maxInflightPerWorker: 2 } });
	say({ state: "draining", awaited: true });
	const replies = [1, 2, 3].map(() => get(ON_0));
	const first = await within("the refusal of one", 2_000, Promise.race(replies));
	expect(first.status).toBe(503);
	say({ state: "ready", awaited: false });
	const statuses = (await Promise.all(replies)).map(({ status }) => status);
	expect(statuses.toSorted()).toEqual([200, 200, 503]);
});

test("a client that leaves while it waits never reaches the successor", async () => {
	await start();
	say({ state: "draining", awaited: true });
	const socket = connect({ port: rig.port, host: "127.0.0.1" });
	socket.write(`GET /sessions/${ON_0}/gone HTTP/1.1\r\nhost: x\r\n\r\n`);
	const stays = get(`${ON_0}/stays`);
	expect((await get(ON_1)).status).toBe(200);
	socket.destroy();
	expect((await get(ON_1)).status).toBe(200);
	say({ state: "ready", awaited: false });
	expect((await stays).status).toBe(200);
	expect(seen.filter((line) => line.startsWith("0"))).toEqual([`0 /sessions/${ON_0}/stays`]);
});

test("with the only worker being replaced, create waits too and /health stays ok", async () => {
	await start();
	rig.snapshot.workers = rig.snapshot.workers.slice(0, 1);
	say({ state: "draining", awaited: true });
	const waiting = fetch(`${rig.url}/sessions`, { method: "POST" });
	expect((await fetch(`${rig.url}/health`)).status).toBe(200);
	say({ state: "ready", awaited: false });
	expect((await within("the create", 2_000, waiting)).status).toBe(200);
});

test("a list page waits instead of leaving the worker's sessions out", async () => {
	await start();
	say({ state: "draining", awaited: true });
	const waiting = fetch(`${rig.url}/sessions`);
	expect((await get(ON_1)).status).toBe(200);
	say({ state: "ready", awaited: false });
	expect(await (await within("the list", 2_000, waiting)).text()).toBe("0");
});

test("the router says quiet once the last request on a draining worker is answered, not before", async () => {
	await start();
	const running = get(`${ON_0}/slow`);
	await until("the running request", 2_000, () => hold.length === 1);
	say({ state: "draining", awaited: true });
	const waiting = get(ON_0);
	expect((await get(ON_1)).status).toBe(200);
	expect(rig.quiet).toEqual([]);
	hold[0]?.();
	expect((await running).status).toBe(200);
	await until("quiet", 2_000, () => rig.quiet.length > 0);
	expect(rig.quiet[0]).toEqual({ worker: 0, epoch: 1 });
	say({ state: "ready", awaited: false });
	expect((await waiting).status).toBe(200);
});

test("a shutdown refuses what waits", async () => {
	await start();
	say({ state: "draining", awaited: true });
	const waiting = get(ON_0);
	expect((await get(ON_1)).status).toBe(200);
	void rig.router.drain();
	const reply = await within("the refusal", 2_000, waiting);
	expect(await reply.json()).toMatchObject({ error: { code: "draining" } });
});
