// All sessions of one partition, as far as somebody has looked at them: finds, reads and forgets. Writes no frame.
import { readdir } from "node:fs/promises";
import type { SessionId } from "../../base/ids.js";
import type { Descriptors } from "../files/descriptors.js";
import type { Medium } from "../files/medium.js";
import { run, type Steps, wait } from "../files/steps.js";
import type { SessionImage } from "../plan/image.js";
import { metaOf } from "../plan/metas.js";
import type { SessionMeta } from "../store.js";
import { isMissing, isUnreadable, storeDamaged, systemError } from "../store-errors.js";
import type { Images } from "./images.js";
import type { LedgerRecord } from "./ledger.js";
import {
	type FileStamp,
	fileName,
	fileStem,
	idOfStem,
	isNewer,
	parseFileName,
	stampText,
	UNFINISHED,
} from "./names.js";
import { removeQuietly } from "./quiet-removal.js";
import { Damage, findSession, readImage, type SessionSource } from "./session-files.js";
import type { TableEvents } from "./store-parts.js";
import { type DamagedSession, damagedMeta, type Entry, StoredSession } from "./stored-session.js";

export interface TableParts {
	/** Of the sessions' files. */
	directory: string;
	medium: Medium;
	descriptors: Descriptors;
	images: Images;
	bootTag: number;
	epoch: number;
	events: TableEvents;
	/** What is known of ids without a session; a session that is newer takes its id out. */
	buried: Map<SessionId, LedgerRecord>;
}

/** Undefined: there is no session. */
interface Looked {
	entry: Exclude<Entry, { kind: "unread" }> | undefined;
	meta: SessionMeta | undefined;
}

export class SessionTable {
	readonly #parts: TableParts;
	readonly #source: SessionSource;
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
			const entry = this.#entries.get(parsed.stem);
			if (entry?.kind === "unread") entry.stamps.push(parsed.stamp);
			else this.#entries.set(parsed.stem, { kind: "unread", stamps: [parsed.stamp] });
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
		if (entry?.kind === "damaged") throw storeDamaged(id);
		return entry?.kind === "stored" ? entry.session : undefined;
	}

	*entry(id: SessionId): Steps<Exclude<Entry, { kind: "unread" }> | undefined> {
		const stem = fileStem(id);
		const entry = this.#entries.get(stem);
		return entry?.kind === "unread" ? (yield* this.#look(stem, entry, id)).entry : entry;
	}

	/** As it is in memory; undefined also for one that nobody looked at. */
	known(id: SessionId): StoredSession | undefined {
		const entry = this.#entries.get(fileStem(id));
		return entry?.kind === "stored" ? entry.session : undefined;
	}

	/** There are files of its, of whatever session. */
	has(id: SessionId): boolean {
		return this.#entries.has(fileStem(id));
	}

	put(session: StoredSession): void {
		this.#entries.set(session.stem, { kind: "stored", session });
		this.#bytes += session.bytes;
	}

	/** Forgets it; its files, which are returned, are its caller's to remove. */
	remove(entry: Entry): Array<{ path: string; length: number }> {
		if (entry.kind === "stored") {
			const { stem, segments, bytes } = entry.session;
			this.#entries.delete(stem);
			this.#bytes -= bytes;
			this.#parts.images.drop(entry.session);
			for (const { file } of segments) this.#parts.descriptors.forget(file);
			return segments.map(({ file, length }) => ({ path: file.path, length }));
		}
		if (entry.kind === "unread") return [];
		const { stem, stamps } = entry.session;
		if (this.#entries.delete(stem)) this.#damaged--;
		return stamps.map((stamp) => ({ path: this.#pathOf(stem, stamp), length: 0 }));
	}

	/** Those that somebody looked at. */
	*seen(): Generator<StoredSession> {
		for (const entry of this.#entries.values()) if (entry.kind === "stored") yield entry.session;
	}

	stems(): string[] {
		return [...this.#entries.keys()];
	}

	/** The meta of the session under a stem; of a damaged one what its slots say. Undefined: it is none any more. */
	*meta(stem: string, buffer?: Buffer): Steps<SessionMeta | undefined> {
		const entry = this.#entries.get(stem);
		if (entry === undefined) return undefined;
		if (entry.kind === "unread") return (yield* this.#look(stem, entry, idOfStem(stem), buffer)).meta;
		if (entry.kind === "damaged") return damagedMeta(entry.session);
		return metaOf((yield* this.image(entry.session)).record);
	}

	/** @throws RollpinError `store_damaged` */
	*image(session: StoredSession): Steps<SessionImage> {
		while (session.image === null) {
			if (session.loading !== null) {
				yield session.loading;
				if (this.#entries.get(session.stem)?.kind !== "stored") throw storeDamaged(session.id);
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
		const entry = this.#entries.get(session.stem);
		if (entry?.kind === "stored" && entry.session === session) {
			const { id, stem, slot, segments } = session;
			this.remove(entry);
			this.#setDamaged(
				{ id, stem, slot, stamps: segments.map(({ stamp }) => stamp) },
				session.newest.file.path,
				why,
			);
		}
		return storeDamaged(session.id);
	}

	*#load(session: StoredSession, source: SessionSource): Steps<void> {
		try {
			const image = yield* readImage(source, session.segments);
			session.image ??= image;
		} catch (error) {
			throw Damage.isBehind(error) ? this.damage(session, error.message) : systemError(error);
		}
	}

	*#look(
		stem: string,
		entry: Extract<Entry, { kind: "unread" }>,
		id: SessionId | null,
		buffer?: Buffer,
	): Steps<Looked> {
		const { buried, events } = this.#parts;
		const newest = entry.stamps.reduce((left, right) => (isNewer(right, left) ? right : left));
		let looked: Looked;
		let leftOver: readonly FileStamp[] = [];
		let [lost, why] = [0, ""];
		try {
			const found = yield* findSession(this.#sourceOf(stem), newest, id, buffer);
			const isBuried = (buried.get(found.id)?.order ?? 0) >= found.order;
			if (isBuried) leftOver = entry.stamps;
			else if (entry.stamps.length > found.segments.length) {
				const pinned = new Set(found.segments.map(({ name }) => name));
				leftOver = entry.stamps.filter((stamp) => !pinned.has(stampText(stamp)));
			}
			if (isBuried) looked = { entry: undefined, meta: undefined };
			else {
				const owed = new Map(found.owed.map((obligation) => [obligation.resource, obligation]));
				const session = new StoredSession(stem, found, owed);
				looked = { entry: { kind: "stored", session }, meta: found.meta };
				lost = found.lost;
			}
		} catch (thrown) {
			// One that can't be read costs itself, too, and not the start of its worker.
			const error = isUnreadable(thrown) ? new Damage((thrown as Error).message) : thrown;
			if (isMissing(error)) {
				// A former owner has taken back what it had begun.
				entry.stamps = entry.stamps.filter((stamp) => stamp !== newest);
				if (entry.stamps.length > 0) return yield* this.#look(stem, entry, id, buffer);
				this.#entries.delete(stem);
				return { entry: undefined, meta: undefined };
			}
			if (!(error instanceof Damage)) throw systemError(error);
			const head = error.head;
			const isBuried = head !== null && (buried.get(head.id as SessionId)?.order ?? 0) >= head.order;
			if (isBuried) {
				leftOver = entry.stamps;
				looked = { entry: undefined, meta: undefined };
			} else {
				const known = (head?.id ?? idOfStem(stem)) as SessionId | null;
				// A head with another id than the name has is another session's file.
				const own = known !== null && fileStem(known) === stem ? known : idOfStem(stem);
				const session = { id: own, stem, slot: error.slot, stamps: entry.stamps };
				looked = { entry: { kind: "damaged", session }, meta: damagedMeta(session) };
				why = error.message;
			}
		}
		// Somebody else may have looked meanwhile.
		if (this.#entries.get(stem) !== entry) return { ...looked, entry: this.#seen(stem) };
		if (looked.entry === undefined) this.#entries.delete(stem);
		else if (looked.entry.kind === "damaged") {
			this.#setDamaged(looked.entry.session, this.#pathOf(stem, newest), why);
		} else {
			const { session } = looked.entry;
			buried.delete(session.id);
			this.put(session);
			if (lost > 0) events.rolledBack(session.id, lost);
		}
		for (const stamp of leftOver) {
			// What can't be removed now is found again by the next owner.
			yield* removeQuietly(this.#parts.medium, this.#pathOf(stem, stamp));
		}
		return looked;
	}

	#seen(stem: string): Exclude<Entry, { kind: "unread" }> | undefined {
		const entry = this.#entries.get(stem);
		return entry?.kind === "unread" ? undefined : entry;
	}

	#setDamaged(session: DamagedSession, file: string, why: string): void {
		this.#entries.set(session.stem, { kind: "damaged", session });
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
