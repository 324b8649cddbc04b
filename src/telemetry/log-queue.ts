// The lines that wait for the log's reader: bounded, oldest first, minor ones dropped before others. Pure; writes nothing.

interface Waiting {
	line: string;
	bytes: number;
	/** Below `warn`. */
	minor: boolean;
	/** Its place in the log. */
	seq: number;
}

/** Lines that were taken out together, to be written or put back. */
export type Batch = readonly Waiting[];

export class LogQueue {
	readonly #maxBytes: number;
	readonly #minor = new Fifo();
	readonly #major = new Fifo();
	#bytes = 0;
	#seq = 0;
	#dropped = 0;

	constructor(maxBytes: number) {
		this.#maxBytes = maxBytes;
	}

	get isEmpty(): boolean {
		return this.#minor.first === undefined && this.#major.first === undefined;
	}

	/** Of the lines that wait. */
	get bytes(): number {
		return this.#bytes;
	}

	/** Lines dropped since the beginning. */
	get dropped(): number {
		return this.#dropped;
	}

	/** Adds a line; what does not fit any more is dropped, the oldest minor line first. */
	push(line: string, minor: boolean): void {
		this.#seq += 1;
		const bytes = Buffer.byteLength(line);
		(minor ? this.#minor : this.#major).push({ line, bytes, minor, seq: this.#seq });
		this.#bytes += bytes;
		while (this.#bytes > this.#maxBytes) {
			const oldest = this.#minor.shift() ?? this.#major.shift();
			if (oldest === undefined) return;
			this.#bytes -= oldest.bytes;
			this.#dropped += 1;
		}
	}

	/** Takes the oldest lines, as many as have `maxBytes` together, but at least one where there is one. */
	take(maxBytes: number): Batch {
		const batch: Waiting[] = [];
		let bytes = 0;
		for (;;) {
			const queue = this.#older;
			const next = queue.first;
			if (next === undefined || (batch.length > 0 && bytes + next.bytes > maxBytes)) break;
			queue.shift();
			bytes += next.bytes;
			this.#bytes -= next.bytes;
			batch.push(next);
		}
		return batch;
	}

	/** Puts lines back to where `take` had them. */
	putBack(batch: Batch): void {
		for (const waiting of batch.toReversed()) {
			(waiting.minor ? this.#minor : this.#major).unshift(waiting);
			this.#bytes += waiting.bytes;
		}
	}

	/** The one whose first line is the older one. */
	get #older(): Fifo {
		const minor = this.#minor.first?.seq ?? Number.POSITIVE_INFINITY;
		return minor < (this.#major.first?.seq ?? Number.POSITIVE_INFINITY) ? this.#minor : this.#major;
	}
}

/** An array's own shift moves all that follows. */
class Fifo {
	#items: Waiting[] = [];
	#head = 0;

	get first(): Waiting | undefined {
		return this.#items[this.#head];
	}

	push(item: Waiting): void {
		this.#items.push(item);
	}

	shift(): Waiting | undefined {
		const item = this.#items[this.#head];
		if (item === undefined) return undefined;
		this.#head += 1;
		if (this.#head * 2 >= this.#items.length) {
			this.#items = this.#items.slice(this.#head);
			this.#head = 0;
		}
		return item;
	}

	unshift(item: Waiting): void {
		if (this.#head === 0) this.#items.unshift(item);
		else {
			this.#head -= 1;
			this.#items[this.#head] = item;
		}
	}
}
