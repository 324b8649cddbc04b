// Brings log lines to their target, whole and in order, however slow or broken it is. Never waits, never throws, never ends anything.
import { type Batch, LogQueue } from "./log-queue.js";
import type { LogTarget } from "./log-target.js";

/** Of one process's log, while nobody takes it. */
const MAX_BYTES = 8 * 1024 * 1024;
/** Written in one go before the loop gets its turn again. */
const TURN_BATCHES = 64;
/** A reader that is slow: it may have made room by then. */
const READER_RETRY_MS = { first: 2, longest: 50 };
/** A medium that is full, a reader that is gone. */
const FAILURE_RETRY_MS = { first: 100, longest: 1_000 };
const FLUSH_POLL_MS = 2;

/** Makes the record of what is missing; null when its level is not logged. */
export type DroppedLine = (records: number, sinceMs: number) => string | null;

/** A line of which only a part could be written. */
interface Broken {
	bytes: Buffer;
	written: number;
}

export class LogSink {
	readonly #queue: LogQueue;
	readonly #droppedLine: DroppedLine;
	#target: LogTarget;
	/** Takes the target's place as soon as no line is half out. */
	#next: LogTarget | null = null;
	#broken: Broken | null = null;
	/** A write is under way. */
	#writing = false;
	#timer: NodeJS.Timeout | null = null;
	#delayMs = 0;
	/** Minor lines wait for company. */
	#lingering = false;
	readonly #lingerMs: number;
	/** Of the drops, those that a record has told of. */
	#told = 0;
	#droppingSinceMs = 0;

	/** @param options.lingerMs minor lines may wait so long for others to be written with */
	constructor(target: LogTarget, droppedLine: DroppedLine, { maxBytes = MAX_BYTES, lingerMs = 0 } = {}) {
		this.#target = target;
		this.#droppedLine = droppedLine;
		this.#queue = new LogQueue(maxBytes);
		this.#lingerMs = lingerMs;
	}

	/** Lines that were dropped since the beginning. */
	get dropped(): number {
		return this.#queue.dropped;
	}

	/** @param line with its line feed. @param minor below `warn` */
	write(line: string, minor: boolean): void {
		const before = this.#queue.dropped;
		this.#queue.push(line, minor);
		if (before === this.#told && this.#queue.dropped > before) this.#droppingSinceMs = performance.now();
		if (this.#timer !== null && !this.#lingering) return;
		if (!minor || this.#lingerMs === 0 || this.#queue.bytes >= this.#target.batchBytes) this.#retryNow();
		else if (this.#timer === null) {
			this.#retryAfter(this.#lingerMs);
			this.#lingering = true;
		}
	}

	/** From the next whole line on, lines go there. The target before is closed. */
	use(target: LogTarget): void {
		this.#next?.close();
		this.#next = target;
		this.#retryNow();
	}

	/** Resolves when every line is out, or after `timeoutMs`. */
	async flush(timeoutMs: number): Promise<void> {
		const untilMs = performance.now() + timeoutMs;
		while (this.#hasWork && performance.now() < untilMs) {
			this.#retryNow();
			if (this.#hasWork) await new Promise((resolve) => setTimeout(resolve, FLUSH_POLL_MS));
		}
	}

	/** The process ends now. One try without waiting for anybody; a file is written at once. */
	writeLast(): void {
		try {
			if (this.#broken !== null) {
				if (this.#writing) return;
				const { bytes, written } = this.#broken;
				this.#broken.written += this.#target.writeLast(bytes.subarray(written));
				if (this.#broken.written < bytes.length) return;
			}
			for (;;) {
				const batch = this.#queue.take(this.#target.batchBytes);
				const bytes = Buffer.from(textOf(batch));
				if (bytes.length === 0 || this.#target.writeLast(bytes) < bytes.length) return;
			}
		} catch {
			// Nobody is left to hear of it.
		}
	}

	get #hasWork(): boolean {
		return this.#writing || this.#broken !== null || !this.#queue.isEmpty;
	}

	#retryNow(): void {
		if (this.#timer !== null) clearTimeout(this.#timer);
		this.#timer = null;
		this.#lingering = false;
		this.#pump();
	}

	#pump(): void {
		for (let batches = 0; !this.#writing && this.#timer === null; batches++) {
			if (this.#broken === null) this.#takeOver();
			if (!this.#hasWork) return;
			if (batches === TURN_BATCHES) this.#retryAfter(0);
			else if (this.#broken === null) this.#writeBatch();
			else this.#writeRest(this.#broken);
		}
	}

	#takeOver(): void {
		if (this.#next === null) return;
		this.#target.close();
		this.#target = this.#next;
		this.#next = null;
	}

	#writeBatch(): void {
		const missing = this.#queue.dropped - this.#told;
		const sinceMs = Math.round(performance.now() - this.#droppingSinceMs);
		const first = missing === 0 ? "" : (this.#droppedLine(missing, sinceMs) ?? "");
		const batch = this.#queue.take(this.#target.batchBytes - first.length);
		const bytes = Buffer.from(first + textOf(batch));
		this.#start(bytes, false, (error, written) => {
			if (written === 0) {
				this.#queue.putBack(batch);
				this.#failed(error);
				return;
			}
			this.#told += missing;
			this.#delayMs = 0;
			if (written < bytes.length) this.#keepRest(bytes, written, batch);
			if (error !== null) this.#failed(error);
		});
	}

	#writeRest(broken: Broken): void {
		this.#start(broken.bytes.subarray(broken.written), true, (error, written) => {
			if (error?.code === "TRUNCATED") broken.written = 0;
			else if (written > 0) {
				this.#delayMs = 0;
				broken.written += written;
				if (broken.written === broken.bytes.length) this.#broken = null;
				else this.#failed(error);
			} else if (this.#next === null) this.#failed(error);
			else {
				// Nothing more goes where its beginning is.
				broken.written = 0;
				this.#takeOver();
			}
		});
	}

	#start(
		bytes: Buffer,
		rest: boolean,
		settle: (error: NodeJS.ErrnoException | null, n: number) => void,
	): void {
		this.#writing = true;
		let sync = true;
		this.#target.write(bytes, rest, (error, written) => {
			this.#writing = false;
			settle(error, written);
			if (!sync) this.#pump();
		});
		sync = false;
	}

	/** A line that is half out is finished before anything else; the whole ones after it go back. */
	#keepRest(bytes: Buffer, written: number, batch: Batch): void {
		if (bytes[written - 1] !== LINE_FEED) {
			const start = bytes.lastIndexOf(LINE_FEED, written - 1) + 1;
			const end = bytes.indexOf(LINE_FEED, written) + 1;
			this.#broken = { bytes: Buffer.from(bytes.subarray(start, end)), written: written - start };
		}
		const begun = written + (this.#broken === null ? 0 : this.#broken.bytes.length - this.#broken.written);
		let left = bytes.length - begun;
		let index = batch.length;
		while (left > 0) {
			index -= 1;
			left -= batch[index]?.bytes ?? left;
		}
		this.#queue.putBack(batch.slice(index));
		// What could not be taken whole has no room for more.
		this.#retryAfter(READER_RETRY_MS.first);
	}

	#failed(error: NodeJS.ErrnoException | null): void {
		const { first, longest } = error === null || error.code === "EAGAIN" ? READER_RETRY_MS : FAILURE_RETRY_MS;
		this.#delayMs = Math.min(longest, Math.max(first, this.#delayMs * 2));
		this.#retryAfter(this.#delayMs);
	}

	#retryAfter(delayMs: number): void {
		if (this.#timer !== null) clearTimeout(this.#timer);
		this.#lingering = false;
		this.#timer = setTimeout(() => this.#retryNow(), delayMs).unref();
	}
}

const LINE_FEED = 0x0a;

function textOf(batch: Batch): string {
	return batch.map(({ line }) => line).join("");
}
