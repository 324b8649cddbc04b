// Who owns a partition: one small file, written over by each new owner. Whoever reads another epoch in it than its own has
// been replaced, for ever.
import { crc32 } from "node:zlib";
import type { Partition } from "../../base/ids.js";
import type { Medium } from "../files/medium.js";
import type { Steps } from "../files/steps.js";
import { isMissing, replacedOwner } from "../store-errors.js";
import { ownerFile, UNFINISHED } from "./names.js";
import { RefusedPartition } from "./refused-partition.js";

const BYTES = 32;
const MAGIC = Buffer.from("rollpown");
const CRC_AT = BYTES - 4;

function encode(epoch: number): Buffer {
	const bytes = Buffer.alloc(BYTES);
	MAGIC.copy(bytes, 0);
	bytes.writeDoubleLE(epoch, 8);
	bytes.writeUInt32LE(crc32(bytes.subarray(0, CRC_AT)), CRC_AT);
	return bytes;
}

/** Null when the bytes are no owner's. */
function decode(bytes: Buffer): number | null {
	if (bytes.length !== BYTES || !bytes.subarray(0, 8).equals(MAGIC)) return null;
	return bytes.readUInt32LE(CRC_AT) === crc32(bytes.subarray(0, CRC_AT)) ? bytes.readDoubleLE(8) : null;
}

export class Owner {
	readonly #partition: Partition;
	readonly #fd: number;
	readonly #medium: Medium;
	readonly #own: Buffer;
	readonly #read = Buffer.alloc(BYTES);

	private constructor(partition: Partition, fd: number, medium: Medium, own: Buffer) {
		this.#partition = partition;
		this.#fd = fd;
		this.#medium = medium;
		this.#own = own;
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
		isNew: boolean,
		medium: Medium,
	): Steps<Owner> {
		const path = ownerFile(directory);
		if (isNew) {
			const made = yield* medium.open(`${path}${UNFINISHED}`, "w");
			try {
				yield* medium.write(made, encode(0), 0);
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
			if (former >= epoch) throw replacedOwner(partition);
			const own = encode(epoch);
			yield* medium.write(fd, own, 0);
			return new Owner(partition, fd, medium, own);
		} catch (error) {
			medium.close(fd);
			throw error;
		}
	}

	/** @throws RollpinError `session_state_conflict` when another one has taken over */
	*check(): Steps<void> {
		if (!(yield* this.isCurrent())) throw replacedOwner(this.#partition);
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
