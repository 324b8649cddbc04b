// Role: what a durable create costs at the least. A bare node:http server that reads the body, writes one record to the page cache and
// answers. Knows no sessions.
import { randomUUID } from "node:crypto";
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ready } from "./processes.js";

export interface CreateFloor {
	url: string;
}

/** About what a store writes down of a session. */
const RECORD_BYTES = 450;

const dir = mkdtempSync(join(tmpdir(), "rollpin-bench-create-floor-"));
const file = openSync(join(dir, "records"), "w");
const record = Buffer.alloc(RECORD_BYTES, 0x20);
let records = 0;

function create(request: IncomingMessage, response: ServerResponse): void {
	request.resume();
	request.once("end", () => {
		const id = String(request.headers["x-rollpin-session-id"] ?? randomUUID());
		record.write(id, 0, "latin1");
		writeSync(file, record, 0, RECORD_BYTES, records++ * RECORD_BYTES);
		const body = JSON.stringify({ session_id: id, created_at: Date.now() / 1000 });
		response.setHeader("content-type", "application/json");
		response.setHeader("content-length", body.length);
		response.end(body);
	});
}

const server = createServer((request, response) => {
	if (request.method === "POST") create(request, response);
	else {
		request.resume();
		response.statusCode = 204;
		response.end();
	}
});
server.listen(0, "127.0.0.1", () => {
	const { port } = server.address() as AddressInfo;
	const message: CreateFloor = { url: `http://127.0.0.1:${port}` };
	ready(message, () => {
		closeSync(file);
		rmSync(dir, { recursive: true, force: true });
	});
});
