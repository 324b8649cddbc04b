// The safetensors layout: encoder in pieces without a copy of any tensor, and a strict decoder. Knows no field names.

export type Dtype = "I64" | "F64" | "I32" | "U8";

export interface Tensor<Bytes extends { byteLength: number } = Uint8Array> {
	name: string;
	dtype: Dtype;
	shape: readonly number[];
	/** Little-endian values, or what stands for them. */
	bytes: Bytes;
}

/** Larger types first, so that every tensor is aligned; among equals as the reference library orders them. */
const ORDER: readonly Dtype[] = ["I64", "F64", "I32", "U8"];
const BYTES: Readonly<Record<Dtype, number>> = { I64: 8, F64: 8, I32: 4, U8: 1 };
const HEADER_ALIGNMENT = 8;
/** As the format's own library has it. */
const MAX_HEADER_BYTES = 100_000_000;

/** The file in pieces: length and header, then the tensors' own bytes. @throws RangeError for a shape that lies */
export function encodeSafetensors<Bytes extends { byteLength: number }>(
	tensors: ReadonlyArray<Tensor<Bytes>>,
): Array<Uint8Array | Bytes> {
	const sorted = tensors.toSorted(
		(a, b) => ORDER.indexOf(a.dtype) - ORDER.indexOf(b.dtype) || (a.name < b.name ? -1 : 1),
	);
	let at = 0;
	const members = sorted.map(({ name, dtype, shape, bytes }) => {
		const begin = at;
		at += bytes.byteLength;
		if (bytes.byteLength !== shape.reduce((cells, side) => cells * side, BYTES[dtype])) {
			throw new RangeError(`tensor ${name} has ${bytes.byteLength} bytes for ${dtype} [${shape.join(",")}]`);
		}
		return `${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: [begin, at] })}`;
	});
	const text = Buffer.from(`{${members.join(",")}}`);
	const padded = Math.ceil(text.length / HEADER_ALIGNMENT) * HEADER_ALIGNMENT;
	const head = new Uint8Array(8 + padded).fill(0x20);
	new DataView(head.buffer).setBigUint64(0, BigInt(padded), true);
	head.set(text, 8);
	return [head, ...sorted.map(({ bytes }) => bytes)];
}

/** Views into `file`, by name. @throws Error naming what is wrong with the file */
export function decodeSafetensors(file: Uint8Array): Map<string, Tensor> {
	const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
	if (file.byteLength < 8) throw new Error("a safetensors file has 8 bytes of header length at least");
	const headerLength = Number(view.getBigUint64(0, true));
	if (headerLength > MAX_HEADER_BYTES || 8 + headerLength > file.byteLength) {
		throw new Error(`the header's length ${headerLength} is past the end of the file`);
	}
	const header: unknown = JSON.parse(
		new TextDecoder("utf8", { fatal: true }).decode(file.subarray(8, 8 + headerLength)),
	);
	if (typeof header !== "object" || header === null || Array.isArray(header))
		throw new Error("the header is no JSON object");
	const data = file.subarray(8 + headerLength);
	const tensors = new Map<string, Tensor>();
	for (const [name, entry] of Object.entries(header)) {
		if (name !== "__metadata__") tensors.set(name, readEntry(name, entry, data));
	}
	let end = 0;
	for (const { name, bytes } of [...tensors.values()].sort(
		(a, b) => a.bytes.byteOffset - b.bytes.byteOffset,
	)) {
		if (bytes.byteOffset - data.byteOffset !== end)
			throw new Error(`tensor ${name} overlaps or leaves a gap`);
		end += bytes.byteLength;
	}
	if (end !== data.byteLength) throw new Error(`${data.byteLength - end} bytes after the last tensor`);
	return tensors;
}

function readEntry(name: string, entry: unknown, data: Uint8Array): Tensor {
	const { dtype, shape, data_offsets: offsets } = entry as Readonly<Record<string, unknown>>;
	if (!ORDER.includes(dtype as Dtype)) throw new Error(`tensor ${name} has dtype ${String(dtype)}`);
	if (!isCounts(shape)) throw new Error(`tensor ${name} has no shape`);
	const [begin, end] = isCounts(offsets) ? offsets : [];
	if (begin === undefined || end === undefined || begin > end || end > data.byteLength)
		throw new Error(`tensor ${name} lies outside of the file`);
	if (end - begin !== shape.reduce((cells, side) => cells * side, BYTES[dtype as Dtype]))
		throw new Error(`tensor ${name} has ${end - begin} bytes for ${String(dtype)} [${shape.join(",")}]`);
	return { name, dtype: dtype as Dtype, shape, bytes: data.subarray(begin, end) };
}

function isCounts(value: unknown): value is number[] {
	return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0);
}
