// The last requests that arrived, headers as raw lines, bodies byte for byte. Bounded by entries and bytes.

export interface LoggedRequest {
	/** Counts from 1 over the engine's life. */
	sequence: number;
	/** Unix milliseconds. */
	atMs: number;
	method: string;
	/** Path and query as sent. */
	target: string;
	httpVersion: string;
	/** `Name: value`, in order, case kept. */
	headerLines: string[];
	body: Buffer;
}

export class RequestLog {
	readonly #maxEntries: number;
	readonly #maxBytes: number;
	#entries: LoggedRequest[] = [];
	#bytes = 0;
	#sequence = 0;

	constructor(maxEntries: number, maxBytes: number) {
		this.#maxEntries = maxEntries;
		this.#maxBytes = maxBytes;
	}

	add(entry: Omit<LoggedRequest, "sequence" | "headerLines">, rawHeaders: readonly string[]): void {
		this.#sequence++;
		if (this.#maxEntries === 0) return;
		const headerLines: string[] = [];
		for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
			headerLines.push(`${rawHeaders[at]}: ${rawHeaders[at + 1]}`);
		}
		this.#entries.push({ ...entry, sequence: this.#sequence, headerLines });
		this.#bytes += entry.body.length;
		while (
			this.#entries.length > this.#maxEntries ||
			(this.#bytes > this.#maxBytes && this.#entries.length > 1)
		) {
			this.#bytes -= (this.#entries.shift() as LoggedRequest).body.length;
		}
	}

	/** Entries after that sequence number, oldest first. */
	list(after = 0): LoggedRequest[] {
		return this.#entries.filter((entry) => entry.sequence > after);
	}

	clear(): void {
		this.#entries = [];
		this.#bytes = 0;
	}
}
