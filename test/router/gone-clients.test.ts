// Clients that leave while several requests of theirs wait on one connection: nothing of them may stay behind.
import { connect, type Socket } from "node:net";
import { afterEach, expect, test } from "vitest";
import { type RouterRig, startRouter } from "../support/router-rig.js";
import { until, within } from "../support/wait.js";

const ON_0 = "00".padEnd(32, "0");
let rig: RouterRig;
const clients: Socket[] = [];
afterEach(async () => {
	for (const client of clients.splice(0)) client.destroy();
	await rig.close();
});

/** Requests that the worker never answers. */
async function start(): Promise<{ client: Socket; at: { arrived: number; cut: number } }> {
	const at = { arrived: 0, cut: 0 };
	rig = await startRouter([
		(_req, res) => {
			at.arrived += 1;
			res.on("close", () => {
				at.cut += 1;
			});
		},
	]);
	const client = connect({ port: rig.port, host: "127.0.0.1" });
	client.on("error", () => undefined);
	clients.push(client);
	return { client, at };
}

const get = (headers = ""): string => `GET /sessions/${ON_0}/slow HTTP/1.1\r\nHost: x\r\n${headers}\r\n`;

test("requests that wait behind another one are cut with their client, and hold no drain up", async () => {
	const { client, at } = await start();
	// The header brings the connection to node's server, which lets the requests run side by side.
	client.write(get("Connection: x-a\r\n") + get().repeat(12));
	await until("all of them at the worker", 2_000, () => at.arrived === 13);
	client.destroy();
	await until("each to be cut", 2_000, () => at.cut === 13);
	await within("the drain", 2_000, rig.router.drain());
});

test("a client that leaves behind a second plain request is gone: the first one is cut", async () => {
	const { client, at } = await start();
	client.write(get() + get());
	await until("the first at the worker", 2_000, () => at.arrived === 1);
	client.end();
	await until("it to be cut", 2_000, () => at.cut === 1);
	await within("the drain", 2_000, rig.router.drain());
	expect(at.arrived).toBe(1);
});

test("a client that ends its side in the middle of a body is 400, and its worker's request is cut", async () => {
	const { client, at } = await start();
	let text = "";
	client.on("data", (bytes) => {
		text += bytes.toString();
	});
	client.write(`POST /sessions/${ON_0}/slow HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nab`);
	await until("it at the worker", 2_000, () => at.arrived === 1);
	client.end();
	await until("the refusal", 2_000, () => text.includes('"invalid_request"'));
	expect(text).toMatch(/^HTTP\/1\.1 400 .*connection: close/s);
	await until("it to be cut", 2_000, () => at.cut === 1);
	await within("the drain", 2_000, rig.router.drain());
});
