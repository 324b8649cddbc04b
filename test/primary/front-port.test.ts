// The front port against real connections and a stand-in for the router's end of the channel.
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { afterEach, expect, test } from "vitest";
import { ConfigError } from "../../src/base/errors.js";
import { connectionBound, FrontPort, type FrontPortOptions } from "../../src/primary/front-port.js";
import { until, within } from "../support/wait.js";

let port: FrontPort | undefined;
let troubles: Array<[code: string, count: number]> = [];
afterEach(() => {
	port?.close();
	port = undefined;
	troubles = [];
});

async function open(options: Partial<FrontPortOptions> = {}): Promise<FrontPort> {
	port = await FrontPort.open({
		host: "127.0.0.1",
		port: 0,
		onTrouble: (code, count) => void troubles.push([code, count]),
		children: 3,
		...options,
	});
	return port;
}

/** A client; `text` is what it got, `closed` when the other side is through with it. */
function client(front: FrontPort): { socket: Socket; text: () => string; closed: Promise<void> } {
	const socket = connect({ port: Number(new URL(front.url).port), host: "127.0.0.1" });
	let text = "";
	socket.on("data", (piece) => {
		text += piece.toString();
	});
	socket.on("error", () => undefined);
	const closed = new Promise<void>((resolve) => {
		socket.once("end", resolve);
		socket.once("close", () => resolve());
	});
	return { socket, text: () => text, closed };
}

test("connections wait for a router and go to it in their order", async () => {
	const front = await open();
	const clients = [];
	for (let index = 0; index < 3; index += 1) {
		const { socket } = client(front);
		await new Promise((resolve) => socket.once("connect", resolve));
		clients.push(socket.localPort);
	}
	const got: Array<number | undefined> = [];
	front.attach((connection, _seq, sent) => {
		got.push(connection.remotePort);
		sent(null);
	});
	await until("three connections", 2_000, () => got.length === 3);
	expect(got).toEqual(clients);
});

test("what a dead router had not received goes to its successor; what it had does not", async () => {
	const front = await open();
	const first: number[] = [];
	front.attach((_connection, seq, sent) => {
		first.push(seq);
		sent(null);
	});
	client(front);
	client(front);
	await until("two on their way", 2_000, () => first.length === 2);
	front.received(first[0] as number);
	front.attach(null);
	const second: Socket[] = [];
	front.attach((connection, _seq, sent) => {
		second.push(connection);
		sent(null);
	});
	expect(second).toHaveLength(1);
	expect(second[0]?.destroyed).toBe(false);
});

test("a connection that could not be sent is not lost", async () => {
	const front = await open();
	let tries = 0;
	front.attach((_connection, _seq, sent) => {
		tries += 1;
		sent(new Error("the channel is closed"));
	});
	client(front);
	await until("the try", 2_000, () => tries === 1);
	const got: number[] = [];
	front.attach(null);
	front.attach((_connection, seq) => void got.push(seq));
	expect(got).toHaveLength(1);
});

test("a connection no router comes for is 503 in time, and the log says how many", async () => {
	const front = await open({ maxWaitMs: 200 });
	const { socket, text, closed } = client(front);
	socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
	await within("the 503", 2_000, closed);
	expect(text()).toMatch(/^HTTP\/1\.1 503 /);
	expect(text()).toContain('"code":"worker_unavailable"');
	expect(troubles).toEqual([["no_router", 1]]);
});

test("connections over the bound are turned away at once", async () => {
	const front = await open({ maxWaiting: 1 });
	const kept = client(front);
	await new Promise((resolve) => kept.socket.once("connect", resolve));
	const refused = client(front);
	await within("the 503", 2_000, refused.closed);
	expect(refused.text()).toMatch(/^HTTP\/1\.1 503 /);
	expect(kept.text()).toBe("");
	expect(troubles).toEqual([["too_many_waiting", 1]]);
});

test("closing turns away who still waits and refuses who comes", async () => {
	const front = await open({ maxWaiting: 1 });
	const waiting = client(front);
	await new Promise((resolve) => waiting.socket.once("connect", resolve));
	// One more is turned away once the first is held.
	await within("the second to be turned away", 2_000, client(front).closed);
	const url = front.url;
	front.close();
	await within("the 503", 2_000, waiting.closed);
	expect(waiting.text()).toMatch(/^HTTP\/1\.1 503 /);
	await expect(fetch(url)).rejects.toThrow();
});

test("a port in use names it and the remedy; a foreign address is a bad configuration", async () => {
	const taken = createServer();
	await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
	const used = (taken.address() as AddressInfo).port;
	await expect(open({ port: used })).rejects.toThrow(
		`cannot listen on 127.0.0.1:${used}: the port is in use (--port); stop what uses it or choose another, 0 for any`,
	);
	taken.close();
	await expect(open({ host: "192.0.2.1" })).rejects.toThrow(ConfigError);
	await expect(open({ host: "192.0.2.1" })).rejects.toThrow("no such address on this machine (--host)");
});

test.each([
	["a usual limit", 1024, 3, 979],
	["many workers", 1024, 66, 664],
	["no more than the children need", 64, 12, 4],
	["no limit", Number.POSITIVE_INFINITY, 66, Number.POSITIVE_INFINITY],
])("with %s (%d files, %d children) it holds %d connections", (_name, files, children, connections) => {
	expect(connectionBound(files, children)).toBe(connections);
});
