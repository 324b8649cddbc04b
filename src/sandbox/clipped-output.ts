// What is kept of an output stream while it is read: its head and its tail, and how many bytes are missing between. Pure.

/** Bounded whatever comes: never more than the limit is held. */
export class ClippedOutput {
	/** Of all that came. */
	bytes = 0;
	readonly #headLimit: number;
	readonly #tailLimit: number;
	/** Grows as it is needed: of a million small writes each would else be an object of its own. */
	#head = Buffer.alloc(0);
	#headBytes = 0;
	/** A ring once it is full; made with the first byte that the head does not take. */
	#tail: Buffer | null = null;
	#tailAt = 0;
	#tailBytes = 0;

	/** @param limitBytes at least 2: half of it for each end */
	constructor(limitBytes: number) {
		this.#tailLimit = Math.floor(limitBytes / 2);
		this.#headLimit = limitBytes - this.#tailLimit;
	}

	get truncated(): boolean {
		return this.bytes > this.#headBytes + this.#tailBytes;
	}

	add(bytes: Uint8Array): void {
		this.bytes += bytes.length;
		const forHead = Math.min(bytes.length, this.#headLimit - this.#headBytes);
		if (forHead > 0) {
			const needed = this.#headBytes + forHead;
			if (needed > this.#head.length) this.#growHead(needed);
			this.#head.set(bytes.subarray(0, forHead), this.#headBytes);
			this.#headBytes = needed;
		}
		if (forHead < bytes.length) this.#addToTail(bytes.subarray(forHead));
	}

	/** Whole characters at the cut; bytes that are no UTF-8 become U+FFFD. */
	text(): string {
		const head = this.#head.subarray(0, this.#headBytes);
		const tail = this.#tailInOrder();
		if (!this.truncated) return Buffer.concat([head, tail]).toString("utf8");
		const first = head.subarray(0, wholeEnd(head));
		const last = tail.subarray(wholeStart(tail));
		const missing = this.bytes - first.length - last.length;
		return `${first.toString("utf8")}\n[... ${missing} bytes are missing here ...]\n${last.toString("utf8")}`;
	}

	#growHead(needed: number): void {
		const grown = Buffer.alloc(Math.min(this.#headLimit, Math.max(needed, 2 * this.#head.length)));
		grown.set(this.#head);
		this.#head = grown;
	}

	#addToTail(bytes: Uint8Array): void {
		const limit = this.#tailLimit;
		const kept = bytes.subarray(Math.max(0, bytes.length - limit));
		this.#tail ??= Buffer.allocUnsafe(limit);
		const first = Math.min(kept.length, limit - this.#tailAt);
		this.#tail.set(kept.subarray(0, first), this.#tailAt);
		this.#tail.set(kept.subarray(first), 0);
		this.#tailAt = (this.#tailAt + kept.length) % limit;
		this.#tailBytes = Math.min(limit, this.#tailBytes + kept.length);
	}

	#tailInOrder(): Buffer {
		const tail = this.#tail;
		if (tail === null) return Buffer.alloc(0);
		if (this.#tailBytes < this.#tailLimit) return tail.subarray(0, this.#tailBytes);
		return Buffer.concat([tail.subarray(this.#tailAt), tail.subarray(0, this.#tailAt)]);
	}
}

/** The end of the last character that is whole, or of bytes that are none anyway. */
function wholeEnd(bytes: Uint8Array): number {
	for (let back = 1; back <= Math.min(3, bytes.length); back++) {
		const byte = bytes[bytes.length - back] as number;
		if ((byte & 0xc0) === 0x80) continue;
		const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
		return length > back ? bytes.length - back : bytes.length;
	}
	return bytes.length;
}

/** The start of the first character that is whole. */
function wholeStart(bytes: Uint8Array): number {
	let at = 0;
	while (at < Math.min(3, bytes.length) && ((bytes[at] as number) & 0xc0) === 0x80) at++;
	return at;
}
