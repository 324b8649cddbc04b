// Byte-pair merges: the bytes of one piece to token ids. Reads no text and no file.
//
// The rule is that of the tokenizers library: of all neighbours that have a merge the one that was learnt first is merged, of
// several such places the leftmost. A merged token is the text of both, so a pair at one place never comes back there.

/** A merge by the ids of its parts and of what it makes; its rank is its place in the list. */
export interface Merges {
	left: Int32Array;
	right: Int32Array;
	made: Int32Array;
}

/** No merge; above every rank. */
const NONE = 0x7fffffff;
/** Up to so many symbols the lowest rank is looked for each time, above it they are kept in a heap. */
const SCANNED = 48;
/** Places in a heap key; a piece has fewer bytes. */
export const MAX_PIECE_BYTES = 1 << 14;

export class MergeTable {
	readonly #merges: Merges;
	/** Rank + 1 of a pair at its hash, 0 where there is none. */
	readonly #slots: Int32Array;
	readonly #mask: number;
	readonly #ids = new Int32Array(MAX_PIECE_BYTES);
	readonly #ranks = new Int32Array(MAX_PIECE_BYTES);
	readonly #next = new Int32Array(MAX_PIECE_BYTES);
	readonly #previous = new Int32Array(MAX_PIECE_BYTES);
	#heap = new Float64Array(0);
	#heapSize = 0;

	constructor(merges: Merges) {
		this.#merges = merges;
		let size = 16;
		while (size < merges.left.length * 2) size *= 2;
		this.#slots = new Int32Array(size);
		this.#mask = size - 1;
		for (let rank = 0; rank < merges.left.length; rank++) {
			// Of a pair that is listed twice the later rank counts, as in the library.
			this.#slots[this.#slotOf(merges.left[rank] as number, merges.right[rank] as number)] = rank + 1;
		}
	}

	/** Where a pair is, or would be put. */
	#slotOf(left: number, right: number): number {
		let hash = Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca6b);
		hash ^= hash >>> 15;
		for (let slot = hash & this.#mask; ; slot = (slot + 1) & this.#mask) {
			const rank = (this.#slots[slot] as number) - 1;
			if (rank === -1 || (this.#merges.left[rank] === left && this.#merges.right[rank] === right))
				return slot;
		}
	}

	#rankOf(left: number, right: number): number {
		const found = this.#slots[this.#slotOf(left, right)] as number;
		return found === 0 ? NONE : found - 1;
	}

	/**
	 * Ids of the piece whose first symbols are the first `count` of `symbols`, at most `MAX_PIECE_BYTES`. What is returned is
	 * overwritten by the next call.
	 */
	merge(symbols: Int32Array, count: number): Int32Array {
		const ids = this.#ids;
		for (let at = 0; at < count; at++) ids[at] = symbols[at] as number;
		const left = count <= SCANNED ? this.#mergeScanned(count) : this.#mergeHeaped(count);
		return ids.subarray(0, left);
	}

	#mergeScanned(count: number): number {
		const ids = this.#ids;
		const ranks = this.#ranks;
		const { made } = this.#merges;
		let size = count;
		for (let at = 0; at + 1 < size; at++) ranks[at] = this.#rankOf(ids[at] as number, ids[at + 1] as number);
		for (;;) {
			let lowest = NONE;
			let place = -1;
			for (let at = 0; at + 1 < size; at++) {
				if ((ranks[at] as number) < lowest) {
					lowest = ranks[at] as number;
					place = at;
				}
			}
			if (place === -1) return size;
			ids[place] = made[lowest] as number;
			size--;
			for (let at = place + 1; at < size; at++) {
				ids[at] = ids[at + 1] as number;
				ranks[at] = ranks[at + 1] as number;
			}
			if (place + 1 < size) ranks[place] = this.#rankOf(ids[place] as number, ids[place + 1] as number);
			if (place > 0) ranks[place - 1] = this.#rankOf(ids[place - 1] as number, ids[place] as number);
		}
	}

	#mergeHeaped(count: number): number {
		const ids = this.#ids;
		const next = this.#next;
		const previous = this.#previous;
		// Each merge adds two keys at most.
		if (this.#heap.length < count * 3) this.#heap = new Float64Array(count * 3);
		this.#heapSize = 0;
		for (let at = 0; at < count; at++) {
			next[at] = at + 1;
			previous[at] = at - 1;
		}
		for (let at = 0; at < count; at++) this.#offer(at, count);
		while (this.#heapSize > 0) {
			const key = this.#pop();
			const place = key % MAX_PIECE_BYTES;
			// The pair was merged, or its place swallowed, since it was offered.
			if (this.#ranks[place] !== (key - place) / MAX_PIECE_BYTES) continue;
			const gone = next[place] as number;
			ids[place] = this.#merges.made[this.#ranks[place] as number] as number;
			this.#ranks[gone] = NONE;
			const after = next[gone] as number;
			next[place] = after;
			if (after < count) previous[after] = place;
			this.#offer(place, count);
			if (place > 0) this.#offer(previous[place] as number, count);
		}
		let size = 0;
		for (let at = 0; at < count; at = next[at] as number) ids[size++] = ids[at] as number;
		return size;
	}

	/** Puts the pair that begins there, if it has a merge, where the lowest rank is found. */
	#offer(place: number, count: number): void {
		const right = this.#next[place] as number;
		const rank = right < count ? this.#rankOf(this.#ids[place] as number, this.#ids[right] as number) : NONE;
		this.#ranks[place] = rank;
		if (rank === NONE) return;
		const heap = this.#heap;
		const key = rank * MAX_PIECE_BYTES + place;
		let at = this.#heapSize++;
		while (at > 0) {
			const parent = (at - 1) >> 1;
			const above = heap[parent] as number;
			if (above <= key) break;
			heap[at] = above;
			at = parent;
		}
		heap[at] = key;
	}

	#pop(): number {
		const heap = this.#heap;
		const top = heap[0] as number;
		const size = --this.#heapSize;
		const key = heap[size] as number;
		let at = 0;
		for (;;) {
			let child = at * 2 + 1;
			if (child >= size) break;
			if (child + 1 < size && (heap[child + 1] as number) < (heap[child] as number)) child++;
			if ((heap[child] as number) >= key) break;
			heap[at] = heap[child] as number;
			at = child;
		}
		heap[at] = key;
		return top;
	}
}
