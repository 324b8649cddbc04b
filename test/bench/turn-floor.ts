// Role: what carrying a turn's bytes costs at the least. Reads the client's body, sends it on with as many prompt ids as it is told, reads
// the engine's reply and answers in brief. Raw sockets; looks into no byte and keeps nothing.
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ready } from "./processes.js";
import { type HttpRequest, RequestReader } from "./raw-http.js";

export interface TurnFloor {
	socketPath: string;
}

/** Sent behind every answer. */
export interface FloorReport {
	/** From the request's first byte to the answer, without the time in which the engine had it. */
	ownMs: number;
	/** User and system time of this process since its start, all threads. */
	cpuUs: number;
}

const READ_BYTES = 1024 * 1024;
const HEAD_END = Buffer.from("\r\n\r\n");
const MEMBERS = ',"logprobs":true,"return_meta_info":true,"return_prompt_token_ids":true,"input_ids":[';
const MOST_IDS = 120_000;
/** Of one length each, as those of long prompts nearly are: a prompt's ids are the first bytes of it. */
const IDS = Buffer.from(Array.from({ length: MOST_IDS }, (_, at) => 1_000 + (at % 1_000)).join(","));
const BYTES_PER_ID = 5;

const url = new URL(process.argv[2] ?? "");
const dir = mkdtempSync(join(tmpdir(), "rollpin-bench-floor-"));
const socketPath = join(dir, "floor.sock");

/** The engine's whole reply has come: where its bytes go. */
let onReply: (bytes: Buffer) => void = () => undefined;
const upstream = connect({
	host: url.hostname,
	port: Number(url.port),
	onread: {
		buffer: Buffer.allocUnsafeSlow(READ_BYTES),
		callback: (length, buffer) => {
			onReply((buffer as Buffer).subarray(0, length));
			return true;
		},
	},
});
upstream.setNoDelay(true);

/** @returns when the reply's last byte was there */
function ask(body: Buffer, promptTokens: number): Promise<number> {
	const ids = IDS.subarray(0, promptTokens * BYTES_PER_ID - 1);
	const length = body.length - 1 + MEMBERS.length + ids.length + 2;
	upstream.cork();
	upstream.write(
		`POST /v1/chat/completions HTTP/1.1\r\nhost: floor\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n\r\n`,
	);
	upstream.write(body.subarray(0, -1));
	upstream.write(MEMBERS);
	upstream.write(ids);
	upstream.write("]}");
	upstream.uncork();
	return new Promise((resolve, reject) => {
		let start: Buffer | null = Buffer.alloc(0);
		let left = 0;
		onReply = (bytes) => {
			if (start !== null) {
				start = Buffer.concat([start, bytes]);
				const end = start.indexOf(HEAD_END);
				if (end === -1) return;
				const head = start.toString("latin1", 0, end);
				if (!head.startsWith("HTTP/1.1 200")) return reject(new Error(start.toString("latin1", 0, 2_000)));
				left = end + HEAD_END.length + Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1]) - start.length;
				start = null;
			} else left -= bytes.length;
			if (left === 0) resolve(performance.now());
		};
	});
}

async function answer(socket: Socket, { body, head }: HttpRequest, beganMs: number): Promise<void> {
	const askedMs = performance.now();
	const repliedMs = await ask(body, Number(/\r\nx-prompt-tokens: *(\d+)/i.exec(head)?.[1]));
	socket.write("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}");
	const { system, user } = process.cpuUsage();
	const report: FloorReport = {
		ownMs: askedMs - beganMs + performance.now() - repliedMs,
		cpuUs: system + user,
	};
	process.send?.(report);
}

const server = createServer((socket) => {
	let beganMs: number | null = null;
	const reader = new RequestReader((request) => {
		const began = beganMs ?? performance.now();
		beganMs = null;
		answer(socket, request, began).catch((error: unknown) => {
			process.stderr.write(`${error}\n`);
			process.exit(1);
		});
	});
	socket.on("data", (chunk: Buffer) => {
		beganMs ??= performance.now();
		reader.push(chunk);
	});
	socket.on("error", () => socket.destroy());
});
server.listen(socketPath, () => {
	const message: TurnFloor = { socketPath };
	ready(message, () => rmSync(dir, { recursive: true, force: true }));
});
