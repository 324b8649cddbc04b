// The bytes that are kept for a full medium: made, given up in pieces, made again.
import { readdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import {
	giveUpReserve,
	giveUpSpareFiles,
	keepReserve,
	keepSpareFiles,
	withReserve,
} from "../../src/data-dir/reserve.js";

const MIB = 1024 * 1024;
const PLENTY = 1024 * MIB;
let directory: string;
beforeEach(async () => {
	directory = await mkdtemp(join(tmpdir(), "rollpin-reserve-"));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const size = () => statSync(join(directory, "reserve"), { throwIfNoEntry: false })?.size ?? 0;

it("is made where there is room, also by several workers at once, and over what one that died had begun", async () => {
	await keepReserve(directory, 80 * MIB);
	expect(size()).toBe(0);
	writeFileSync(join(directory, "reserve.tmp"), "half of one");
	await Promise.all([1, 2, 3].map(() => keepReserve(directory, PLENTY)));
	expect(size()).toBe(8 * MIB);
	expect(readdirSync(directory)).toEqual(["reserve"]);
});

it("is given up a MiB at a time, until nothing is left, and made whole again", async () => {
	await keepReserve(directory, PLENTY);
	for (let left = 7; left >= 0; left--) {
		expect(giveUpReserve(directory)).toBe(true);
		expect(size()).toBe(left * MIB);
	}
	expect(giveUpReserve(directory)).toBe(false);
	await keepReserve(directory, PLENTY);
	expect(giveUpReserve(directory)).toBe(true);
	await keepReserve(directory, PLENTY);
	expect(size()).toBe(8 * MIB);
});

it("lets work on a full medium be tried once more, and no other failure", async () => {
	await keepReserve(directory, PLENTY);
	const failing = (code: string, times: number) => async () => {
		if (times-- > 0) throw Object.assign(new Error(code), { code });
		return "done";
	};
	expect(await withReserve(directory, failing("ENOSPC", 1))).toBe("done");
	expect(size()).toBe(7 * MIB);
	await expect(withReserve(directory, failing("EACCES", 1))).rejects.toMatchObject({ code: "EACCES" });
	await expect(withReserve(directory, failing("EDQUOT", 2))).rejects.toMatchObject({ code: "EDQUOT" });
	expect(size()).toBe(6 * MIB);
});

it("is left for the next time, without an error, where the data dir can't even be looked at", async () => {
	const loop = join(directory, "loop");
	symlinkSync(loop, loop);
	await keepReserve(loop, PLENTY);
	keepSpareFiles(loop);
	expect([giveUpReserve(loop), giveUpSpareFiles(loop)]).toEqual([false, false]);
});
