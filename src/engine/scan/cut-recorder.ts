// Owns the sorting of a reply's bytes into the small rest and the cuts, each in memory of its own. Knows no JSON.
import { isAscii } from "node:buffer";
import { TextDecoder } from "node:util";
import { RollpinError } from "../../base/errors.js";
import { JsonSyntaxError } from "../../json/parse.js";
import type { CutRange } from "../engine.js";
import type { KnownPayload } from "./known-payload.js";
import { Slabs } from "./slabs.js";

interface OpenCut {
	offset: number;
	field: CutRange["field"];
	choice: number;
	bytes: Slabs;
	byteLength: number;
	shared: number;
	/** What it is compared with, as long as it is the same. */
	known: KnownPayload | null;
}

export class CutRecorder {
	readonly cuts: CutRange[] = [];
	readonly #maxRestBytes: number;
	#rest: Buffer = Buffer.allocUnsafe(16 * 1024);
	#restLength = 0;
	#cut: OpenCut | null = null;
	/** Bytes of cuts that are held. */
	#cutLength = 0;
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
		return this.#restLength + this.#cutLength;
	}

	get restLength(): number {
		return this.#restLength;
	}

	/** What was copied so far; the view is valid until the next `add`. */
	rest(): Buffer {
		return this.#rest.subarray(0, this.#restLength);
	}

	/** @throws RollpinError `upstream_invalid` when the rest grows past its bound; JsonSyntaxError for bad UTF-8 in a cut */
	add(bytes: Buffer): void {
		if (bytes.length === 0) return;
		const cut = this.#cut;
		if (cut !== null) {
			this.#checkUtf8(bytes, cut);
			cut.known?.stop();
			cut.known = null;
			cut.bytes.add(bytes);
			cut.byteLength += bytes.length;
			this.#cutLength += bytes.length;
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

	/** Whether the open cut is still the same as a known payload. */
	get comparesKnown(): boolean {
		return this.#cut !== null && this.#cut.known !== null;
	}

	/**
	 * How many of the first bytes of `bytes` go on as the known payload does; they count as added. 0 when there is none,
	 * and from the first difference on.
	 */
	takeKnown(bytes: Buffer): number {
		const cut = this.#cut;
		if (cut === null || cut.known === null) return 0;
		const taken = cut.known.take(bytes);
		if (taken < bytes.length) cut.known = null;
		this.#checkUtf8(bytes.subarray(0, taken), cut);
		cut.shared += taken;
		cut.byteLength += taken;
		return taken;
	}

	openCut(field: CutRange["field"], choice: number): void {
		const known = field === "prompt_token_ids" ? null : (this.#known[this.#payloads++] ?? null);
		this.#cut = {
			offset: this.#restLength,
			field,
			choice,
			bytes: new Slabs(),
			byteLength: 0,
			shared: 0,
			known,
		};
	}

	closeCut(): void {
		if (this.#cut === null) return;
		if (this.#decoder !== null) this.#decode(Buffer.alloc(0), this.#cut, false);
		this.#decoder = null;
		const { offset, field, choice, bytes, byteLength, shared } = this.#cut;
		this.cuts.push({ offset, field, choice, bytes: bytes.pieces(), byteLength, shared });
		this.#cut = null;
	}

	#checkUtf8(bytes: Buffer, cut: OpenCut): void {
		if (this.#decoder === null) {
			if (isAscii(bytes)) return;
			this.#decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
		}
		this.#decode(bytes, cut, true);
	}

	#decode(bytes: Buffer, cut: OpenCut, stream: boolean): void {
		try {
			this.#decoder?.decode(bytes, { stream });
		} catch {
			throw new JsonSyntaxError(`invalid UTF-8 in ${cut.field}`, cut.offset);
		}
	}
}
