// Files that stay open: how many, for whom, and until when.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { OpenFiles } from "../../src/store/files/open-files.js";

const dir = mkdtempSync(join(tmpdir(), "rollpin-open-files-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const opened: FileHandle[] = [];

function take(files: OpenFiles, name: string) {
	const path = join(dir, name);
	writeFileSync(path, name);
	return files.take(path, async () => {
		const handle = await open(path, "r");
		opened.push(handle);
		return handle;
	});
}
const isOpen = (handle: FileHandle) => handle.fd >= 0;

describe("Files that stay open", () => {
	it("are opened once while they are used and afterwards, up to the number that may stay", async () => {
		const files = new OpenFiles(2);
		const [a, again] = await Promise.all([take(files, "a"), take(files, "a")]);
		expect(again.handle).toBe(a.handle);
		await a.close();
		await again.close();
		const later = await take(files, "a");
		expect(later.handle).toBe(a.handle);
		await later.close();
		await files.close();
	});

	it("beyond that number lose the one that was used least recently", async () => {
		const files = new OpenFiles(2);
		const [a, b] = [await take(files, "a"), await take(files, "b")];
		await a.close();
		await b.close();
		await (await take(files, "a")).close();
		const c = await take(files, "c");
		await c.close();
		expect([a, b, c].map(({ handle }) => isOpen(handle))).toEqual([true, false, true]);
		await files.close();
		expect([a, c].map(({ handle }) => isOpen(handle))).toEqual([false, false]);
	});

	it("are never closed under a user's hands", async () => {
		const files = new OpenFiles(0);
		const [a, b] = [await take(files, "a"), await take(files, "b")];
		await b.close();
		expect(isOpen(a.handle)).toBe(true);
		await files.forget(join(dir, "a"));
		const anew = await take(files, "a");
		expect(anew.handle).not.toBe(a.handle);
		expect((await a.handle.read(Buffer.alloc(1), 0, 1, 0)).bytesRead).toBe(1);
		await a.close();
		expect(isOpen(a.handle)).toBe(false);
		expect(isOpen(anew.handle)).toBe(true);
		await anew.close();
		await files.close();
		expect(opened.filter(isOpen)).toEqual([]);
	});

	it("that could not be opened are tried anew", async () => {
		const files = new OpenFiles(2);
		const path = join(dir, "late");
		await expect(files.take(path, () => open(path, "r"))).rejects.toMatchObject({ code: "ENOENT" });
		const late = await take(files, "late");
		await late.close();
		await files.close();
	});
});
