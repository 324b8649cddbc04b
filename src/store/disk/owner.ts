// Who owns a partition: one small file, written over by each new owner. Whoever reads another epoch in it than its own has
// been replaced, for ever. It also names the newest ledger, so that one that was removed is missed.
import { crc32 } from "node:zlib";
import type { RollpinError } from "../../base/errors.js";
import type { Partition } from "../../base/ids.js";
import { OWNER_BYTES, UNOWNED } from "../../data-dir/new-partitions.js";
import type { Medium } from "../files/medium.js";
import type { Steps } from "../files/steps.js";
import { isMissing, isSystemError, replacedOwner } from "../store-errors.js";
import { type FileStamp, ownerFile } from "./names.js";
import { goOn, RefusedPartition } from "./refused-partition.js";

const BYTES = 32;
const MAGIC = Buffer.from("rollpown");
const LEDGER_MAGIC = Buffer.from("rollpldg");
const CRC_AT = BYTES - 4;
/** Where the newest ledger stands. Apart from the owner: a former one that writes it late must not take the partition back. */
const LEDGER_AT = OWNER_BYTES - BYTES;

interface Ownership {
	epoch: number;
	/** Milliseconds since the boot, before anything was read. */
	takenAtMs: number;
	/** Of the boot that this clock runs under; 0: not known. */
	bootTag: number;
}

/** What the file says. */
export interface OwnerContent extends Ownership {
	/** The newest ledger that was ever begun is this one, or a later one; null: none was. */
	ledger: FileStamp | null;
}

const NOBODY: OwnerContent = { epoch: 0, takenAtMs: 0, bootTag: 0, ledger: null };

function seal(bytes: Buffer, magic: Buffer): Buffer {
	magic.copy(bytes, 0);
	bytes.writeUInt32LE(crc32(bytes.subarray(0, CRC_AT)), CRC_AT);
	return bytes;
}

function isSealed(bytes: Buffer, magic: Buffer): boolean {
	if (bytes.length !== BYTES || !bytes.subarray(0, 8).equals(magic)) return false;
	return bytes.readUInt32LE(CRC_AT) === crc32(bytes.subarray(0, CRC_AT));
}

function encode({ epoch, takenAtMs, bootTag }: Ownership): Buffer {
	const bytes = Buffer.alloc(BYTES);
	bytes.writeDoubleLE(epoch, 8);
	bytes.writeDoubleLE(takenAtMs, 16);
	bytes.writeUInt32LE(bootTag, 24);
	return seal(bytes, MAGIC);
}

/** Null when the bytes are no owner's. */
function decode(bytes: Buffer): Ownership | null {
	if (!isSealed(bytes, MAGIC)) return null;
	return { epoch: bytes.readDoubleLE(8), takenAtMs: bytes.readDoubleLE(16), bootTag: bytes.readUInt32LE(24) };
}

function encodeLedger(ledger: FileStamp | null): Buffer {
	const bytes = Buffer.alloc(BYTES);
	bytes.writeDoubleLE(ledger?.epoch ?? 0, 8);
	bytes.writeDoubleLE(ledger?.number ?? 0, 16);
	return seal(bytes, LEDGER_MAGIC);
}

/** Null when the file is damaged. */
function decodeAll(bytes: Buffer): OwnerContent | null {
	if (bytes.toString("latin1").trimEnd() === UNOWNED.trimEnd()) return NOBODY;
	const ownership = decode(bytes.subarray(0, BYTES));
	const ledger = bytes.subarray(LEDGER_AT);
	if (ownership === null || !isSealed(ledger, LEDGER_MAGIC)) return null;
	const stamp = { epoch: ledger.readDoubleLE(8), number: ledger.readDoubleLE(16) };
	return { ...ownership, ledger: stamp.number === 0 ? null : stamp };
}

/** A new owner may be writing it at that moment. */
const LOOKS = 3;

/** What the file says. @throws RefusedPartition when it is damaged; what the system throws */
function* readContent(medium: Medium, fd: number, directory: string): Steps<OwnerContent> {
	for (let looks = 1; ; looks++) {
		const found = Buffer.alloc(OWNER_BYTES + 1);
		const content = decodeAll(found.subarray(0, yield* medium.read(fd, found, 0)));
		if (content !== null) return content;
		if (looks === LOOKS) break;
		yield* medium.pause();
	}
	throw new RefusedPartition(`${ownerFile(directory)} is damaged`, goOn(directory));
}

/** @throws RefusedPartition when it is gone; what the system throws */
function* openOwner(medium: Medium, directory: string, flags: "r" | "r+"): Steps<number> {
	try {
		return yield* medium.open(ownerFile(directory), flags);
	} catch (error) {
		throw isMissing(error) ? new RefusedPartition(`${ownerFile(directory)} is gone`, goOn(directory)) : error;
	}
}

/** What a partition's file says, for who only reads. @throws RefusedPartition; what the system throws */
export function* readOwner(medium: Medium, directory: string): Steps<OwnerContent> {
	const fd = yield* openOwner(medium, directory, "r");
	try {
		return yield* readContent(medium, fd, directory);
	} finally {
		medium.close(fd);
	}
}

/** Of `performance.now()` on a clock that all processes of a boot share. */
const processBeganMs = Number(process.hrtime.bigint()) / 1e6 - performance.now();

export class Owner {
	readonly #partition: Partition;
	readonly #fd: number;
	readonly #medium: Medium;
	readonly #own: Buffer;
	readonly #bootTag: number;
	readonly #read = Buffer.alloc(BYTES);
	/** The newest ledger that the former owner knew of, or a later one stands in for it. */
	readonly formerLedger: FileStamp | null;

	private constructor(
		partition: Partition,
		fd: number,
		medium: Medium,
		own: Ownership,
		formerLedger: FileStamp | null,
	) {
		this.#partition = partition;
		this.#fd = fd;
		this.#medium = medium;
		this.#own = encode(own);
		this.#bootTag = own.bootTag;
		this.formerLedger = formerLedger;
	}

	/**
	 * Takes the partition over; from then on every former owner is refused. Only after that may anything be read in it.
	 * @throws RollpinError when a later owner has it; RefusedPartition when the file is damaged or gone
	 */
	static *take(
		directory: string,
		partition: Partition,
		epoch: number,
		bootTag: number,
		medium: Medium,
	): Steps<Owner> {
		const fd = yield* openOwner(medium, directory, "r+");
		try {
			const former = yield* readContent(medium, fd, directory);
			if (former.epoch >= epoch) throw replacedOwner(partition);
			const own = { epoch, takenAtMs: processBeganMs + performance.now(), bootTag };
			const isFirst = former.epoch === 0;
			const bytes = isFirst ? Buffer.concat([encode(own), encodeLedger(null)]) : encode(own);
			yield* medium.write(fd, bytes, 0);
			// Somebody's hand may have made it shorter than what now stands there.
			if (isFirst) yield* medium.flush(fd);
			return new Owner(partition, fd, medium, own, former.ledger);
		} catch (error) {
			medium.close(fd);
			throw error;
		}
	}

	/** @throws RollpinError `session_state_conflict` when another one has taken over */
	*check(): Steps<void> {
		if (!(yield* this.isCurrent())) throw this.replaced();
	}

	/** What a former owner throws. */
	replaced(): RollpinError {
		return replacedOwner(this.#partition);
	}

	/** Says that there is such a ledger now. Not worth an error: the one before is named then, and is as much as is missed. */
	*noteLedger(ledger: FileStamp): Steps<void> {
		try {
			yield* this.#medium.write(this.#fd, encodeLedger(ledger), LEDGER_AT);
		} catch (error) {
			if (!isSystemError(error)) throw error;
		}
	}

	/**
	 * Whether what was written at that time, as `performance.now()` has it, counts: the owner was the same then. A new one reads
	 * only after it has taken over, so it has found what stood there before, and what came later must be taken back.
	 */
	*counts(writtenAtMs: number): Steps<boolean> {
		if (yield* this.isCurrent()) return true;
		const found = Buffer.alloc(BYTES);
		const owner = decode(found.subarray(0, yield* this.#medium.read(this.#fd, found, 0)));
		// Clocks of other machines, or of another boot, tell nothing.
		const isComparable = owner !== null && this.#bootTag !== 0 && owner.bootTag === this.#bootTag;
		return isComparable && processBeganMs + writtenAtMs < owner.takenAtMs;
	}

	*isCurrent(): Steps<boolean> {
		const beganMs = this.#medium.begin();
		// A read that is waited for needs memory of its own.
		const found = beganMs === null ? Buffer.alloc(BYTES) : this.#read;
		const bytes = yield* (beganMs === null ? this.#medium : this.#medium.now).read(this.#fd, found, 0);
		return bytes === BYTES && found.equals(this.#own);
	}

	close(): void {
		this.#medium.close(this.#fd);
	}
}
