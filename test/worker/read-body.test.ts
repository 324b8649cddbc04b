// A body's way in: whole, refused in the middle, and from a client that leaves.
import { createServer, type IncomingMessage, type Server } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { afterEach, expect, it } from "vitest";
import { ClientGone } from "../../src/worker/client-gone.js";
import { readBody } from "../../src/worker/read-body.js";
import { until, within } from "../support/wait.js";

const HALF = "x".repeat(400_000);
const head = (length: number) => `POST / HTTP/1.1\r\nhost: h\r\ncontent-length: ${length}\r\n\r\n`;

let server: Server;
let socket: Socket;
let received = "";
const outcomes: unknown[] = [];
afterEach(() => {
	socket.destroy();
	server.close();
});

/** Answers with the body's length, or 429 when `hold` refuses it. */
async function serve(
	hold: (bytes: number, request: IncomingMessage) => void,
	before: (request: IncomingMessage) => Promise<void> = async () => undefined,
): Promise<void> {
	outcomes.length = 0;
	received = "";
	server = createServer(async (request, response) => {
		try {
			await before(request);
			const body = await readBody(request, 1_000_000, (bytes) => hold(bytes, request));
			outcomes.push(body.length);
			response.end(`length ${body.length}`);
		} catch (error) {
			outcomes.push(error);
			response.statusCode = 429;
			response.end("refused");
		}
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
	socket.on("data", (bytes) => {
		received += bytes.toString("latin1");
	});
	await within("a connection", 5_000, new Promise<void>((resolve) => socket.once("connect", resolve)));
}

it("is one piece, however it came", async () => {
	await serve(() => undefined);
	socket.write(head(800_000) + HALF);
	await until("the first half", 5_000, () => socket.bytesWritten > 400_000);
	socket.write(HALF);
	await until("an answer", 5_000, () => received.includes("length 800000"));
	expect(outcomes).toEqual([800_000]);
});

it("that is refused in the middle leaves its connection to the next request", async () => {
	const refusal = new Error("over a limit");
	let refuse = true;
	await serve(() => {
		if (refuse) throw refusal;
	});
	socket.write(head(800_000) + HALF);
	await until("the refusal", 5_000, () => received.includes("refused"));
	refuse = false;
	socket.write(`${HALF}${head(5)}hello`);
	await until("the next answer", 5_000, () => received.includes("length 5"));
	expect(outcomes).toEqual([refusal, 5]);
});

it("of a client that leaves in the middle ends at once", async () => {
	let pieces = 0;
	await serve(() => {
		pieces++;
	});
	socket.write(head(800_000) + HALF);
	await until("the first piece", 5_000, () => pieces > 0);
	socket.destroy();
	await until("the end", 5_000, () => outcomes.length > 0);
	expect(outcomes[0]).toBeInstanceOf(ClientGone);
});

it("of a client that has left before it is asked for ends at once too", async () => {
	let asked = false;
	await serve(
		() => undefined,
		(request) =>
			new Promise((resolve) => {
				asked = true;
				request.once("close", resolve);
			}),
	);
	// Little enough for its server to go on reading, and to see it leave.
	socket.write(`${head(800_000)}x`);
	await until("the request", 5_000, () => asked);
	socket.destroy();
	await until("the end", 5_000, () => outcomes.length > 0);
	expect(outcomes[0]).toBeInstanceOf(ClientGone);
});
