// A model of a disk that may lose power: which bytes and names are on the medium for sure, and which may be.
//
// A sector is written whole or not at all; sectors that were not flushed get there in any order or not at all. Names
// of one directory get there in the order they were changed in, as on a journaled file system.
import { lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { Recorded } from "./write-log.js";

const SECTOR_BYTES = 512;

/** What becomes of that which was not flushed: `choose(n)` of n+1 successive states, 0 being the flushed one. */
export type Choose = (unflushed: number) => number;

export const DROP_ALL: Choose = () => 0;
export const KEEP_ALL: Choose = (unflushed) => unflushed;

/** A number below 2^32 after another, the same for the same seed (mulberry32). */
export function seededChoose(seed: number): Choose {
	let state = seed;
	return (unflushed) => {
		state = (state + 0x6d2b79f5) | 0;
		let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
		mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
		const unit = ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
		// Often all or nothing of it, else anything between.
		return Math.min(unflushed, Math.floor(unit * (unflushed + 1)));
	};
}

/** States of one thing: the first is flushed, the last is what a reader sees. */
interface Version<T> {
	value: T;
	step: number;
}

class Versions<T> {
	#all: Version<T>[];

	constructor(first: T, step = -1) {
		this.#all = [{ value: first, step }];
	}

	get newest(): T {
		return (this.#all.at(-1) as Version<T>).value;
	}

	get flushed(): T {
		return (this.#all[0] as Version<T>).value;
	}

	add(value: T, step: number): void {
		this.#all.push({ value, step });
	}

	/** Everything that was there before `step` is on the medium. */
	flush(step: number): void {
		const flushed = this.#all.findLastIndex((version) => version.step < step);
		if (flushed > 0) this.#all = this.#all.slice(flushed);
	}

	pick(choose: Choose): T {
		const last = this.#all.length - 1;
		return (this.#all[last === 0 ? 0 : choose(last)] as Version<T>).value;
	}
}

class FileModel {
	readonly #sectors = new Map<number, Versions<Buffer>>();
	readonly #size: Versions<number>;

	constructor(content: Buffer, step: number) {
		this.#size = new Versions(0, step);
		if (content.length > 0) {
			this.write(0, content, step);
			this.flush(step + 1);
		}
	}

	write(at: number, data: Buffer, step: number): void {
		for (let done = 0; done < data.length; ) {
			const sector = Math.floor((at + done) / SECTOR_BYTES);
			const offset = at + done - sector * SECTOR_BYTES;
			const versions = this.#sector(sector);
			const bytes = Buffer.from(versions.newest);
			done += data.copy(bytes, offset, done);
			versions.add(bytes, step);
		}
		this.#size.add(Math.max(this.#size.newest, at + data.length), step);
	}

	truncate(length: number, step: number): void {
		for (const [sector, versions] of this.#sectors) {
			const kept = Math.max(0, length - sector * SECTOR_BYTES);
			if (kept < SECTOR_BYTES) versions.add(Buffer.from(versions.newest).fill(0, kept), step);
		}
		this.#size.add(length, step);
	}

	/** Only that stretch, and the size where it is needed to read it. */
	flushStretch(at: number, length: number, step: number): void {
		for (let sector = Math.floor(at / SECTOR_BYTES); sector * SECTOR_BYTES < at + length; sector++) {
			this.#sector(sector).flush(step);
		}
		if (this.#size.flushed < at + length) this.#size.flush(step);
	}

	flush(step: number): void {
		for (const versions of this.#sectors.values()) versions.flush(step);
		this.#size.flush(step);
	}

	content(choose: Choose): Buffer {
		const bytes = Buffer.alloc(this.#size.pick(choose));
		for (const [sector, versions] of this.#sectors) {
			versions.pick(choose).copy(bytes, Math.min(bytes.length, sector * SECTOR_BYTES));
		}
		return bytes;
	}

	#sector(sector: number): Versions<Buffer> {
		let versions = this.#sectors.get(sector);
		if (versions === undefined) {
			versions = new Versions(Buffer.alloc(SECTOR_BYTES));
			this.#sectors.set(sector, versions);
		}
		return versions;
	}
}

type Names = ReadonlyMap<string, FileModel | DirectoryModel>;

class DirectoryModel {
	readonly names: Versions<Names>;

	constructor(step: number) {
		this.names = new Versions<Names>(new Map(), step);
	}

	change(step: number, ...changes: Array<[string, FileModel | DirectoryModel | null]>): void {
		const names = new Map(this.names.newest);
		for (const [name, node] of changes) {
			if (node === null) names.delete(name);
			else names.set(name, node);
		}
		this.names.add(names, step);
	}
}

export interface PlatterOptions {
	/** The directory that the records name. */
	shownAs: string;
	/** Flushing a new file makes its name durable too, as ext4, XFS and btrfs have it; POSIX does not promise it. */
	namesWithFiles: boolean;
}

export class Platter {
	readonly #root: string;
	readonly #tree = new DirectoryModel(-1);
	readonly #options: PlatterOptions;
	readonly #flushes = new Map<number, number>();
	#step = 0;

	/** What is below `start` now is on the medium. */
	constructor(start: string, options: PlatterOptions) {
		this.#root = options.shownAs;
		this.#options = options;
		this.#load(start, this.#tree);
	}

	apply(record: Recorded): void {
		if (record.type === "said" || record.path.endsWith(" (deleted)")) return;
		const step = this.#step++;
		const name = basename(record.path);
		switch (record.type) {
			case "create":
				this.#parent(record.path).change(step, [name, new FileModel(Buffer.alloc(0), step)]);
				break;
			case "directory":
				this.#parent(record.path).change(step, [name, new DirectoryModel(step)]);
				break;
			case "remove":
				this.#parent(record.path).change(step, [name, null]);
				break;
			case "rename":
				if (dirname(record.to) !== dirname(record.path)) throw new Error("a rename between directories");
				this.#parent(record.path).change(step, [name, null], [basename(record.to), this.#node(record.path)]);
				break;
			case "truncate":
				this.#file(record.path).truncate(record.length, step);
				break;
			case "write":
				this.#file(record.path).write(record.at, record.data, step);
				if (record.durable) this.#file(record.path).flushStretch(record.at, record.data.length, step + 1);
				break;
			case "flush_begin":
				this.#flushes.set(record.id, step);
				break;
			case "flush_end":
				this.#flush(record.path, this.#flushes.get(record.id) as number);
				break;
		}
	}

	/** Writes what the medium may hold after the power is gone. `target` must not exist. */
	write(target: string, choose: Choose): void {
		writeDirectory(this.#tree, target, choose);
	}

	#flush(path: string, step: number): void {
		const node = path === this.#root ? this.#tree : this.#node(path);
		if (node instanceof DirectoryModel) node.names.flush(step);
		else {
			node.flush(step);
			if (this.#options.namesWithFiles) this.#parent(path).names.flush(step);
		}
	}

	#parent(path: string): DirectoryModel {
		const parent = dirname(path);
		const node = parent === this.#root ? this.#tree : this.#node(parent);
		if (!(node instanceof DirectoryModel)) throw new Error(`${parent} is no directory`);
		return node;
	}

	#file(path: string): FileModel {
		const node = this.#node(path);
		if (!(node instanceof FileModel)) throw new Error(`${path} is no file`);
		return node;
	}

	#node(path: string): FileModel | DirectoryModel {
		const node = this.#parent(path).names.newest.get(basename(path));
		if (node === undefined) throw new Error(`the log tells nothing of the making of ${path}`);
		return node;
	}

	#load(path: string, into: DirectoryModel): void {
		for (const name of readdirSync(path)) {
			const child = join(path, name);
			const isDirectory = lstatSync(child).isDirectory();
			const node = isDirectory ? new DirectoryModel(-1) : new FileModel(readFileSync(child), -1);
			if (node instanceof DirectoryModel) this.#load(child, node);
			into.change(-1, [name, node]);
		}
		into.names.flush(0);
	}
}

function writeDirectory(directory: DirectoryModel, target: string, choose: Choose): void {
	mkdirSync(target);
	for (const [name, node] of directory.names.pick(choose)) {
		const path = join(target, name);
		if (node instanceof DirectoryModel) writeDirectory(node, path, choose);
		else writeFileSync(path, node.content(choose), { mode: 0o600 });
	}
}
