// Role: what a turn with replay payloads costs at the least. Reads the reply from its socket once and the stored bytes from the page
// cache once, compares, writes the new ones. Knows no more of HTTP and JSON than it takes to find the payload.
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { round } from "./output.js";
import { ready } from "./processes.js";

export interface FloorShape {
	sessions: number;
	turns: number;
	/** Of each turn, in and out. */
	tokensIn: number;
	tokensOut: number;
	bytesPerToken: number;
}

export interface FloorFigures {
	cpu_ms_per_turn: number;
	turns_per_s: number;
	mb_per_turn: number;
}

const HEAD_END = Buffer.from("\r\n\r\n");
const PAYLOAD = Buffer.from('"routed_experts":"');
const READ_BYTES = 1024 * 1024;

const url = new URL(process.argv[2] ?? "");
const dir = mkdtempSync(join(tmpdir(), "rollpin-bench-floor-"));
const stored = Buffer.allocUnsafeSlow(READ_BYTES);

/** The payload's bytes of one session, as they came last. */
class Payloads {
	readonly #file: number;
	#length = 0;
	/** Of the payload that is arriving. */
	#at = 0;

	constructor(path: string) {
		this.#file = openSync(path, "w+");
	}

	/** @throws Error where they are not what is stored */
	arrived(bytes: Buffer): void {
		// Base64 of a length that is no multiple of three ends in a group that the next payload spells otherwise.
		const known = Math.max(0, Math.min(bytes.length, this.#length - 4 - this.#at));
		if (known > 0) {
			readSync(this.#file, stored, 0, known, this.#at);
			if (bytes.compare(stored, 0, known, 0, known) !== 0)
				throw new Error("other payload bytes than those stored");
		}
		if (known < bytes.length) writeSync(this.#file, bytes, known, bytes.length - known, this.#at + known);
		this.#at += bytes.length;
	}

	end(): void {
		this.#length = this.#at;
		this.#at = 0;
	}

	close(): void {
		closeSync(this.#file);
	}
}

/** One connection; its replies go through one buffer. */
class Connection {
	readonly #socket: Socket;
	#take: (bytes: Buffer) => void = () => undefined;

	constructor() {
		this.#socket = connect({
			host: url.hostname,
			port: Number(url.port),
			onread: {
				buffer: Buffer.allocUnsafeSlow(READ_BYTES),
				callback: (length, buffer) => {
					this.#take((buffer as Buffer).subarray(0, length));
					return true;
				},
			},
		});
	}

	/** @returns bytes of the whole reply */
	chat(request: Buffer, payloadBytes: number, payloads: Payloads): Promise<number> {
		this.#socket.write(request);
		return new Promise((resolve, reject) => {
			this.#socket.once("error", reject);
			let start: Buffer | null = Buffer.alloc(0);
			let total = 0;
			let left = 0;
			let payloadLeft = payloadBytes;
			this.#take = (chunk) => {
				let bytes = chunk;
				if (start !== null) {
					start = Buffer.concat([start, chunk]);
					const at = start.indexOf(PAYLOAD);
					if (at === -1) return;
					const headLength = start.indexOf(HEAD_END) + HEAD_END.length;
					total =
						headLength +
						Number(/\r\ncontent-length: *(\d+)/i.exec(start.toString("latin1", 0, headLength))?.[1]);
					left = total - at - PAYLOAD.length;
					bytes = start.subarray(at + PAYLOAD.length);
					start = null;
				}
				left -= bytes.length;
				const own = bytes.subarray(0, payloadLeft);
				if (own.length > 0) payloads.arrived(own);
				payloadLeft -= own.length;
				if (left > 0) return;
				payloads.end();
				this.#socket.off("error", reject);
				resolve(total);
			};
		});
	}

	close(): void {
		this.#socket.destroy();
	}
}

function requestOf(tokens: number, session: number): Buffer {
	const ids = Array.from({ length: tokens }, (_, at) => 300 + (at % 1_000)).join(",");
	const body = `{"messages":[],"model":"sim","return_routed_experts":true,"input_ids":[${ids}]}`;
	return Buffer.from(
		`POST /v1/chat/completions HTTP/1.1\r\nhost: floor\r\nx-smg-routing-key: floor${session}\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
	);
}

async function run(shape: FloorShape, name: string): Promise<FloorFigures> {
	const sessions = Array.from({ length: shape.sessions }, (_, at) => ({
		connection: new Connection(),
		payloads: new Payloads(join(dir, `${name}${at}`)),
		// Made before the clock starts.
		requests: Array.from({ length: shape.turns }, (_unused, turn) => {
			const prompt = (turn + 1) * shape.tokensIn + turn * shape.tokensOut;
			const rows = prompt + shape.tokensOut - 1;
			return {
				request: requestOf(prompt, at),
				payloadBytes: Math.ceil((rows * shape.bytesPerToken) / 3) * 4,
			};
		}),
	}));
	const startedMs = performance.now();
	const before = process.cpuUsage();
	let bytes = 0;
	await Promise.all(
		sessions.map(async ({ connection, payloads, requests }) => {
			for (const one of requests) bytes += await connection.chat(one.request, one.payloadBytes, payloads);
		}),
	);
	const { system, user } = process.cpuUsage(before);
	const elapsedS = (performance.now() - startedMs) / 1000;
	for (const { connection, payloads } of sessions) {
		connection.close();
		payloads.close();
	}
	const turns = shape.sessions * shape.turns;
	return {
		cpu_ms_per_turn: round((user + system) / 1000 / turns),
		turns_per_s: round(turns / elapsedS, 1),
		mb_per_turn: round(bytes / 1e6 / turns, 1),
	};
}

process.on("message", async (message) => {
	const shape = message as FloorShape;
	await run({ ...shape, turns: 4 }, "warm");
	process.send?.(await run(shape, "run"));
});
ready({}, () => rmSync(dir, { recursive: true, force: true }));
