// When a part is too slow to be read at once: a table over what came and how long it took.
import { openSync } from "node:fs";
import { open } from "node:fs/promises";
import { expect, it } from "vitest";
import { type CursorFiles, ExtentCursor } from "../../src/store/files/extents.js";
import { ReadPace } from "../../src/store/files/read-pace.js";

import { tid } from "./values.js";

const MIB = 1024 * 1024;

it.each([
	["nothing yet", [], false],
	["the page cache", Array.from({ length: 100 }, () => [64 * 1024, 0.02]), false],
	[
		"one long stop in an otherwise fast part",
		[[64 * 1024, 19], ...Array.from({ length: 9 }, () => [MIB, 0.3])],
		false,
	],
	["a stop that is longer than any", [[64 * 1024, 21]], true],
	["a disk of 100 MB/s", Array.from({ length: 8 }, () => [MIB, 10.4]), true],
	["a disk of 400 MB/s", Array.from({ length: 80 }, () => [MIB, 2.6]), false],
] as Array<[string, Array<[number, number]>, boolean]>)("%s", (_name, reads, slow) => {
	const pace = new ReadPace();
	for (const [bytes, ms] of reads) pace.took(bytes, ms);
	expect(pace.slow).toBe(slow);
});

it("from then on a part is awaited, and goes on where it was", async () => {
	let holdMs = 0;
	const fill = (into: Buffer, offset: number): number => {
		for (const endMs = performance.now() + holdMs; performance.now() < endMs; );
		into.fill(offset / 10);
		return into.length;
	};
	const files: CursorFiles = {
		openNow: () => openSync("/dev/null", "r"),
		fillNow: (_descriptor, _name, into, offset) => fill(into, offset),
		open: async () => {
			const handle = await open("/dev/null");
			return { handle, close: () => handle.close() };
		},
		fill: async (_file, _name, into, offset) => fill(into, offset),
	};
	const extent = {
		turn: tid(0),
		part: "payload:0",
		file: "f",
		packed: false,
		offset: 0,
		length: 40,
		ownBytes: 40,
	} as const;
	const cursor = new ExtentCursor([extent], files, {
		check: () => undefined,
		inline: () => {
			throw new Error("it is in a file");
		},
	});
	const piece = Buffer.alloc(10);
	expect(cursor.readNow(piece)).toBe(10);
	expect(cursor.readNow(Buffer.alloc(0))).toBe(0);
	holdMs = 30;
	// It is known before the bytes are asked for, so these are not refused.
	for (const value of [1, 2]) {
		expect(cursor.readNow(piece)).toBe(10);
		expect(piece[9]).toBe(value);
	}
	expect(cursor.readNow(Buffer.alloc(0))).toBeNull();
	expect(cursor.readNow(piece)).toBeNull();
	expect(await cursor.read(piece)).toBe(10);
	expect(piece[9]).toBe(3);
	await cursor.close();
});
