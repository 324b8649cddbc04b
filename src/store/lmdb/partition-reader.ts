// The sessions of one partition, read only: records by key, parts from their place. Writes nothing.
import type { SessionId, TurnId } from "../../base/ids.js";
import type { BlobFiles } from "../files/blob-files.js";
import { type CursorFiles, type Extent, ExtentCursor, extentsFrom } from "../files/extents.js";
import { after, partKey, SESSIONS, sessionKey, turnKey, turnRange } from "../plan/keys.js";
import { damagedPart, decodeRecord, ownLength, type PartPlace, type TurnRecord } from "../plan/records.js";
import type { PartCursor, PartName, SessionMeta, TurnHeader } from "../store.js";
import { TurnGone } from "../store-errors.js";
import type { LmdbEnvironment } from "./environment.js";

/** Sessions read in one go; between them the event loop runs and no read transaction is held. */
const SESSIONS_PER_SCAN = 256;

/** Bytes that are compared at once. */
const SKIM_BYTES = 1024 * 1024;

/** What reading asks of an environment. */
export type ReadableEnvironment = Pick<LmdbEnvironment, "get" | "scan" | "reading">;

export class PartitionReader {
	readonly #environment: ReadableEnvironment;
	readonly #blobs: CursorFiles & Pick<BlobFiles, "stream">;

	constructor(environment: ReadableEnvironment, blobs: CursorFiles & Pick<BlobFiles, "stream">) {
		this.#environment = environment;
		this.#blobs = blobs;
	}

	async *sessions(): AsyncIterable<SessionMeta> {
		for (let start: Buffer = SESSIONS.start; ; ) {
			const metas: SessionMeta[] = [];
			this.#environment.scan(
				{ start, end: SESSIONS.end },
				(key, value) => {
					metas.push(decodeRecord("session", value).meta);
					start = after(key);
				},
				SESSIONS_PER_SCAN,
			);
			yield* metas;
			if (metas.length < SESSIONS_PER_SCAN) return;
			await new Promise((resolve) => setImmediate(resolve));
		}
	}

	session(id: SessionId): SessionMeta | undefined {
		return this.#environment.reading(() => {
			const value = this.#environment.get(sessionKey(id));
			return value === undefined ? undefined : decodeRecord("session", value).meta;
		});
	}

	headers(id: SessionId): TurnHeader[] {
		const headers: TurnHeader[] = [];
		this.#environment.scan(turnRange(id), (_key, value) => headers.push(decodeRecord("turn", value).header));
		return headers;
	}

	async part(id: SessionId, turn: TurnId, part: PartName): Promise<Buffer> {
		const { record, extents, length } = this.#extents(id, turn, part);
		const [only] = extents;
		if (only === undefined) return Buffer.alloc(0);
		if (extents.length === 1 && only.file === null) return this.#inlineBytes(id, only);
		const whole = Buffer.allocUnsafeSlow(length);
		let at = 0;
		for await (const piece of this.#stream(id, record, part, extents)) at += piece.copy(whole, at);
		return whole;
	}

	async *streamPart(
		id: SessionId,
		turn: TurnId,
		part: PartName,
		buffers?: readonly Buffer[],
	): AsyncIterable<Buffer> {
		const { record, extents } = this.#extents(id, turn, part);
		yield* this.#stream(id, record, part, extents, buffers);
	}

	/** The bytes after `start`, through one buffer: a piece is valid until the next one is asked for. */
	protected async *skim(id: SessionId, turn: TurnId, part: PartName, start: number): AsyncIterable<Buffer> {
		const { record, extents } = this.#extents(id, turn, part);
		yield* this.#stream(id, record, part, extentsFrom(extents, start), [Buffer.allocUnsafeSlow(SKIM_BYTES)]);
	}

	openPart(id: SessionId, turn: TurnId, part: PartName): PartCursor {
		const { record, extents } = this.#extents(id, turn, part);
		let checked: Buffer | undefined;
		return new ExtentCursor(extents, this.#blobs, {
			check: () => {
				// Once for each of the small reads: the same bytes as before need no parsing.
				const value = this.#environment.get(turnKey(id, turn));
				if (value !== undefined && checked?.equals(value) === true) return;
				this.#checkStored(id, record, part);
				checked = value === undefined ? undefined : Buffer.from(value);
			},
			inline: (extent) => this.#inlineBytes(id, extent),
		});
	}

	partLength(id: SessionId, turn: TurnId, part: PartName): number {
		return this.#turn(id, turn).parts[part]?.length ?? 0;
	}

	async *#stream(
		id: SessionId,
		record: TurnRecord,
		part: PartName,
		extents: readonly Extent[],
		buffers?: readonly Buffer[],
	): AsyncIterable<Buffer> {
		let piecesRead = 0;
		const nextBuffer =
			buffers === undefined ? undefined : () => buffers[piecesRead++ % buffers.length] as Buffer;
		for (const extent of extents) {
			if (extent.file === null) {
				this.#checkStored(id, record, part);
				yield this.#inlineBytes(id, extent);
				continue;
			}
			try {
				const { file, offset, length, packed } = extent;
				for await (const piece of this.#blobs.stream(file, offset, length, packed, nextBuffer)) {
					this.#checkStored(id, record, part);
					yield piece;
				}
			} catch (error) {
				// The file of a turn that was dropped meanwhile is missing for a good reason.
				this.#checkStored(id, record, part);
				throw error;
			}
		}
	}

	/** Where the bytes of a part are, from its beginning: those of the turns that it begins with, then its own. */
	#extents(
		id: SessionId,
		turn: TurnId,
		part: PartName,
	): { record: TurnRecord; extents: Extent[]; length: number } {
		const first = this.#turn(id, turn);
		const length = first.parts[part]?.length ?? 0;
		if (first.parts[part]?.dropped === true) throw new TurnGone(id, turn);
		const extents: Extent[] = [];
		let [record, name, end] = [first, part, length];
		while (end > 0) {
			const place = record.parts[name];
			if (place === undefined || place.length < end) throw damagedPart(id, turn, part);
			const start = place.base?.length ?? 0;
			if (end > start) extents.push(extentOf(record, name, place, end - start));
			if (place.base === undefined) break;
			end = Math.min(end, start);
			name = place.base.part;
			record = this.#turn(id, place.base.turn);
		}
		return { record: first, extents: extents.reverse(), length };
	}

	/** @throws TurnGone unless this very turn, with this part, is stored */
	#checkStored(id: SessionId, { header, blob, pack, parts }: TurnRecord, part: PartName): void {
		const stored = this.#turn(id, header.id);
		// Without its payloads a turn may have no file any more; its other parts stay.
		const sameBlob = stored.blob === blob || parts[part]?.blobOffset === undefined;
		const same = sameBlob && stored.pack === pack && stored.header.timestamp === header.timestamp;
		if (!same || stored.parts[part]?.dropped === true) throw new TurnGone(id, header.id);
	}

	#turn(id: SessionId, turn: TurnId): TurnRecord {
		return this.#environment.reading(() => {
			const value = this.#environment.get(turnKey(id, turn));
			if (value === undefined) throw new TurnGone(id, turn);
			return decodeRecord("turn", value);
		});
	}

	#inlineBytes(id: SessionId, { turn, part, offset, length, ownBytes }: Extent): Buffer {
		const value = this.#environment.get(partKey(id, turn, part));
		if (value?.length !== ownBytes) throw damagedPart(id, turn, part);
		return value.subarray(offset, offset + length);
	}
}

function extentOf(record: TurnRecord, part: PartName, place: PartPlace, length: number): Extent {
	const { header, blob, pack } = record;
	const packed = place.packOffset !== undefined;
	const file = packed ? (pack ?? null) : place.blobOffset === undefined ? null : blob;
	const offset = place.packOffset ?? place.blobOffset ?? 0;
	return { turn: header.id, part, file, packed, offset, length, ownBytes: ownLength(place) };
}
