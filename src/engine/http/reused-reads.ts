// Connections whose incoming bytes pass through two buffers used in turn. Owns no connection once it is made.
//
// By default every read makes a buffer of 64 KiB. At a gigabyte a second that is what V8's collector is busiest with:
// each 64 MiB of such buffers cost one marking of the whole heap.
import type { Socket } from "node:net";
import { buildConnector } from "undici";
import { foreground } from "../../base/pace.js";

/** Read at once, at first; all that most replies need. */
const FIRST_READ_BYTES = 64 * 1024;

/**
 * Once a read has filled its buffer. Every read is a round through the loop, the stream and the parser, and a window update to the
 * engine: for a reply of 27 MB, larger reads take off half of all CPU time. Memory that no read reaches is never touched.
 */
const LARGE_READ_BYTES = 512 * 1024;

/**
 * undici keeps views of the header lines that it has, until it has them all, and takes at most 16 KiB of them. A read that
 * ends within them is no longer than this, about, and is handed on as a copy.
 */
const COPIED_BYTES = 32 * 1024;

/**
 * What is read is valid until control goes back to the event loop: the receiver copies what it keeps.
 * @param copiedBytes reads of up to this many bytes are copied, and so the receiver's for good
 */
export function reusedReadsConnector(
	timeoutMs: number,
	copiedBytes: number = COPIED_BYTES,
): buildConnector.connector {
	return (target, done) => {
		// TLS hands over buffers of its own.
		if (target.protocol === "https:")
			return buildConnector({ allowH2: false, timeout: timeoutMs })(target, done);
		const reads = new ReusedReads(copiedBytes);
		const connect = buildConnector({
			allowH2: false,
			timeout: timeoutMs,
			onread: reads,
		} as buildConnector.BuildOptions);
		// The socket is there at once; it is handed to `done` when it is connected.
		reads.socket = connect(target, done) as unknown as Socket;
	};
}

/** `onread` of node:net's sockets. */
export class ReusedReads {
	socket: Socket | null = null;
	#current = Buffer.allocUnsafeSlow(FIRST_READ_BYTES);
	#other = Buffer.allocUnsafeSlow(FIRST_READ_BYTES);
	#readBytes = FIRST_READ_BYTES;
	#pushed = 0;
	readonly #copiedBytes: number;

	constructor(copiedBytes: number) {
		this.#copiedBytes = copiedBytes;
	}

	/** The buffer of the next read. Called after each read, and once before the first. */
	readonly buffer = (): Uint8Array => {
		// What was pushed is consumed in this very turn of the loop, as a rule. Only what a paused parser gave back stays: its
		// buffer must not be written again.
		const waiting = this.socket?.readableLength ?? 0;
		const reusable = waiting <= this.#pushed && this.#other.length === this.#readBytes;
		const next = reusable ? this.#other : Buffer.allocUnsafeSlow(this.#readBytes);
		this.#other = this.#current;
		this.#current = next;
		return next;
	};

	readonly callback = (bytes: number, buffer: Uint8Array): boolean => {
		this.#pushed = bytes;
		if (bytes === buffer.length) this.#readBytes = LARGE_READ_BYTES;
		const read = buffer.subarray(0, bytes);
		const pushed = bytes > this.#copiedBytes ? read : Buffer.from(read);
		const { socket } = this;
		// A socket that always has more is read on and on before anybody else has a turn. Nothing is read until this is pushed, so its
		// end comes after it; undici's parser, were it paused instead, would throw when it meets that.
		if (socket !== null && this.#readBytes > FIRST_READ_BYTES && foreground.isOver) {
			this.#pushed = 0;
			void foreground.breathe().then(() => socket.destroyed || socket.push(pushed));
			return false;
		}
		return socket?.push(pushed) ?? false;
	};
}
