// Role: the cheapest HTTP backend that can stand in a worker's place. Answers before it would do any work.
import { createServer, type Socket } from "node:net";
import { ready } from "./processes.js";

const SMALL_BYTES = 1024;
const LARGE_PIECE = Buffer.alloc(256 * 1024, "x");
const HEAD_END = Buffer.from("\r\n\r\n");

const [socketPath, largeBytesText] = process.argv.slice(2);
const largeBytes = Number(largeBytesText);
const head = (length: number) =>
	`HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\ndate: ${new Date().toUTCString()}\r\n\r\n`;
const small = Buffer.from(head(SMALL_BYTES) + "x".repeat(SMALL_BYTES));

function serve(socket: Socket): void {
	let kept: Buffer | null = null;
	socket.on("data", (chunk: Buffer) => {
		let bytes: Buffer = kept === null ? chunk : Buffer.concat([kept, chunk]);
		kept = null;
		while (bytes.length > 0) {
			const end = bytes.indexOf(HEAD_END);
			const text = end < 0 ? "" : bytes.toString("latin1", 0, end);
			const length = Number(/\r\ncontent-length: *(\d+)/i.exec(text)?.[1] ?? 0);
			if (end < 0 || bytes.length < end + 4 + length) {
				kept = bytes;
				return;
			}
			bytes = bytes.subarray(end + 4 + length);
			if (text.slice(0, text.indexOf("\r\n")).includes("/large")) sendLarge(socket, largeBytes, true);
			else socket.write(small);
		}
	});
	socket.on("error", () => socket.destroy());
}

function sendLarge(socket: Socket, left: number, first: boolean): void {
	if (first) socket.write(head(left));
	let rest = left;
	while (rest > 0) {
		const piece = rest < LARGE_PIECE.length ? LARGE_PIECE.subarray(0, rest) : LARGE_PIECE;
		rest -= piece.length;
		if (!socket.write(piece) && rest > 0) {
			socket.once("drain", () => sendLarge(socket, rest, false));
			return;
		}
	}
}

const server = createServer({ noDelay: true }, serve);
server.listen(socketPath, () => ready({}));
