// Reads of a large reply and the event loop's turns; a connection's end that comes with the last of it.
import { once } from "node:events";
import type { Socket } from "node:net";
import { Worker } from "node:worker_threads";
import { afterEach, expect, it } from "vitest";
import { ReusedReads } from "../../src/engine/http/reused-reads.js";
import { chatRequest, clientOf } from "./client-support.js";

it("a read that filled its buffer is handed on in a later turn of the loop, and nothing is read until then", async () => {
	const pushed: string[] = [];
	const reads = new ReusedReads(0);
	reads.socket = {
		readableLength: 0,
		destroyed: false,
		push: (read: Buffer) => pushed.push(`${read.length}${read.toString("latin1", 0, 1)}`) > 0,
	} as unknown as Socket;
	const take = (letter: string, bytes?: number) => {
		const buffer = reads.buffer() as Buffer;
		buffer.fill(letter);
		return reads.callback(bytes ?? buffer.length, buffer);
	};
	expect(take("a", 100)).toBe(true);
	expect(pushed).toEqual(["100a"]);
	expect(take("b")).toBe(false);
	expect(pushed).toEqual(["100a"]);
	await new Promise((resolve) => setTimeout(resolve, 20));
	expect(pushed).toEqual(["100a", "65536b"]);
});

const engines: Worker[] = [];
afterEach(async () => {
	for (const engine of engines.splice(0)) await engine.terminate();
});

/** On a thread of its own, so that the reply and the connection's end are there at once, whatever this loop does. */
async function engine(connection: string, end: string, bytes: number): Promise<string> {
	const code = `
		const { createServer } = require("node:net");
		const { parentPort } = require("node:worker_threads");
		const start = '{"id":"r","choices":[{"index":0,"message":{"role":"assistant","content":"';
		const finish = '"},"finish_reason":"stop","meta_info":{"output_token_logprobs":[[-0.5,7,null]],' +
			'"prompt_tokens":2,"completion_tokens":1}}]}';
		const body = start + "x".repeat(${bytes}) + finish;
		const head = "HTTP/1.1 200 OK\\r\\nconnection: ${connection}\\r\\ncontent-length: " + body.length + "\\r\\n\\r\\n";
		createServer((socket) => {
			socket.on("error", () => {});
			socket.once("data", () => socket.${end});
		}).listen(0, "127.0.0.1", function () { parentPort.postMessage(this.address().port); });`;
	const thread = new Worker(code, { eval: true });
	engines.push(thread);
	const [port] = (await once(thread, "message")) as [number];
	return `http://127.0.0.1:${port}`;
}

const WHOLE = "end(head + body)";
const CUT = "write(head + body.slice(0, -9), () => socket.resetAndDestroy())";

it.each([
	["close", WHOLE, "generated"],
	["keep-alive", WHOLE, "generated"],
	["close", CUT, expect.stringMatching(/^upstream_(unreachable|invalid)$/)],
])(
	"a large reply, connection %s, %s: nothing is uncaught",
	async (connection, end, outcome) => {
		// Others keep the loop busy, so that the last read and the end come together.
		const busy = setInterval(() => {
			for (const untilMs = performance.now() + 8; performance.now() < untilMs; );
		}, 10);
		try {
			for (const bytes of [262_000, 400_000, 1_000_000, 3_000_000]) {
				const url = await engine(connection, end, bytes);
				for (let round = 0; round < 4; round++) {
					const seen = await clientOf(url)
						.chat(chatRequest({}))
						.then(
							({ kind }) => kind,
							(error: { code?: string }) => error.code,
						);
					expect(seen).toEqual(outcome);
				}
			}
		} finally {
			clearInterval(busy);
		}
	},
	60_000,
);
