// Owns the way through a reply to the sites that matter, by keys and surroundings. Which sites those are is the dialect's
// table. Sees no bytes but those of keys.
import type { ByteRange } from "../../json/scan.js";

/** Number of a value that is looked for. Small: each is a bit of a mask. */
export type Site = number;

/** Any other value. */
const OTHER: Site = 0;
/** What every chat reply has; a dialect numbers its own from `FIRST_OWN_SITE` on. */
export const ROOT: Site = 1;
export const CHOICES: Site = 2;
export const CHOICE: Site = 3;
export const FIRST_OWN_SITE: Site = 4;

const MAX_SITES = 31;

/** The sites of one dialect's replies. */
export interface SiteTable {
	/** By site of an object: the sites of its members. Objects that are not here are not looked into. */
	readonly members: ReadonlyArray<ReadonlyMap<string, Site> | undefined>;
	/** By site: the name of a value that is taken out, whatever it is and in every choice. */
	readonly payloads: ReadonlyArray<string | undefined>;
	/** The list that is taken out of choice 0: other choices' prompt ids need not be the ones that were sent. */
	readonly promptIds: Site;
	/** No known key is longer, in bytes, however it is spelled. */
	readonly longestRawKey: number;
}

export function siteTable(parts: {
	members: ReadonlyMap<Site, Readonly<Record<string, Site>>>;
	payloads: ReadonlyMap<Site, string>;
	promptIds: Site;
}): SiteTable {
	const members: Array<Map<string, Site> | undefined> = Array.from({ length: MAX_SITES }, () => undefined);
	let longestKey = 0;
	for (const [site, keys] of parts.members) {
		members[site] = new Map(Object.entries(keys));
		for (const key of Object.keys(keys)) longestKey = Math.max(longestKey, key.length);
	}
	return {
		members,
		payloads: Array.from({ length: MAX_SITES }, (_, site) => parts.payloads.get(site)),
		promptIds: parts.promptIds,
		// Every character may be spelled as an escape.
		longestRawKey: 6 * longestKey,
	};
}

/** The open containers of a document that is being walked, and what was found at known sites. */
export class SiteStack {
	/** Index of the choice that is or was walked last; -1 before the first. */
	choice = -1;
	/** Values of the root and of choice 0. */
	readonly ranges = new Map<Site, ByteRange>();
	/** A known key stood twice in one object. */
	hasDuplicateKey = false;
	/** Open containers. */
	#depth = 0;
	// By depth: the container's site, and site and start of the value walked in it.
	readonly #containerSite: Site[] = [];
	readonly #valueSite: Site[] = [ROOT];
	readonly #valueStart: number[] = [0];
	/** Bit per site, by the site of the container it was seen in. */
	readonly #seen: number[] = new Array<number>(MAX_SITES).fill(0);
	readonly #table: SiteTable;

	constructor(table: SiteTable) {
		this.#table = table;
	}

	/** Whether the next value stands at no site. */
	get isPlain(): boolean {
		return this.#valueSite[this.#depth] === OTHER;
	}

	/** Whether the next key must be told to `endKey`. */
	get wantsKey(): boolean {
		return this.#table.members[this.#containerSite[this.#depth] as Site] !== undefined;
	}

	/** A value begins at this offset; returns its site. */
	beginValue(offset: number): Site {
		const site = this.#valueSite[this.#depth] as Site;
		if (site === OTHER) return site;
		if (site === CHOICE) this.choice++;
		this.#valueStart[this.#depth] = offset;
		return site;
	}

	/** The value that began last on this depth ends before this offset. */
	endValue(offset: number): void {
		const site = this.#valueSite[this.#depth] as Site;
		if (site === OTHER || (this.choice > 0 && this.#depth > 1)) return;
		this.ranges.set(site, { start: this.#valueStart[this.#depth] as number, end: offset });
	}

	/** The value of this site is a container and opens. */
	open(site: Site, isList: boolean): void {
		const opened = this.#opened(site, isList);
		this.#depth++;
		this.#containerSite[this.#depth] = opened;
		this.#valueSite[this.#depth] = opened === CHOICES ? CHOICE : OTHER;
		if (opened !== OTHER) this.#seen[opened] = 0;
	}

	/** The container that opened last closes. */
	close(): void {
		this.#depth--;
	}

	/** @param key the key's bytes between its quotes, as they are spelled */
	endKey(key: Buffer): void {
		const container = this.#containerSite[this.#depth] as Site;
		const site = key.length <= this.#table.longestRawKey ? this.#member(container, key) : OTHER;
		this.#valueSite[this.#depth] = site;
		if (site === OTHER) return;
		const bit = 1 << site;
		const seen = this.#seen[container] as number;
		if ((seen & bit) !== 0) this.hasDuplicateKey = true;
		this.#seen[container] = seen | bit;
	}

	/** The site whose inside is walked: a container of the wrong kind (`choices` as an object) is like any other. */
	#opened(site: Site, isList: boolean): Site {
		if (site === CHOICES) return isList ? site : OTHER;
		return !isList && this.#table.members[site] !== undefined ? site : OTHER;
	}

	#member(container: Site, key: Buffer): Site {
		const raw = key.toString("latin1");
		const name = raw.includes("\\") ? (JSON.parse(`"${raw}"`) as string) : raw;
		return this.#table.members[container]?.get(name) ?? OTHER;
	}
}
