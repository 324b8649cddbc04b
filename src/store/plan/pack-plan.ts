// A session's packs within one commit: where the next bytes go, and when a pack is left by its last turn. Pure but for reads.
import type { SessionId } from "../../base/ids.js";
import { blobKey, packKey } from "./keys.js";
import { decodeRecord, encodeRecord } from "./records.js";

/** What the rest of a plan does for the packs. */
export interface PackEffects {
	get(key: Buffer): Buffer | undefined;
	change(key: Buffer, value: Buffer | null): void;
	/** A name that no other owner of the partition uses, nor this one again. */
	newName(): string;
	/**
	 * False for a file that a former owner wrote: one that is not quite dead may still write past its end, so this one
	 * appends to none but its own.
	 */
	isOwn(name: string): boolean;
	append(name: string, offset: number, pieces: readonly Uint8Array[], created: boolean): void;
	remove(name: string, length: number): void;
}

interface Pack {
	length: number;
	turns: number;
	created: boolean;
}

/** Use anew for each commit. */
export class PackPlan {
	readonly #id: SessionId;
	readonly #effects: PackEffects;
	readonly #packs = new Map<string, Pack>();
	/** The pack that is appended to; undefined before it was asked for. */
	#current: string | null | undefined;

	constructor(id: SessionId, effects: PackEffects) {
		this.#id = id;
		this.#effects = effects;
	}

	/** Adds the bytes of one turn; returns where they are. */
	append(pieces: readonly Uint8Array[], length: number): { name: string; offset: number } {
		const name = this.#appendable();
		const pack = this.#pack(name);
		const offset = pack.length;
		this.#effects.append(name, offset, pieces, pack.created && offset === 0);
		this.#set(name, { ...pack, length: offset + length, turns: pack.turns + 1 });
		return { name, offset };
	}

	/** A turn with parts in the pack was dropped. Its bytes stay until the last such turn is: nothing is written twice. */
	leave(name: string): void {
		const pack = this.#pack(name);
		if (pack.turns > 1) this.#set(name, { ...pack, turns: pack.turns - 1 });
		else this.remove(name);
	}

	remove(name: string): void {
		const { length } = this.#pack(name);
		this.#packs.set(name, { length: 0, turns: 0, created: true });
		this.#effects.change(blobKey(name), null);
		this.#effects.remove(name, length);
		if (this.#currentName() === name) {
			this.#current = null;
			this.#effects.change(packKey(this.#id), null);
		}
	}

	#appendable(): string {
		const current = this.#currentName();
		if (current !== null && this.#effects.isOwn(current)) return current;
		const name = this.#effects.newName();
		this.#packs.set(name, { length: 0, turns: 0, created: true });
		this.#current = name;
		this.#effects.change(packKey(this.#id), encodeRecord("pack", { name }));
		return name;
	}

	#currentName(): string | null {
		if (this.#current === undefined) {
			const value = this.#effects.get(packKey(this.#id));
			this.#current = value === undefined ? null : decodeRecord("pack", value).name;
		}
		return this.#current;
	}

	#pack(name: string): Pack {
		const planned = this.#packs.get(name);
		if (planned !== undefined) return planned;
		const value = this.#effects.get(blobKey(name));
		const stored = value === undefined ? { length: 0 } : decodeRecord("blob", value);
		return { length: stored.length, turns: stored.turns ?? 0, created: false };
	}

	#set(name: string, pack: Pack): void {
		this.#packs.set(name, pack);
		this.#effects.change(blobKey(name), encodeRecord("blob", { length: pack.length, turns: pack.turns }));
	}
}
