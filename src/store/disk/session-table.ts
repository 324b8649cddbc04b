// All sessions of one partition, as far as somebody has looked at them: finds, reads and forgets. Writes no frame.
import { readdir } from "node:fs/promises";
import type { SessionId } from "../../base/ids.js";
import type { Descriptors } from "../files/descriptors.js";
import type { FileHead } from "../files/head.js";
import type { Medium } from "../files/medium.js";
import { run, type Steps, wait } from "../files/steps.js";
import type { SessionImage } from "../plan/image.js";
import { metaOf } from "../plan/metas.js";
import type { SessionMeta } from "../store.js";
import { storeDamaged, systemError } from "../store-errors.js";
import type { Images } from "./images.js";
import { type LedgerRecord, outdates } from "./ledger.js";
import {
	type FileStamp,
	fileName,
	fileStem,
	idOfStem,
	parseFileName,
	stampText,
	UNFINISHED,
} from "./names.js";
import { removeQuietly } from "./quiet-removal.js";
import { Damage, readImage, type SessionSource } from "./session-files.js";
import { lookAt } from "./session-look.js";
import type { TableEvents } from "./store-parts.js";
import { type DamagedSession, damagedMeta, type Entry, type StoredSession } from "./stored-session.js";
import {
	isUnfiled,
	unfiledImage,
	unfiledMeta,
	unfiledRecord,
	unfiledSession,
	unfiledUnder,
} from "./unfiled.js";

export interface TableParts {
	/** Of the sessions' files. */
	directory: string;
	medium: Medium;
	descriptors: Descriptors;
	images: Images;
	bootTag: number;
	epoch: number;
	events: TableEvents;
	/** What the ledger knows of ids without a file; a file that is newer takes its id out. */
	buried: Map<SessionId, LedgerRecord>;
}

/** Undefined: there is no session. */
interface Looked {
	entry: Entry | undefined;
	meta: SessionMeta | undefined;
}

const NONE: Looked = { entry: undefined, meta: undefined };

export class SessionTable {
	readonly #parts: TableParts;
	readonly #source: SessionSource;
	/** Files by stem, of those that nobody has looked at yet. */
	readonly #unread = new Map<string, readonly FileStamp[]>();
	readonly #entries = new Map<string, Entry>();
	#bytes = 0;
	#damaged = 0;

	constructor(parts: TableParts) {
		this.#parts = parts;
		const { medium, descriptors, bootTag, directory, epoch } = parts;
		// A stem is put in front by `#sourceOf`.
		this.#source = {
			medium,
			descriptors,
			bootTag,
			pathOf: (stamp) => `${directory}/${stampText(stamp)}`,
			isOwn: (stamp) => stamp.epoch === epoch,
		};
	}

	/** Learns which files there are, and removes those that were never finished. */
	async scan(): Promise<void> {
		const { directory, medium } = this.#parts;
		for (const name of await readdir(directory)) {
			if (name.endsWith(UNFINISHED)) {
				await run(removeQuietly(medium, `${directory}/${name}`));
				continue;
			}
			const parsed = parseFileName(name);
			if (parsed === null) continue;
			const stamps = this.#unread.get(parsed.stem);
			this.#unread.set(parsed.stem, stamps === undefined ? [parsed.stamp] : [...stamps, parsed.stamp]);
		}
		for (const record of this.#parts.buried.values()) {
			if (isUnfiled(record) && !this.has(record.id)) this.put(unfiledSession(record));
		}
	}

	/** Bytes of all files that were looked at. */
	get bytes(): number {
		return this.#bytes;
	}

	/** Entries of sessions that are refused. */
	get damaged(): number {
		return this.#damaged;
	}

	account(bytes: number): void {
		this.#bytes += bytes;
	}

	/** @throws RollpinError `store_damaged` */
	*stored(id: SessionId): Steps<StoredSession | undefined> {
		const entry = yield* this.entry(id);
		if (entry?.isDamaged) throw storeDamaged(id);
		return entry;
	}

	*entry(id: SessionId): Steps<Entry | undefined> {
		const stem = fileStem(id);
		const entry = this.#entries.get(stem);
		if (entry !== undefined) return entry;
		const stamps = this.#unread.get(stem);
		return stamps === undefined ? undefined : (yield* this.#look(stem, stamps, id)).entry;
	}

	/** As it is in memory; undefined also for one that nobody looked at. */
	known(id: SessionId): StoredSession | undefined {
		const entry = this.#entries.get(fileStem(id));
		return entry?.isDamaged ? undefined : entry;
	}

	/** There are files of its, of whatever session. */
	has(id: SessionId): boolean {
		const stem = fileStem(id);
		return this.#entries.has(stem) || this.#unread.has(stem);
	}

	put(session: StoredSession): void {
		this.#entries.set(session.stem, session);
		this.#bytes += session.bytes;
	}

	/** Forgets it; its files, which are returned, are its caller's to remove. */
	remove(entry: Entry): Array<{ path: string; length: number }> {
		if (entry.isDamaged) {
			const { stem, stamps } = entry;
			if (this.#entries.delete(stem)) this.#damaged--;
			return stamps.map((stamp) => ({ path: this.#pathOf(stem, stamp), length: 0 }));
		}
		const { stem, segments, bytes } = entry;
		this.#entries.delete(stem);
		this.#bytes -= bytes;
		this.#parts.images.drop(entry);
		for (const { file } of segments) this.#parts.descriptors.forget(file);
		return segments.map(({ file, length }) => ({ path: file.path, length }));
	}

	/** Those that somebody looked at. */
	*seen(): Generator<StoredSession> {
		for (const entry of this.#entries.values()) if (!entry.isDamaged) yield entry;
	}

	/** Stems that nobody has looked at. */
	unread(): string[] {
		return this.#unread.size === 0 ? [] : [...this.#unread.keys()];
	}

	stems(): string[] {
		return [...this.#entries.keys(), ...this.#unread.keys()];
	}

	/** The meta of the session under a stem; of a damaged one what its slots say. Undefined: it is none any more. */
	*meta(stem: string, buffer?: Buffer): Steps<SessionMeta | undefined> {
		const stamps = this.#unread.get(stem);
		if (stamps !== undefined) return (yield* this.#look(stem, stamps, idOfStem(stem), buffer)).meta;
		const entry = this.#entries.get(stem);
		if (entry === undefined) return undefined;
		if (entry.isDamaged) return damagedMeta(entry);
		const record = unfiledRecord(entry, this.#parts.buried);
		return record === null ? metaOf((yield* this.image(entry)).record) : unfiledMeta(record);
	}

	/** @throws RollpinError `store_damaged` */
	*image(session: StoredSession): Steps<SessionImage> {
		while (session.image === null) {
			if (session.loading !== null) {
				yield session.loading;
				if (this.#entries.get(session.stem)?.isDamaged !== false) throw storeDamaged(session.id);
				continue;
			}
			const loading = run(this.#load(session, this.#sourceOf(session.stem)));
			if (!(loading instanceof Promise)) break;
			session.loading = loading
				.catch(() => undefined)
				.finally(() => {
					session.loading = null;
				});
			yield* wait(loading);
		}
		this.#parts.images.used(session);
		return session.image as SessionImage;
	}

	/** As `image`, while the event loop waits. */
	imageNow(session: StoredSession): SessionImage {
		if (session.image === null) {
			run(this.#load(session, { ...this.#sourceOf(session.stem), medium: this.#parts.medium.now }));
		}
		this.#parts.images.used(session);
		return session.image as SessionImage;
	}

	/** From now on the session is refused. Returns what its caller is told. */
	damage(session: StoredSession, why: string): Error {
		if (this.#entries.get(session.stem) === session) {
			const { id, stem, slot, segments } = session;
			this.remove(session);
			this.#setDamaged(
				{ isDamaged: true, id, stem, slot, stamps: segments.map(({ stamp }) => stamp) },
				session.newest.file.path,
				why,
			);
		}
		return storeDamaged(session.id);
	}

	*#load(session: StoredSession, source: SessionSource): Steps<void> {
		const record = unfiledRecord(session, this.#parts.buried);
		try {
			const image = record === null ? yield* readImage(source, session.segments) : unfiledImage(record);
			session.image ??= image;
		} catch (error) {
			throw Damage.isBehind(error) ? this.damage(session, error.message) : systemError(error);
		}
	}

	*#look(stem: string, stamps: readonly FileStamp[], id: SessionId | null, buffer?: Buffer): Steps<Looked> {
		const { buried, events, medium } = this.#parts;
		const isBuried = (head: Pick<FileHead, "id" | "order">) =>
			outdates(buried.get(head.id as SessionId), head.order);
		const look = yield* lookAt(this.#sourceOf(stem), { stem, stamps, id, isBuried }, buffer);
		// Somebody else may have looked meanwhile.
		if (this.#unread.get(stem) !== stamps) return yield* this.#lookedMeanwhile(stem);
		if (look.kind === "gone") return yield* this.#lookAgain(stem, stamps, look.stamp, id, buffer);
		this.#unread.delete(stem);
		if (look.kind === "damaged") {
			this.#setDamaged(look.session, this.#pathOf(stem, look.stamp), look.why);
			return { entry: look.session, meta: damagedMeta(look.session) };
		}
		const looked =
			look.kind === "stored" ? { entry: look.session, meta: look.meta } : this.#withoutFile(stem);
		if (look.kind === "stored") {
			const { session, lost } = look;
			// A file that a former owner takes back leaves the session as the ledger has it.
			if (!isUnfiled(buried.get(session.id))) buried.delete(session.id);
			this.put(session);
			if (lost > 0) events.rolledBack(session.id, lost);
		}
		for (const stamp of look.leftOver) {
			// What can't be removed now is found again by the next owner.
			yield* removeQuietly(medium, this.#pathOf(stem, stamp));
		}
		return looked;
	}

	/** What there is of a session of which no file counts. */
	#withoutFile(stem: string): Looked {
		const record = unfiledUnder(stem, this.#parts.buried);
		if (record === null) return NONE;
		const session = unfiledSession(record);
		this.put(session);
		return { entry: session, meta: unfiledMeta(record) };
	}

	/** A former owner has taken back what it had begun. */
	*#lookAgain(
		stem: string,
		stamps: readonly FileStamp[],
		gone: FileStamp,
		id: SessionId | null,
		buffer?: Buffer,
	): Steps<Looked> {
		const left = stamps.filter((stamp) => stamp !== gone);
		if (left.length === 0) {
			this.#unread.delete(stem);
			return this.#withoutFile(stem);
		}
		this.#unread.set(stem, left);
		return yield* this.#look(stem, left, id, buffer);
	}

	*#lookedMeanwhile(stem: string): Steps<Looked> {
		const meta = yield* this.meta(stem);
		return { entry: this.#entries.get(stem), meta };
	}

	#setDamaged(session: DamagedSession, file: string, why: string): void {
		this.#entries.set(session.stem, session);
		this.#damaged++;
		this.#parts.events.damaged(session.id, file, why);
	}

	#sourceOf(stem: string): SessionSource {
		return { ...this.#source, pathOf: (stamp) => this.#pathOf(stem, stamp) };
	}

	#pathOf(stem: string, stamp: FileStamp): string {
		return `${this.#parts.directory}/${fileName(stem, stamp)}`;
	}
}
