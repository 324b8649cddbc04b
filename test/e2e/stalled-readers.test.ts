// Clients that stop reading in the middle of large replies: nothing of their size is kept for them.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { packageRoot } from "../../src/base/package-root.js";
import { type SimEngine, startSimEngine } from "../../src/sim/server.js";
import { ServedCluster } from "../support/served-cluster.js";
import { within } from "../support/wait.js";

const MIB = 1024 * 1024;
const READERS = 12;

let cluster: ServedCluster | undefined;
let engine: SimEngine | undefined;
let dir: string | undefined;
const sockets: Socket[] = [];
afterEach(async () => {
	for (const socket of sockets.splice(0)) socket.destroy();
	await cluster?.stop();
	await engine?.close();
	if (dir !== undefined) rmSync(dir, { recursive: true, force: true });
});

/** Resident memory of a process in MiB. */
function rssMib(pid: number): number {
	const pages = readFileSync(`/proc/${pid}/statm`, "latin1").split(" ")[1];
	return (Number(pages) * 4096) / MIB;
}

test.skipIf(process.platform !== "linux")(
	"clients that stop reading large replies cost no memory of their size, and others are served",
	async () => {
		dir = mkdtempSync(join(tmpdir(), "rollpin-stalled-"));
		// The large part of a reply is its replay payload.
		const checkpointDir = join(packageRoot(), "checkpoints", "toy");
		engine = await startSimEngine({ checkpointDir, r3BytesPerToken: MIB / 2 });
		const upstream = ["--upstream", engine.url, "--checkpoint", checkpointDir];
		const flags = ["--port", "0", "--backends", "1", "--data-dir", join(dir, "data"), "--log-format", "json"];
		cluster = new ServedCluster([...flags, ...upstream, "--r3", "full"], { bare: true });
		const { url, port, routerPid, workerPids } = await cluster.ready();
		const chat = (id: string, text: string): Promise<Response> =>
			fetch(`${url}/sessions/${id}/v1/chat/completions`, {
				method: "POST",
				headers: { "content-type": "application/json" },
				body: JSON.stringify({ model: "m", max_tokens: 4, messages: [{ role: "user", content: text }] }),
			});
		const made = await chat("large", "hello there ".repeat(60));
		expect([made.status, (await made.text()).slice(0, 1_000)]).toEqual([200, expect.any(String)]);
		const whole = await (await fetch(`${url}/sessions/large`)).arrayBuffer();
		const wholeMib = whole.byteLength / MIB;
		expect(wholeMib).toBeGreaterThan(64);
		const pids = [routerPid, workerPids[0] as number];
		const before = pids.map(rssMib);
		for (let reader = 0; reader < READERS; reader += 1) {
			const socket = connect({ port, host: "127.0.0.1" });
			sockets.push(socket);
			socket.write("GET /sessions/large HTTP/1.1\r\nhost: x\r\n\r\n");
			// The first bytes, then nothing more.
			const first = new Promise((resolve) => socket.once("data", resolve));
			await within("the beginning of a reply", 20_000, first);
			socket.pause();
		}
		for (let round = 0; round < 5; round += 1) {
			const reply = await within("another client's chat", 5_000, chat("small", `hello ${round}`));
			expect(reply.status).toBe(200);
		}
		const grownMib = pids.map((pid, index) => rssMib(pid) - (before[index] ?? 0));
		// Kept for each reader it would be 12 times the whole.
		expect(Math.max(...grownMib)).toBeLessThan(0.5 * wholeMib);
	},
	90_000,
);
