// Replies through the client's reused buffers: large, in many transfer chunks, held back at any moment. No byte moves.
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { type AddressInfo, createServer as createTcpServer, type Socket } from "node:net";
import { afterEach, beforeEach, expect, it } from "vitest";
import { reusedReadsConnector } from "../../src/engine/http/reused-reads.js";
import type { PayloadCursor } from "../../src/engine/scan/payload-cursor.js";
import { startRawEngine } from "../support/raw-engine.js";
import { chatRequest, clientOf } from "./client-support.js";

const MIB = 1024 * 1024;
const payloads = Array.from({ length: 4 }, (_, at) =>
	Buffer.from(randomBytes((at + 1) * 3 * MIB).toString("base64")),
);

let server: Server;
let url: string;
beforeEach(async () => {
	server = createServer((request, response) => {
		request.resume();
		request.on("end", async () => {
			const which = Number(new URL(request.url ?? "", "http://engine").searchParams.get("which"));
			const whole = Buffer.concat([
				Buffer.from(
					'{"id":"r","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop",' +
						'"meta_info":{"output_token_logprobs":[[-0.5,7,null]],"prompt_tokens":2,"completion_tokens":1,"routed_experts":"',
				),
				payloads[which] as Buffer,
				Buffer.from('"}}]}'),
			]);
			response.setHeader("content-type", "application/json");
			let seed = which + 1;
			for (let at = 0; at < whole.length; ) {
				seed = (seed * 48_271) % 2_147_483_647;
				const length = 1 + (seed % (seed % 7 === 0 ? 200 * 1024 : 9000));
				if (!response.write(whole.subarray(at, at + length))) {
					await new Promise((resolve) => response.once("drain", resolve));
				}
				at += length;
			}
			response.end();
		});
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => new Promise<void>((resolve) => server.close(() => resolve())));

/** Reads `whole` no sooner than some turns of the loop later. */
function slow(whole: Buffer, turns: number): PayloadCursor {
	let at = 0;
	return {
		async read(buffer) {
			for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
			const bytes = whole.copy(buffer, 0, at);
			at += bytes;
			return bytes;
		},
		readNow: () => null,
		close: async () => undefined,
	};
}

it("payloads come as they were sent, compared with a slowly read one or not, several at once over kept connections", async () => {
	const client = clientOf(url);
	for (let round = 0; round < 2; round++) {
		const all = payloads.map(async (payload, which) => {
			// The earlier one is the same up to a place of its own; the first has none.
			const earlier = payload.subarray(0, (payload.length * which) >> 2);
			const knownPayloads = which === 0 ? [] : [slow(earlier, which * 5)];
			const result = await client.chat(chatRequest({ query: `?which=${which}`, knownPayloads }));
			if (result.kind !== "generated") throw new Error("refused");
			const excerpt = result.generation.excerpts.find(({ field }) => field === "routed_experts");
			expect(excerpt?.knownBytes).toBe(earlier.length);
			expect(Buffer.concat(excerpt?.bytes ?? []).equals(payload.subarray(earlier.length))).toBe(true);
		});
		await Promise.all(all);
	}
}, 60_000);

it.each([
	["the first buffers", 0],
	["the large ones", MIB],
])(
	"what is not taken at once, as behind a parser that paused, is not overwritten in %s",
	async (_which, before) => {
		const tcp = createTcpServer();
		tcp.listen(0, "127.0.0.1");
		await once(tcp, "listening");
		const { port } = tcp.address() as AddressInfo;
		const accepted = once(tcp, "connection") as Promise<[Socket]>;
		const ours = await new Promise<Socket>((resolve, reject) => {
			const target = { hostname: "127.0.0.1", protocol: "http:", port: String(port) };
			reusedReadsConnector(10_000, 0)(target, (error, socket) =>
				error === null ? resolve(socket) : reject(error),
			);
		});
		const [theirs] = await accepted;
		// Reads that fill their buffers make the next ones larger.
		theirs.write(Buffer.alloc(before));
		for (let read = 0; read < before; ) {
			const piece = ours.read() as Buffer | null;
			if (piece === null) await once(ours, "readable");
			else read += piece.length;
		}
		// Nobody reads, but for the first byte of the first piece: the rest is given back, as a parser does.
		ours.on("readable", () => undefined);
		const pieces = ["first", "second", "third", "fourth", "fifth"].map((word) => `${word} `.repeat(100));
		let sent = 0;
		for (const piece of pieces) {
			theirs.write(piece);
			sent += piece.length;
			await expect.poll(() => ours.readableLength).toBe(sent);
			if (sent === piece.length) ours.unshift(ours.read() as Buffer);
		}
		expect(String(ours.read())).toBe(pieces.join(""));
		ours.destroy();
		theirs.destroy();
		tcp.close();
	},
);

it("header lines that come one by one are not overwritten by those behind them", async () => {
	const body = '{"error":"busy"}';
	const lines = Array.from({ length: 6 }, (_, at) => `x-line-${at}: ${String(at).repeat(40)}\r\n`);
	const end = `content-length: ${body.length}\r\n\r\n${body}`;
	const engine = await startRawEngine(async ({ socket }) => {
		socket.setNoDelay(true);
		for (const piece of ["HTTP/1.1 503 Busy\r\n", ...lines, end]) {
			// In halves, each of which the client reads by itself.
			for (const half of [piece.slice(0, piece.length >> 1), piece.slice(piece.length >> 1)]) {
				await new Promise<void>((resolve) => socket.write(half, () => resolve()));
				for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
			}
		}
	});
	try {
		const result = await clientOf(engine.url).chat(chatRequest());
		if (result.kind !== "refused") throw new Error("not refused");
		const found = result.refusal.headers.filter(([name]) => name.startsWith("x-line-"));
		expect(found).toEqual(lines.map((_line, at) => [`x-line-${at}`, String(at).repeat(40)]));
	} finally {
		await engine.close();
	}
});
