// Clients that stand still in the middle of a body. Only the timers are faked; the sockets are real.
import { connect } from "node:net";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { clusterConfig } from "../support/cluster-config.js";
import { rawRequest } from "../support/raw-client.js";
import { type RouterRig, startRouter } from "../support/router-rig.js";
import { until } from "../support/wait.js";

const ON_0 = "00".padEnd(32, "0");
let rig: RouterRig;
let arrived = 0;
let cut = 0;

beforeEach(async () => {
	vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "performance"] });
	arrived = 0;
	cut = 0;
	rig = await startRouter([
		(req, res) => {
			req.on("data", () => {
				arrived += 1;
			});
			res.on("close", () => {
				if (!res.writableFinished) cut += 1;
			});
			req.on("error", () => undefined);
		},
	]);
});
afterEach(async () => {
	vi.useRealTimers();
	await rig.close();
});

test("a body that stands still for 30 s is 408, closes, and its worker's request is cut", async () => {
	const socket = connect({ port: rig.port, host: "127.0.0.1" });
	let text = "";
	socket.on("data", (piece) => {
		text += piece.toString();
	});
	socket.write(`POST /sessions/${ON_0}/samples HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nab`);
	await real("the first bytes at the worker", () => arrived === 1);
	vi.advanceTimersByTime(29_000);
	socket.write("cd");
	await real("more bytes at the worker", () => arrived === 2);
	vi.advanceTimersByTime(29_000);
	expect(text).toBe("");
	vi.advanceTimersByTime(2_000);
	await real("the 408", () => text.includes("request_timeout"));
	expect(text).toMatch(/^HTTP\/1\.1 408 /);
	expect(text).toMatch(/^connection: close/im);
	await real("the cut at the worker", () => cut === 1);
	socket.destroy();
});

test("a request whose body is whole may wait for its reply as long as it takes", async () => {
	const socket = connect({ port: rig.port, host: "127.0.0.1" });
	let text = "";
	socket.on("data", (piece) => {
		text += piece.toString();
	});
	socket.write(`POST /sessions/${ON_0}/samples HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab`);
	await real("the body at the worker", () => arrived === 1);
	vi.advanceTimersByTime(600_000);
	// What the router had to say to the first client it would have said before it answers a second one.
	await rawRequest(rig.port, "GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
	expect(text).toBe("");
	expect(cut).toBe(0);
	socket.destroy();
});

test("a client that is held back because its worker does not read is not called slow", async () => {
	await rig.close();
	let read: () => void = () => undefined;
	rig = await startRouter(
		[
			(req, res) => {
				read = () => req.resume();
				req.on("end", () => res.end("all"));
			},
		],
		{ limits: { ...clusterConfig().limits, maxBodyBytes: 64 * 1024 * 1024 } },
	);
	const socket = connect({ port: rig.port, host: "127.0.0.1" });
	let text = "";
	socket.on("data", (piece) => {
		text += piece.toString();
	});
	const body = Buffer.alloc(32 * 1024 * 1024);
	socket.write(
		`POST /sessions/${ON_0}/samples HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n`,
	);
	socket.write(body);
	// What the sockets between take is full once the client's own buffer stops shrinking.
	let left = -1;
	let same = 0;
	await real("the client to be held back", () => {
		same = socket.writableLength === left ? same + 1 : 0;
		left = socket.writableLength;
		return same === 20;
	});
	expect(left).toBeGreaterThan(0);
	vi.advanceTimersByTime(600_000);
	read();
	await real("the reply", () => text.includes("all"));
	expect(text).toMatch(/^HTTP\/1\.1 200 /);
	socket.destroy();
});

/** `performance` stands still here, so the deadline is counted in tries. */
async function real(label: string, probe: () => boolean): Promise<void> {
	for (let tries = 0; tries < 300; tries += 1) {
		if (probe()) return;
		await new Promise((resolve) => setTimeout(resolve, 10));
	}
	await until(label, 0, probe);
}
