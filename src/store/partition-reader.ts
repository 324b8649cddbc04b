// The sessions of one partition, read only: records by key, parts from their place. Writes nothing.
import type { SessionId, TurnId } from "../base/ids.js";
import type { BlobFiles } from "./blob-files.js";
import type { LmdbEnvironment } from "./lmdb-environment.js";
import { after, partKey, SESSIONS, sessionKey, turnKey, turnRange } from "./lmdb-keys.js";
import { damagedPart, decodeRecord, type PartPlace } from "./lmdb-records.js";
import type { PartName, SessionMeta, TurnHeader } from "./store.js";

/** Sessions read in one go; between them the event loop runs and no read transaction is held. */
const SESSIONS_PER_SCAN = 256;

/** What reading asks of an environment. */
export type ReadableEnvironment = Pick<LmdbEnvironment, "get" | "scan">;

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
		const value = this.#environment.get(sessionKey(id));
		return value === undefined ? undefined : decodeRecord("session", value).meta;
	}

	headers(id: SessionId): TurnHeader[] {
		const headers: TurnHeader[] = [];
		this.#environment.scan(turnRange(id), (_key, value) => headers.push(decodeRecord("turn", value).header));
		return headers;
	}

	async part(id: SessionId, turn: TurnId, part: PartName): Promise<Buffer> {
		const { blob, place } = this.#place(id, turn, part);
		if (place === undefined) return Buffer.alloc(0);
		if (blob !== null && place.blobOffset !== undefined) {
			return this.#blobs.read(blob, place.blobOffset, place.length);
		}
		return this.#inlinePart(id, turn, part, place.length);
	}

	async *streamPart(id: SessionId, turn: TurnId, part: PartName): AsyncIterable<Buffer> {
		const { blob, place } = this.#place(id, turn, part);
		if (place === undefined) return;
		if (blob !== null && place.blobOffset !== undefined) {
			yield* this.#blobs.stream(blob, place.blobOffset, place.length);
		} else {
			yield this.#inlinePart(id, turn, part, place.length);
		}
	}

	partLength(id: SessionId, turn: TurnId, part: PartName): number {
		return this.#place(id, turn, part).place?.length ?? 0;
	}

	#place(id: SessionId, turn: TurnId, part: PartName): { blob: string | null; place: PartPlace | undefined } {
		const value = this.#environment.get(turnKey(id, turn));
		if (value === undefined) return { blob: null, place: undefined };
		const record = decodeRecord("turn", value);
		return { blob: record.blob, place: record.parts[part] };
	}

	#inlinePart(id: SessionId, turn: TurnId, part: PartName, length: number): Buffer {
		const value = this.#environment.get(partKey(id, turn, part));
		if (value?.length !== length) throw damagedPart(id, turn, part);
		return value;
	}
}
