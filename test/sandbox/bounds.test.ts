// What is held of what comes from inside a sandbox stays small, however it is written, and nothing of it is given for something else.
import { describe, expect, it } from "vitest";
import { BackgroundExec } from "../../src/sandbox/background.js";
import { ClippedOutput } from "../../src/sandbox/clipped-output.js";
import { contentOf, tarOf } from "../../src/sandbox/tar-entry.js";
import { serveSandboxes } from "../support/sandbox-server.js";

async function tarBytes(content: string): Promise<Buffer> {
	const pieces: Uint8Array[] = [];
	for await (const piece of tarOf([{ path: "f", content: Buffer.from(content) }])) pieces.push(piece);
	return Buffer.concat(pieces);
}

async function* of(...pieces: Uint8Array[]): AsyncIterable<Uint8Array> {
	yield* pieces;
}

describe("The output of a command that writes byte by byte", () => {
	it("is kept in few pieces, and a reader gets each byte once wherever it goes on", () => {
		const exec = new BackgroundExec("exec-1", 0, 1_000_000);
		let whole = "";
		let read = "";
		let offset = 0;
		for (let index = 0; index < 10_000; index++) {
			const text = index % 7 === 0 ? "é" : "x";
			for (const byte of Buffer.from(text)) exec.write("stdout", Buffer.from([byte]));
			whole += text;
			if (index % 997 !== 0) continue;
			const more = exec.read(offset);
			read += more.output.map((piece) => piece.text).join("");
			offset = more.nextOffset;
		}
		read += exec
			.read(offset)
			.output.map(({ text }) => text)
			.join("");
		expect(read).toBe(whole);
		expect(exec.read(0).output.length).toBeLessThan(5);
		expect(
			exec
				.read(0)
				.output.map(({ text }) => text)
				.join(""),
		).toBe(whole);
	});

	it("is clipped as any other", () => {
		const clipped = new ClippedOutput(10);
		for (const byte of Buffer.from("0123456789abcdef")) clipped.add(Buffer.from([byte]));
		expect(clipped.text()).toBe("01234\n[... 6 bytes are missing here ...]\nbcdef");
	});
});

describe("A file out of a tar", () => {
	it("is read to the tar's end, where what made it says whether it is whole", async () => {
		const tar = await tarBytes("content");
		expect((await contentOf(of(tar), "f", 100)).toString()).toBe("content");
		async function* changed(): AsyncIterable<Uint8Array> {
			yield tar;
			throw new Error("f changed as it was read");
		}
		await expect(contentOf(changed(), "f", 100)).rejects.toThrow("changed");
		await expect(contentOf(of(tar.subarray(0, 514)), "f", 100)).rejects.toMatchObject({
			code: "sandbox_backend_unavailable",
		});
	});

	it("that has 8 GiB or more is too large, and never empty", async () => {
		const tar = await tarBytes("");
		// As GNU tar writes it: no digits, a binary number.
		Buffer.from([0x80, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0]).copy(tar, 124);
		await expect(contentOf(of(tar), "f", 100)).rejects.toMatchObject({ code: "body_too_large" });
	});

	it("behind a header without end is not waited for", async () => {
		const tar = await tarBytes("");
		tar.write("x", 156);
		tar.write("77777777777", 124);
		let given = 0;
		async function* endless(): AsyncIterable<Uint8Array> {
			yield tar.subarray(0, 512);
			for (; given < 1_000; given++) yield Buffer.alloc(64 * 1024);
		}
		await expect(contentOf(endless(), "f", 100)).rejects.toMatchObject({
			code: "sandbox_backend_unavailable",
		});
		expect(given).toBeLessThan(5);
	});
});

describe("A body that is too large", () => {
	it("is answered, not cut", async () => {
		const server = await serveSandboxes({}, 1_000);
		try {
			const reply = await fetch(`${server.url}/sandboxes`, { method: "POST", body: "x".repeat(300_000) });
			expect(reply.status).toBe(413);
			expect(await reply.json()).toMatchObject({ error: { code: "body_too_large" } });
		} finally {
			await server.stop();
		}
	});
});
