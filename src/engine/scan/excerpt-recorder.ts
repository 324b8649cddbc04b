// Owns the sorting of a reply's bytes into the small rest and the excerpts, each in memory of its own. Knows no JSON.
import { isAscii } from "node:buffer";
import { TextDecoder } from "node:util";
import { RollpinError } from "../../base/errors.js";
import type { Excerpt } from "../../base/excerpt.js";
import { JsonSyntaxError } from "../../json/parse.js";
import type { KnownPayload } from "./known-payload.js";
import { SentText } from "./sent-ids.js";
import { Slabs } from "./slabs.js";

const PROMPT_IDS = "prompt_token_ids";
/** Room for the rest at first: where the reply's length is not known, and at least and most where it is. */
const FIRST_BYTES = 16 * 1024;
const MIN_FIRST_BYTES = 1024;
const MAX_FIRST_BYTES = 64 * 1024;

interface OpenExcerpt {
	offset: number;
	field: string;
	choice: number;
	bytes: Slabs;
	byteLength: number;
	knownBytes: number;
	/** What it is compared with, as long as it is the same. */
	known: KnownPayload | null;
	/** The ids that were sent, as long as these repeat them: nothing of it is held then. */
	sent: SentText | null;
}

export class ExcerptRecorder {
	readonly excerpts: Excerpt[] = [];
	readonly #payloadSlabs: Slabs[] = [];
	readonly #maxRestBytes: number;
	#rest: Buffer;
	#restLength = 0;
	#excerpt: OpenExcerpt | null = null;
	/** Bytes of excerpts that are held. */
	#excerptBytes = 0;
	readonly #known: readonly KnownPayload[];
	readonly #sentIds: readonly Buffer[];
	/** Payloads begun so far. */
	#payloads = 0;
	/** Only made for a payload that is not ASCII, which no engine sends; checks UTF-8 across pieces. */
	#decoder: TextDecoder | null = null;

	/**
	 * @param known by number of payload, what each is likely to begin as
	 * @param sentIds the text that prompt ids are likely to be
	 * @param replyBytes length of the whole reply, where it is known
	 */
	constructor(
		maxRestBytes: number,
		known: readonly KnownPayload[] = [],
		sentIds: readonly Buffer[] = [],
		replyBytes = FIRST_BYTES,
	) {
		this.#maxRestBytes = maxRestBytes;
		this.#known = known;
		this.#sentIds = sentIds;
		// As a rule the rest of a small reply is all but the ids; of a large one nobody knows.
		const sentBytes = sentIds.reduce((sum, { length }) => sum + length, 0);
		this.#rest = Buffer.allocUnsafeSlow(
			Math.min(Math.max(replyBytes - sentBytes, MIN_FIRST_BYTES), MAX_FIRST_BYTES),
		);
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
			if (excerpt.sent !== null) {
				if (excerpt.sent.take(bytes)) return;
				this.#keepSent(excerpt, excerpt.sent);
			}
			this.#checkUtf8(bytes, excerpt);
			excerpt.known?.stop();
			excerpt.known = null;
			this.#keep(excerpt, bytes);
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
			const grown = Buffer.allocUnsafeSlow(Math.max(length, this.#rest.length * 2));
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
		const isPrompt = field === PROMPT_IDS;
		const bytes = new Slabs();
		if (!isPrompt) this.#payloadSlabs.push(bytes);
		const known = isPrompt ? null : (this.#known[this.#payloads++] ?? null);
		this.#excerpt = {
			offset: this.#restLength,
			field,
			choice,
			bytes,
			byteLength: 0,
			knownBytes: 0,
			known,
			sent: isPrompt ? new SentText(this.#sentIds) : null,
		};
	}

	closeExcerpt(): void {
		if (this.#excerpt === null) return;
		if (this.#decoder !== null) this.#decode(Buffer.alloc(0), this.#excerpt, false);
		this.#decoder = null;
		const excerpt = this.#excerpt;
		this.#excerpt = null;
		const { offset, field, choice, knownBytes, sent } = excerpt;
		// Repeated whole, they are the sent bytes themselves.
		const whole = sent?.whole ?? null;
		if (sent !== null && whole === null) this.#keepSent(excerpt, sent);
		const bytes = whole ?? excerpt.bytes.pieces();
		const byteLength = whole === null ? excerpt.byteLength : (sent?.length ?? 0);
		this.excerpts.push({ offset, field, choice, bytes, byteLength, knownBytes });
	}

	/** Nobody uses the payloads' bytes any more: they are empty from now on, and their memory is for other replies. */
	giveBack(): void {
		for (const slabs of this.#payloadSlabs.splice(0)) slabs.giveBack();
		for (const excerpt of this.excerpts) if (excerpt.field !== PROMPT_IDS) excerpt.bytes = [];
	}

	/** They differ from the sent ones after all, or are fewer: what was passed over is held too. */
	#keepSent(excerpt: OpenExcerpt, sent: SentText): void {
		excerpt.sent = null;
		for (const piece of sent.taken()) this.#keep(excerpt, piece);
	}

	#keep(excerpt: OpenExcerpt, bytes: Buffer): void {
		excerpt.bytes.add(bytes);
		excerpt.byteLength += bytes.length;
		this.#excerptBytes += bytes.length;
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
