// Owns the sorting of a reply's bytes into the small rest and the excerpts, each in memory of its own. Knows no JSON.
import { isAscii } from "node:buffer";
import { TextDecoder } from "node:util";
import { RollpinError } from "../../base/errors.js";
import type { Excerpt } from "../../base/excerpt.js";
import { JsonSyntaxError } from "../../json/parse.js";
import type { KnownPayload } from "./known-payload.js";
import { Slabs } from "./slabs.js";

interface OpenExcerpt {
	offset: number;
	field: string;
	choice: number;
	bytes: Slabs;
	byteLength: number;
	knownBytes: number;
	/** What it is compared with, as long as it is the same. */
	known: KnownPayload | null;
}

export class ExcerptRecorder {
	readonly excerpts: Excerpt[] = [];
	readonly #maxRestBytes: number;
	#rest: Buffer = Buffer.allocUnsafe(16 * 1024);
	#restLength = 0;
	#excerpt: OpenExcerpt | null = null;
	/** Bytes of excerpts that are held. */
	#excerptBytes = 0;
	readonly #known: readonly KnownPayload[];
	/** Payloads begun so far. */
	#payloads = 0;
	/** Only made for a payload that is not ASCII, which no engine sends; checks UTF-8 across pieces. */
	#decoder: TextDecoder | null = null;

	/** @param known by number of payload, what each is likely to begin as */
	constructor(maxRestBytes: number, known: readonly KnownPayload[] = []) {
		this.#maxRestBytes = maxRestBytes;
		this.#known = known;
	}

	/** Bytes that are held in all. */
	get keptBytes(): number {
		return this.#restLength + this.#excerptBytes;
	}

	get restLength(): number {
		return this.#restLength;
	}

	/** What was copied so far; the view is valid until the next `add`. */
	rest(): Buffer {
		return this.#rest.subarray(0, this.#restLength);
	}

	/** @throws RollpinError `upstream_invalid` when the rest grows past its bound; JsonSyntaxError for bad UTF-8 in an excerpt */
	add(bytes: Buffer): void {
		if (bytes.length === 0) return;
		const excerpt = this.#excerpt;
		if (excerpt !== null) {
			this.#checkUtf8(bytes, excerpt);
			excerpt.known?.stop();
			excerpt.known = null;
			excerpt.bytes.add(bytes);
			excerpt.byteLength += bytes.length;
			this.#excerptBytes += bytes.length;
			return;
		}
		const length = this.#restLength + bytes.length;
		if (length > this.#maxRestBytes) {
			throw new RollpinError(
				"upstream_invalid",
				`the engine's reply without its payloads is larger than ${this.#maxRestBytes} bytes`,
			);
		}
		if (length > this.#rest.length) {
			const grown = Buffer.allocUnsafe(Math.max(length, this.#rest.length * 2));
			this.#rest.copy(grown, 0, 0, this.#restLength);
			this.#rest = grown;
		}
		bytes.copy(this.#rest, this.#restLength);
		this.#restLength = length;
	}

	/** Whether the open excerpt is still the same as a known payload. */
	get comparesKnown(): boolean {
		return this.#excerpt !== null && this.#excerpt.known !== null;
	}

	/**
	 * How many of the first bytes of `bytes` go on as the known payload does; they count as added. 0 when there is none,
	 * and from the first difference on.
	 */
	takeKnown(bytes: Buffer): number {
		const excerpt = this.#excerpt;
		if (excerpt === null || excerpt.known === null) return 0;
		const same = excerpt.known.take(bytes);
		if (same < bytes.length) excerpt.known = null;
		this.#checkUtf8(bytes.subarray(0, same), excerpt);
		excerpt.knownBytes += same;
		excerpt.byteLength += same;
		return same;
	}

	openExcerpt(field: string, choice: number): void {
		const known = field === "prompt_token_ids" ? null : (this.#known[this.#payloads++] ?? null);
		this.#excerpt = {
			offset: this.#restLength,
			field,
			choice,
			bytes: new Slabs(),
			byteLength: 0,
			knownBytes: 0,
			known,
		};
	}

	closeExcerpt(): void {
		if (this.#excerpt === null) return;
		if (this.#decoder !== null) this.#decode(Buffer.alloc(0), this.#excerpt, false);
		this.#decoder = null;
		const { offset, field, choice, bytes, byteLength, knownBytes } = this.#excerpt;
		this.excerpts.push({ offset, field, choice, bytes: bytes.pieces(), byteLength, knownBytes });
		this.#excerpt = null;
	}

	#checkUtf8(bytes: Buffer, excerpt: OpenExcerpt): void {
		if (this.#decoder === null) {
			if (isAscii(bytes)) return;
			this.#decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
		}
		this.#decode(bytes, excerpt, true);
	}

	#decode(bytes: Buffer, excerpt: OpenExcerpt, stream: boolean): void {
		try {
			this.#decoder?.decode(bytes, { stream });
		} catch {
			throw new JsonSyntaxError(`invalid UTF-8 in ${excerpt.field}`, excerpt.offset);
		}
	}
}
