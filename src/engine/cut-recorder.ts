// Owns the sorting of a reply's bytes into the small rest (copied) and the cuts (kept as views). Knows no JSON.
import { isAscii } from "node:buffer";
import { TextDecoder } from "node:util";
import { RollpinError } from "../base/errors.js";
import { JsonSyntaxError } from "../json/parse.js";
import type { CutRange } from "./engine.js";

interface OpenCut {
	offset: number;
	field: CutRange["field"];
	choice: number;
	bytes: Buffer[];
	byteLength: number;
}

export class CutRecorder {
	readonly cuts: CutRange[] = [];
	readonly #maxRestBytes: number;
	#rest: Buffer = Buffer.allocUnsafe(16 * 1024);
	#restLength = 0;
	#cut: OpenCut | null = null;
	/** Only made for a payload that is not ASCII, which no engine sends; checks UTF-8 across pieces. */
	#decoder: TextDecoder | null = null;

	constructor(maxRestBytes: number) {
		this.#maxRestBytes = maxRestBytes;
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
			cut.bytes.push(bytes);
			cut.byteLength += bytes.length;
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

	openCut(field: CutRange["field"], choice: number): void {
		this.#cut = { offset: this.#restLength, field, choice, bytes: [], byteLength: 0 };
	}

	closeCut(): void {
		if (this.#cut === null) return;
		if (this.#decoder !== null) this.#decode(Buffer.alloc(0), this.#cut, false);
		this.#decoder = null;
		this.cuts.push(this.#cut);
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
