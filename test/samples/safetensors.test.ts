import { describe, expect, it } from "vitest";
import { decodeSafetensors, encodeSafetensors, type Tensor } from "../../src/samples/safetensors.js";

const bytes = (array: BigInt64Array | Float64Array | Int32Array) => new Uint8Array(array.buffer);
const TENSORS: Tensor[] = [
	{ name: "mask", dtype: "U8", shape: [3], bytes: Uint8Array.of(1, 0, 1) },
	{ name: "rows", dtype: "I32", shape: [1, 2, 1], bytes: bytes(Int32Array.of(-1, 2)) },
	{ name: "none", dtype: "I32", shape: [0, 2, 0], bytes: new Uint8Array(0) },
	{ name: "logprobs", dtype: "F64", shape: [2], bytes: bytes(Float64Array.of(-0, -0.1)) },
	{ name: "tokens", dtype: "I64", shape: [2], bytes: bytes(BigInt64Array.of(5n, -6n)) },
];

const fileOf = (header: string, data: Uint8Array) => {
	const text = Buffer.from(header);
	const length = Buffer.alloc(8);
	length.writeBigUInt64LE(BigInt(text.length));
	return Buffer.concat([length, text, data]);
};

describe("a safetensors file", () => {
	it("gives back what was put in", () => {
		const decoded = decodeSafetensors(Buffer.concat(encodeSafetensors(TENSORS)));
		expect([...decoded.keys()].sort()).toEqual(["logprobs", "mask", "none", "rows", "tokens"]);
		for (const tensor of TENSORS) {
			const { dtype, shape } = tensor;
			expect(decoded.get(tensor.name)).toMatchObject({ dtype, shape });
			expect(Buffer.compare(decoded.get(tensor.name)?.bytes ?? Buffer.from("?"), tensor.bytes)).toBe(0);
		}
	});

	it("has every tensor at a multiple of its values' size", () => {
		const file = Buffer.concat(encodeSafetensors(TENSORS));
		const sizes = { I64: 8, F64: 8, I32: 4, U8: 1 };
		for (const { dtype, bytes: view } of decodeSafetensors(file).values()) {
			expect((view.byteOffset - file.byteOffset) % sizes[dtype]).toBe(0);
		}
	});

	it("is not made of a tensor whose shape lies", () => {
		expect(() =>
			encodeSafetensors([{ name: "t", dtype: "I64", shape: [2], bytes: new Uint8Array(8) }]),
		).toThrow(/tensor t has 8 bytes for I64 \[2\]/);
	});

	const entry = (begin: number, end: number, more = "") =>
		`{"a":{"dtype":"U8","shape":[${end - begin}],"data_offsets":[${begin},${end}]}${more}}`;
	it.each<[string, Buffer, RegExp]>([
		["shorter than its length", Buffer.alloc(3), /8 bytes/],
		["cut in the header", fileOf(entry(0, 1), Buffer.alloc(0)).subarray(0, 20), /past the end/],
		["cut in the data", fileOf(entry(0, 4), Buffer.alloc(3)), /outside/],
		["with bytes after the last tensor", fileOf(entry(0, 4), Buffer.alloc(5)), /1 bytes after/],
		["with a gap", fileOf(entry(1, 4), Buffer.alloc(4)), /gap/],
		[
			"with an unknown type",
			fileOf('{"a":{"dtype":"BF16","shape":[],"data_offsets":[0,2]}}', Buffer.alloc(2)),
			/BF16/,
		],
		[
			"with a shape that lies",
			fileOf('{"a":{"dtype":"I32","shape":[2],"data_offsets":[0,4]}}', Buffer.alloc(4)),
			/4 bytes/,
		],
		["without an object", fileOf("[]", Buffer.alloc(0)), /no JSON object/],
	])("is refused %s", (_, file, reason) => {
		expect(() => decodeSafetensors(file)).toThrow(reason);
	});
});
