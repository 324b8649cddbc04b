// The sessions of one partition, read only: records by key, parts from their place. Writes nothing.
import type { SessionId, TurnId } from "../base/ids.js";
import type { BlobFiles } from "./blob-files.js";
import type { LmdbEnvironment } from "./lmdb-environment.js";
import { after, partKey, SESSIONS, sessionKey, turnKey, turnRange } from "./lmdb-keys.js";
import { damagedPart, decodeRecord, type PartPlace, type TurnRecord } from "./lmdb-records.js";
import type { PartName, SessionMeta, TurnHeader } from "./store.js";
import { TurnGone } from "./store-errors.js";

/** Sessions read in one go; between them the event loop runs and no read transaction is held. */
const SESSIONS_PER_SCAN = 256;

/** What reading asks of an environment. */
export type ReadableEnvironment = Pick<LmdbEnvironment, "get" | "scan" | "reading">;

export class PartitionReader {
	readonly #environment: ReadableEnvironment;
	readonly #blobs: Pick<BlobFiles, "read" | "stream">;

	constructor(environment: ReadableEnvironment, blobs: Pick<BlobFiles, "read" | "stream">) {
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
		const { blob, place } = this.#place(id, turn, part);
		if (place === undefined) return Buffer.alloc(0);
		if (blob === null || place.blobOffset === undefined)
			return this.#inlinePart(id, turn, part, place.length);
		try {
			return await this.#blobs.read(blob, place.blobOffset, place.length);
		} catch (error) {
			this.#checkStored(id, turn, blob);
			throw error;
		}
	}

	async *streamPart(id: SessionId, turn: TurnId, part: PartName): AsyncIterable<Buffer> {
		const { blob, place } = this.#place(id, turn, part);
		if (place === undefined) return;
		if (blob === null || place.blobOffset === undefined) {
			yield this.#inlinePart(id, turn, part, place.length);
			return;
		}
		try {
			for await (const piece of this.#blobs.stream(blob, place.blobOffset, place.length)) {
				this.#checkStored(id, turn, blob);
				yield piece;
			}
		} catch (error) {
			// The file of a turn that was dropped meanwhile is missing for a good reason.
			this.#checkStored(id, turn, blob);
			throw error;
		}
	}

	partLength(id: SessionId, turn: TurnId, part: PartName): number {
		return this.#place(id, turn, part).place?.length ?? 0;
	}

	#place(id: SessionId, turn: TurnId, part: PartName): { blob: string | null; place: PartPlace | undefined } {
		const record = this.#turn(id, turn);
		return { blob: record.blob, place: record.parts[part] };
	}

	/** @throws TurnGone unless the turn that has this file is stored */
	#checkStored(id: SessionId, turn: TurnId, blob: string): void {
		if (this.#turn(id, turn).blob !== blob) throw new TurnGone(id, turn);
	}

	#turn(id: SessionId, turn: TurnId): TurnRecord {
		return this.#environment.reading(() => {
			const value = this.#environment.get(turnKey(id, turn));
			if (value === undefined) throw new TurnGone(id, turn);
			return decodeRecord("turn", value);
		});
	}

	#inlinePart(id: SessionId, turn: TurnId, part: PartName, length: number): Buffer {
		const value = this.#environment.get(partKey(id, turn, part));
		if (value?.length !== length) throw damagedPart(id, turn, part);
		return value;
	}
}
