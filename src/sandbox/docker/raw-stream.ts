// Takes apart the engine's raw stream of a command: frames of stdout and stderr behind 8-byte headers. Pure; copies no output.

export interface Frame {
	stream: "stdout" | "stderr";
	bytes: Buffer;
}

/** One byte for the stream, three of nothing, the length as a big-endian number (https://docs.docker.com/reference/api/engine/, "Attach to a container"). */
const HEADER_BYTES = 8;
const STREAMS: ReadonlyArray<Frame["stream"] | undefined> = [undefined, "stdout", "stderr"];

export class RawStream {
	#header = Buffer.alloc(HEADER_BYTES);
	#headerBytes = 0;
	#stream: Frame["stream"] = "stdout";
	#left = 0;

	/**
	 * What the chunk has of frames; a frame that is cut by the chunk's end goes on in the next one.
	 * @throws Error when it is no such stream
	 */
	push(chunk: Buffer): Frame[] {
		const frames: Frame[] = [];
		for (let at = 0; at < chunk.length; ) {
			if (this.#left > 0) {
				const bytes = chunk.subarray(at, at + this.#left);
				frames.push({ stream: this.#stream, bytes });
				this.#left -= bytes.length;
				at += bytes.length;
				continue;
			}
			const taken = chunk.copy(this.#header, this.#headerBytes, at, at + HEADER_BYTES - this.#headerBytes);
			at += taken;
			this.#headerBytes += taken;
			if (this.#headerBytes === HEADER_BYTES) this.#readHeader();
		}
		return frames;
	}

	#readHeader(): void {
		const stream = STREAMS[this.#header[0] ?? 0];
		if (stream === undefined || this.#header.readUIntBE(1, 3) !== 0) {
			throw new Error(`no frame of a command's output begins with ${this.#header.toString("hex")}`);
		}
		this.#stream = stream;
		this.#left = this.#header.readUInt32BE(4);
		this.#headerBytes = 0;
	}
}
