// A TCP server that plays an engine byte by byte: the test decides what is written and when. Checks no request.

import type { AddressInfo } from "node:net";
import { createServer, type Socket } from "node:net";

export interface RawRequest {
	/** Request line and headers as they arrived. */
	head: string;
	body: Buffer;
	socket: Socket;
	/** 1 for the first request on its connection. */
	onConnection: number;
	/** Resolves when the connection is gone. */
	closed: Promise<void>;
}

export interface RawEngine {
	url: string;
	/** Whole requests that arrived. */
	requests: RawRequest[];
	connections: number;
	close(): Promise<void>;
}

/** Calls `answer` for each request with a content-length (or none at all) once its body is whole. */
export async function startRawEngine(answer: (request: RawRequest) => void): Promise<RawEngine> {
	const sockets = new Set<Socket>();
	const server = createServer((socket) => {
		engine.connections++;
		sockets.add(socket);
		const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
		socket.on("error", () => undefined);
		socket.once("close", () => sockets.delete(socket));
		let received = Buffer.alloc(0);
		let count = 0;
		socket.on("data", (chunk: Buffer) => {
			received = Buffer.concat([received, chunk]);
			const end = received.indexOf("\r\n\r\n");
			if (end < 0) return;
			const head = received.toString("latin1", 0, end);
			const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
			if (received.length < end + 4 + length) return;
			const body = received.subarray(end + 4, end + 4 + length);
			received = received.subarray(end + 4 + length);
			const request = { head, body, socket, onConnection: ++count, closed };
			engine.requests.push(request);
			answer(request);
		});
	});
	const engine: RawEngine = {
		url: "",
		requests: [],
		connections: 0,
		close: () => {
			for (const socket of sockets) socket.destroy();
			return new Promise((resolve) => server.close(() => resolve()));
		},
	};
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	engine.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
	return engine;
}

/** A complete HTTP/1.1 reply. */
export function httpReply(body: string | Buffer, status = "200 OK", headers = ""): Buffer {
	const bytes = Buffer.from(body as string);
	const head = `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\ncontent-length: ${bytes.length}\r\n${headers}\r\n`;
	return Buffer.concat([Buffer.from(head, "latin1"), bytes]);
}
