// Who owns a partition: one small file, written over by each new owner. Whoever reads another epoch in it than its own has
// been replaced, for ever.
import { crc32 } from "node:zlib";
import type { RollpinError } from "../../base/errors.js";
import type { Partition } from "../../base/ids.js";
import type { Medium } from "../files/medium.js";
import type { Steps } from "../files/steps.js";
import { isMissing, replacedOwner } from "../store-errors.js";
import { ownerFile, UNFINISHED } from "./names.js";
import { RefusedPartition } from "./refused-partition.js";

const BYTES = 32;
const MAGIC = Buffer.from("rollpown");
const CRC_AT = BYTES - 4;

interface Ownership {
	epoch: number;
	/** Milliseconds since the boot, before anything was read. */
	takenAtMs: number;
	/** Of the boot that this clock runs under; 0: not known. */
	bootTag: number;
}

function encode({ epoch, takenAtMs, bootTag }: Ownership): Buffer {
	const bytes = Buffer.alloc(BYTES);
	MAGIC.copy(bytes, 0);
	bytes.writeDoubleLE(epoch, 8);
	bytes.writeDoubleLE(takenAtMs, 16);
	bytes.writeUInt32LE(bootTag, 24);
	bytes.writeUInt32LE(crc32(bytes.subarray(0, CRC_AT)), CRC_AT);
	return bytes;
}

/** Null when the bytes are no owner's. */
function decode(bytes: Buffer): Ownership | null {
	if (bytes.length !== BYTES || !bytes.subarray(0, 8).equals(MAGIC)) return null;
	if (bytes.readUInt32LE(CRC_AT) !== crc32(bytes.subarray(0, CRC_AT))) return null;
	return { epoch: bytes.readDoubleLE(8), takenAtMs: bytes.readDoubleLE(16), bootTag: bytes.readUInt32LE(24) };
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

	private constructor(partition: Partition, fd: number, medium: Medium, own: Ownership) {
		this.#partition = partition;
		this.#fd = fd;
		this.#medium = medium;
		this.#own = encode(own);
		this.#bootTag = own.bootTag;
	}

	/**
	 * Takes the partition over; from then on every former owner is refused. Only after that may anything be read in it.
	 * @param isNew nothing was ever stored in it
	 * @throws RollpinError when a later owner has it; RefusedPartition when the file is damaged or gone
	 */
	static *take(
		directory: string,
		partition: Partition,
		epoch: number,
		bootTag: number,
		isNew: boolean,
		medium: Medium,
	): Steps<Owner> {
		const path = ownerFile(directory);
		if (isNew) {
			const made = yield* medium.open(`${path}${UNFINISHED}`, "w");
			try {
				yield* medium.write(made, encode({ epoch: 0, takenAtMs: 0, bootTag: 0 }), 0);
				yield* medium.flush(made);
			} finally {
				medium.close(made);
			}
			yield* medium.rename(`${path}${UNFINISHED}`, path);
		}
		let fd: number;
		try {
			fd = yield* medium.open(path, "r+");
		} catch (error) {
			throw isMissing(error) ? new RefusedPartition(`${path} is gone`) : error;
		}
		try {
			const found = Buffer.alloc(BYTES + 1);
			const former = decode(found.subarray(0, yield* medium.read(fd, found, 0)));
			if (former === null) throw new RefusedPartition(`${path} is damaged`);
			if (former.epoch >= epoch) throw replacedOwner(partition);
			const own = { epoch, takenAtMs: processBeganMs + performance.now(), bootTag };
			yield* medium.write(fd, encode(own), 0);
			return new Owner(partition, fd, medium, own);
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
