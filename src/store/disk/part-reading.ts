// One part being read from its beginning: finds its bytes, reads them, and checks what is handed on. Knows no streams.
import type { SessionId, TurnId } from "../../base/ids.js";
import { BlockCheck } from "../files/checksum.js";
import type { Descriptors } from "../files/descriptors.js";
import type { Medium } from "../files/medium.js";
import type { Steps } from "../files/steps.js";
import { type Extent, extentsOf, seek } from "../plan/extents.js";
import { BLOCK_BYTES, type PartPlace, type SessionImage } from "../plan/image.js";
import type { PartName } from "../store.js";
import { isMissing, isUnreadable, systemError, TurnGone } from "../store-errors.js";
import type { Segment } from "./session-files.js";

/** What reading needs of a session. */
export interface PartView {
	readonly id: SessionId;
	/** Null: the session is gone, or was found damaged. */
	readonly image: SessionImage | null;
	readonly segments: readonly Segment[];
	/** Differs when parts were moved to another file. */
	readonly version: number;
}

export interface PartReaderParts {
	medium: Medium;
	descriptors: Descriptors;
	/** The error that the caller is told of, when a view does not hold what it should. */
	damaged(view: PartView, why: string): Error;
	/** A view is being read, and no longer. */
	begun?(view: PartView): void;
	ended?(view: PartView): void;
}

/** Bytes that a reader holds at once: what fits the processor's cache is several times faster. */
export const PIECE_BYTES = 2 * BLOCK_BYTES;

/** One part being read from its beginning. */
export class Reading {
	readonly length: number;
	readonly #parts: PartReaderParts;
	readonly #view: PartView;
	readonly #turn: TurnId;
	readonly #part: PartName;
	readonly #born: number;
	#extents: readonly Extent[];
	#version: number;
	/** The next byte. */
	#index = 0;
	#at = 0;

	constructor(parts: PartReaderParts, view: PartView, turn: TurnId, part: PartName) {
		this.#parts = parts;
		this.#view = view;
		this.#turn = turn;
		this.#part = part;
		const stored = view.image?.get(turn);
		if (stored === undefined) throw new TurnGone(view.id, turn);
		this.#born = stored.born;
		this.#version = view.version;
		this.#extents = this.#find();
		this.length = stored.parts.get(part)?.length ?? 0;
	}

	/** Begins so many bytes later. */
	skip(bytes: number): void {
		this.#advance(Math.min(bytes, this.length));
	}

	/** @throws TurnGone unless this very turn, with this part, is stored */
	check(): void {
		const stored = this.#view.image?.get(this.#turn);
		if (stored?.born !== this.#born || stored.parts.get(this.#part)?.dropped === true) {
			throw new TurnGone(this.#view.id, this.#turn);
		}
	}

	/**
	 * Reads the next whole blocks, checked, to `from` in `into`; returns how many bytes of them are the part's.
	 * @param spill a block that has no room is read elsewhere, and copied as far as it is the part's; else it is 0
	 */
	*checked(into: Buffer, from: number, spill: boolean): Steps<number> {
		for (;;) {
			this.#relocate();
			const extent = this.#extents[this.#index];
			if (extent === undefined) return 0;
			const { place, length } = extent;
			const at = this.#at;
			const room = into.length - from;
			const blocks = Math.max(1, Math.min(PIECE_BYTES, room) / BLOCK_BYTES) | 0;
			const needed = Math.ceil(length / BLOCK_BYTES) * BLOCK_BYTES;
			const end = Math.min(place.stored, at + blocks * BLOCK_BYTES, needed);
			const fits = end - at <= room;
			if (!fits && !spill) return 0;
			const target = fits ? into.subarray(from, from + end - at) : Buffer.allocUnsafeSlow(end - at);
			if (!(yield* this.#block(place, at, target))) continue;
			const used = Math.min(end, length) - at;
			if (!fits) target.copy(into, from, 0, used);
			this.#advance(used);
			return used;
		}
	}

	/** Reads as many whole blocks as `into` holds, one at least where there is one. */
	*fill(into: Buffer): Steps<number> {
		let filled = 0;
		for (;;) {
			const bytes = yield* this.checked(into, filled, false);
			if (bytes === 0) return filled;
			filled += bytes;
		}
	}

	/** Fills `buffer` with the next bytes; fewer only at the end. */
	*unchecked(buffer: Buffer, medium: Medium): Steps<number> {
		this.check();
		let filled = 0;
		while (filled < buffer.length) {
			// Before each extent: parts may be moved while one is waited for.
			this.#relocate();
			const extent = this.#extents[this.#index];
			if (extent === undefined) break;
			const bytes = Math.min(buffer.length - filled, extent.length - this.#at);
			const target = buffer.subarray(filled, filled + bytes);
			if (!(yield* this.#read(extent.place, this.#at, target, medium))) continue;
			filled += bytes;
			this.#advance(bytes);
		}
		this.check();
		return filled;
	}

	/** False: the parts were moved meanwhile. */
	*#block(place: PartPlace, at: number, into: Buffer): Steps<boolean> {
		if (!(yield* this.#read(place, at, into, this.#parts.medium))) return false;
		const first = at / BLOCK_BYTES;
		const sums = new BlockCheck(place.crcs.slice(first, first + Math.ceil(into.length / BLOCK_BYTES)));
		if (!sums.add(into) || !sums.end()) {
			// Of a turn that was dropped meanwhile another one's bytes may stand there.
			this.check();
			throw this.#damaged(`${this.#part} of turn ${this.#turn} is not what was written`);
		}
		return true;
	}

	/** False: the parts were moved before their file was open, and it is gone. */
	*#read(place: PartPlace, at: number, into: Buffer, medium: Medium): Steps<boolean> {
		const { descriptors } = this.#parts;
		const segment = this.#view.segments.find(({ name }) => name === place.segment);
		if (segment === undefined) {
			this.check();
			throw this.#damaged(`its file ${place.segment} is not there`);
		}
		let bytes: number;
		try {
			const fd = yield* descriptors.take(segment.file, medium);
			try {
				bytes = yield* medium.read(fd, into, place.offset + at);
			} finally {
				descriptors.release(segment.file);
			}
		} catch (error) {
			this.check();
			if (isUnreadable(error)) throw this.#damaged(String(error));
			if (!isMissing(error)) throw systemError(error);
			if (this.#version !== this.#view.version) return false;
			throw this.#damaged("its file is gone");
		}
		if (bytes === into.length) return true;
		this.check();
		throw this.#damaged(`${this.#part} of turn ${this.#turn} ends too soon`);
	}

	#advance(bytes: number): void {
		this.#at += bytes;
		while (this.#at >= (this.#extents[this.#index]?.length ?? Number.POSITIVE_INFINITY)) {
			this.#at -= this.#extents[this.#index]?.length ?? 0;
			this.#index++;
		}
	}

	/** Finds the place of the next byte anew when parts were moved. */
	#relocate(): void {
		if (this.#version === this.#view.version) return;
		let position = this.#at;
		for (const { length } of this.#extents.slice(0, this.#index)) position += length;
		this.check();
		this.#version = this.#view.version;
		this.#extents = this.#find();
		const found = seek(this.#extents, position);
		this.#index = found.index;
		this.#at = found.at;
	}

	#find(): readonly Extent[] {
		const { image, id } = this.#view;
		if (image === null) throw new TurnGone(id, this.#turn);
		try {
			return extentsOf(id, image, this.#turn, this.#part);
		} catch (error) {
			if (error instanceof TurnGone) throw error;
			throw this.#damaged(error instanceof Error ? error.message : String(error));
		}
	}

	#damaged(why: string): Error {
		return this.#parts.damaged(this.#view, why);
	}
}
