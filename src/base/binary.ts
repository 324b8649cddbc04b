// Typed arrays to little-endian bytes and back. Assumes a little-endian machine, which every supported one is.

/** The array's own bytes; no copy. */
export function bytesOf(array: Int32Array | Float64Array): Buffer {
	return Buffer.from(array.buffer, array.byteOffset, array.byteLength);
}

/** Copies, so that the result is aligned whatever the buffer's offset is. */
export function int32FromBytes(bytes: Uint8Array): Int32Array {
	const copy = new Int32Array(bytes.byteLength / 4);
	Buffer.from(copy.buffer).set(bytes);
	return copy;
}
