// Files that stay open: how many, for whom, and until when.
import { fstatSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { Descriptors, OpenFile } from "../../src/store/files/descriptors.js";
import { Medium } from "../../src/store/files/medium.js";
import { run } from "../../src/store/files/steps.js";

const dir = mkdtempSync(join(tmpdir(), "rollpin-open-files-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const medium = new Medium();

function file(name: string): OpenFile {
	const path = join(dir, name);
	writeFileSync(path, name);
	return new OpenFile(path, "r");
}
const take = (files: Descriptors, one: OpenFile) => run(files.take(one)) as number;

describe("Files that stay open", () => {
	it("are opened once while they are used and afterwards, up to the number that may stay", () => {
		const files = new Descriptors(2, medium);
		const a = file("a");
		const fd = take(files, a);
		expect(take(files, a)).toBe(fd);
		files.release(a);
		files.release(a);
		expect(take(files, a)).toBe(fd);
		files.release(a);
		files.close();
		expect(() => fstatSync(fd)).toThrow(/EBADF/);
	});

	it("beyond that number lose the one that was used least recently", () => {
		const files = new Descriptors(2, medium);
		const [a, b, c] = [file("a"), file("b"), file("c")];
		for (const one of [a, b, a, c]) {
			take(files, one);
			files.release(one);
		}
		expect([a, b, c].map(({ fd }) => fd >= 0)).toEqual([true, false, true]);
		files.close();
		expect([a, b, c].map(({ fd }) => fd >= 0)).toEqual([false, false, false]);
	});

	it("are never closed under a user's hands", () => {
		const files = new Descriptors(0, medium);
		const [a, b] = [file("a"), file("b")];
		const fd = take(files, a);
		take(files, b);
		files.release(b);
		expect(b.fd).toBe(-1);
		expect(a.fd).toBe(fd);
		files.forget(a);
		files.close();
		const buffer = Buffer.alloc(1);
		expect(run(medium.read(fd, buffer, 0))).toBe(1);
		files.release(a);
		expect(a.fd).toBe(-1);
	});

	it("that could not be opened are tried anew", () => {
		const files = new Descriptors(2, medium);
		const late = new OpenFile(join(dir, "late"), "r");
		expect(() => take(files, late)).toThrow(/ENOENT/);
		writeFileSync(late.path, "late");
		expect(take(files, late)).toBeGreaterThan(0);
		files.release(late);
		files.close();
	});
});
