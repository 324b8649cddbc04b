// A worker that answers before it has the whole body: what becomes of the rest, and of the connection it came on.
import { connect } from "node:net";
import { afterEach, expect, test } from "vitest";
import { type RouterRig, startRouter } from "../support/router-rig.js";
import { until, within } from "../support/wait.js";

const ON_0 = "00".padEnd(32, "0");
const MIB = 1024 * 1024;
let rig: RouterRig;
afterEach(() => rig.close());

/** Answers at once, whatever of the body is still to come. */
async function start(): Promise<RouterRig> {
	rig = await startRouter([(_req, res) => res.end("early")]);
	return rig;
}

test("the connection to the worker is not used again: the next request would be taken for the rest of the body", async () => {
	const { port, url } = await start();
	const socket = connect({ port, host: "127.0.0.1" });
	let text = "";
	socket.on("data", (bytes) => {
		text += bytes.toString();
	});
	socket.write(`POST /sessions/${ON_0}/samples HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nab`);
	await until("the early reply", 2_000, () => text.includes("early"));
	const next = await within("the next reply", 2_000, fetch(`${url}/sessions/${ON_0}`));
	expect(await next.text()).toBe("early");
	socket.destroy();
});

test("a client that sends without end after its reply is cut off", async () => {
	const { port } = await start();
	const socket = connect({ port, host: "127.0.0.1" });
	const cut = new Promise<void>((resolve) => socket.once("error", () => resolve()));
	socket.resume();
	socket.write(`POST /sessions/${ON_0}/samples HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n`);
	const chunk = Buffer.concat([
		Buffer.from(`${MIB.toString(16)}\r\n`),
		Buffer.alloc(MIB),
		Buffer.from("\r\n"),
	]);
	// The bound of a body (1 MiB here), 64 MiB that are dropped, and what the sockets between take.
	let sent = 0;
	while (!socket.destroyed && sent < 100) {
		sent += 1;
		const written = new Promise<void>((resolve) => socket.write(chunk, () => resolve()));
		await within("room for more", 5_000, Promise.race([written, cut]));
	}
	expect(socket.destroyed).toBe(true);
	expect(sent).toBeGreaterThan(64);
});
