// A command's output taken apart: the engine's frames, and the runner's marks between the bytes, however the chunks are cut.
import { describe, expect, it } from "vitest";
import { MarkFinder } from "../../../src/sandbox/docker/mark-finder.js";
import { RawStream } from "../../../src/sandbox/docker/raw-stream.js";

function frame(stream: 1 | 2, text: string): Buffer {
	const header = Buffer.from([stream, 0, 0, 0, 0, 0, 0, 0]);
	header.writeUInt32BE(Buffer.byteLength(text), 4);
	return Buffer.concat([header, Buffer.from(text)]);
}

/** Cut at every `size` bytes. */
function cut(bytes: Buffer, size: number): Buffer[] {
	const pieces: Buffer[] = [];
	for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size));
	return pieces;
}

describe("the raw stream", () => {
	const whole = Buffer.concat([frame(1, "out"), frame(2, "error"), frame(1, ""), frame(1, "more")]);

	it.each([1, 2, 3, 7, 8, 9, 11, 100])("is the same in chunks of %i bytes", (size) => {
		const stream = new RawStream();
		const text = { stdout: "", stderr: "" };
		for (const piece of cut(whole, size)) {
			for (const each of stream.push(piece)) text[each.stream] += each.bytes.toString();
		}
		expect(text).toEqual({ stdout: "outmore", stderr: "error" });
	});

	it("reads a length of four bytes", () => {
		const stream = new RawStream();
		const [first] = stream.push(Buffer.concat([Buffer.from([1, 0, 0, 0, 0x01, 0, 0, 0]), Buffer.alloc(10)]));
		expect(first?.bytes.length).toBe(10);
		const rest = Buffer.alloc(0x01_00_00_00 - 10);
		expect(stream.push(Buffer.concat([rest, frame(2, "x")])).map(({ stream }) => stream)).toEqual([
			"stdout",
			"stderr",
		]);
	});

	it.each([
		["text", Buffer.from("HTTP/1.1")],
		["stdin", Buffer.from([0, 0, 0, 0, 0, 0, 0, 1])],
		["another stream", Buffer.from([3, 0, 0, 0, 0, 0, 0, 1])],
	])("refuses what is no frame: %s", (_name, bytes) => {
		expect(() => new RawStream().push(bytes)).toThrow("no frame");
	});
});

describe("the marks", () => {
	const nonce = "0123456789abcdef";
	const mark = (words: string) => `\0${nonce} ${words}\n`;

	it.each([1, 2, 5, 17, 18, 19, 100])(
		"are found, and all output with them, in chunks of %i bytes",
		(size) => {
			const text = `${mark("begin")}a\0b\0${nonce}c\n\0\0${mark("end 3 0")}\0${nonce} late`;
			const finder = new MarkFinder(nonce);
			const marks: string[] = [];
			let output = "";
			for (const piece of cut(Buffer.from(text), size)) {
				for (const each of finder.push(piece)) {
					if (typeof each === "string") marks.push(each);
					else output += each.toString();
				}
			}
			expect(marks).toEqual(["begin", "end 3 0"]);
			expect(output).toBe(`a\0b\0${nonce}c\n\0\0`);
			expect(finder.rest().toString()).toBe(`\0${nonce} late`);
		},
	);

	it("holds back nothing that cannot be a mark", () => {
		const finder = new MarkFinder(nonce);
		expect(finder.push(Buffer.from("text\0more")).join("")).toBe("text\0more");
		expect(finder.push(Buffer.from(`\0${nonce}`))).toEqual([]);
		expect(finder.push(Buffer.from("x")).join("")).toBe(`\0${nonce}x`);
	});

	it("holds no output for a mark's beginning without an end, which a command can write that has read the nonce", () => {
		const finder = new MarkFinder(nonce);
		let given = finder.push(Buffer.from(`\0${nonce} end`)).join("");
		for (let count = 0; count < 100; count++) given += finder.push(Buffer.alloc(1_000, "x")).join("");
		expect(given).toBe(`\0${nonce} end${"x".repeat(100_000)}`);
		expect(finder.push(Buffer.from(`\0${nonce} end 0 0\n`))).toEqual(["end 0 0"]);
	});
});
