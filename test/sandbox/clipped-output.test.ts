// Head and tail of an output, in whole characters, whatever the pieces.
import { expect, it } from "vitest";
import { ClippedOutput } from "../../src/sandbox/clipped-output.js";

function clip(text: string, limit: number, piece: number): ClippedOutput {
	const output = new ClippedOutput(limit);
	const bytes = Buffer.from(text);
	for (let at = 0; at < bytes.length; at += piece) output.add(bytes.subarray(at, at + piece));
	return output;
}

it("keeps all of what fits, byte for byte", () => {
	for (const piece of [1, 3, 100]) {
		const output = clip("aé€😀z", 11, piece);
		expect([output.text(), output.truncated, output.bytes]).toEqual(["aé€😀z", false, 11]);
	}
});

it("cuts between characters and counts what is missing", () => {
	const text = "😀".repeat(10);
	for (const limit of [8, 9, 10, 11, 17]) {
		for (const piece of [1, 5, 40]) {
			const output = clip(text, limit, piece);
			const [, head = "", missing = "", tail = ""] =
				/^((?:😀)*)\n\[\.\.\. (\d+) bytes are missing here \.\.\.\]\n((?:😀)*)$/u.exec(output.text()) ?? [];
			expect(Buffer.byteLength(head + tail) + Number(missing)).toBe(40);
			expect(Buffer.byteLength(head + tail)).toBeLessThanOrEqual(limit);
			expect(output.truncated).toBe(true);
		}
	}
});

it("keeps the newest bytes of a long output at its end", () => {
	const lines = Array.from({ length: 1000 }, (_, index) => `line ${index}\n`).join("");
	for (const piece of [1, 7, 64, 10_000]) {
		const text = clip(lines, 40, piece).text();
		expect(text.startsWith("line 0\nline 1\nline 2")).toBe(true);
		expect(text.endsWith("line 998\nline 999\n")).toBe(true);
	}
});
