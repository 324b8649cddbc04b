// Which files are whole: a cut one is told before it is mapped, one whose last pages are only free is served.
import { copyFileSync, mkdtempSync, rmSync, statSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { open } from "lmdb";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bootId } from "../../src/data-dir/boot-id.js";
import { findDefect } from "../../src/store/lmdb/file.js";

const PAGE = 4096;
let dir: string;
let path: string;
beforeAll(() => {
	dir = mkdtempSync(join(tmpdir(), "rollpin-lmdb-file-"));
	path = join(dir, "a.mdb");
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function openFile(file: string) {
	return open<Buffer, Uint8Array>(file, {
		keyEncoding: "binary",
		encoding: "binary",
		noSubdir: true,
		maxDbs: 1,
	});
}

/** Every entry read back in another process would be a SIGBUS where a page is missing, so only whole files come here. */
async function entriesOf(file: string): Promise<number> {
	const db = openFile(file);
	const count = Array.from(db.getRange({}), ({ value }) => value.length).length;
	await db.put(Buffer.of(0x7f), Buffer.alloc(20_000));
	await db.close();
	return count;
}

describe("a file that is shorter than its meta page says", () => {
	/** Small records, then large ones that are removed again: free pages up to the end of the file. */
	async function withFreeEnd(): Promise<void> {
		const db = openFile(path);
		for (let key = 0; key < 40; key++) await db.put(Buffer.of(1, key), Buffer.alloc(100, key));
		for (let key = 0; key < 20; key++) await db.put(Buffer.of(2, key), Buffer.alloc(60_000));
		for (let key = 0; key < 20; key++) await db.remove(Buffer.of(2, key));
		await db.put(Buffer.of(3), Buffer.alloc(10));
		await db.close();
	}

	it("is served while only free pages are missing, with every entry, and is refused from the first used one on", async () => {
		await withFreeEnd();
		const { size } = statSync(path);
		expect(findDefect(path, bootId())).toBeNull();
		const verdicts: boolean[] = [];
		let served = 0;
		for (let pages = size / PAGE - 1; pages >= 3; pages--) {
			const copy = join(dir, "copy.mdb");
			copyFileSync(path, copy);
			truncateSync(copy, pages * PAGE);
			const whole = findDefect(copy, bootId()) === null;
			verdicts.push(whole);
			if (!whole) {
				expect(findDefect(copy, bootId())).toMatch(new RegExp(`^it has ${pages * PAGE} bytes of ${size}$`));
				continue;
			}
			served += 1;
			if (served % 40 === 1) expect(await entriesOf(copy)).toBe(41);
			rmSync(`${copy}-lock`, { force: true });
		}
		// Free pages at the end first, then nothing but refusals.
		expect(served).toBeGreaterThan(10);
		expect(verdicts.lastIndexOf(true)).toBe(served - 1);
		expect(verdicts.at(-1)).toBe(false);
	});

	it("is refused when it ends in the middle of a used page", async () => {
		const copy = join(dir, "odd.mdb");
		copyFileSync(path, copy);
		truncateSync(copy, 3 * PAGE + 100);
		expect(findDefect(copy, bootId())).toMatch(/bytes of/);
	});
});
