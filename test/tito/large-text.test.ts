import { describe, expect, it } from "vitest";
import { LargeTextGate } from "../../src/tito/large-text-gate.js";
import { toyTito } from "./toy.js";

const LARGE = "x".repeat(256 * 1024);

describe("large texts", () => {
	it("are encoded one at a time and in order, while small ones pass at once", async () => {
		const gate = new LargeTextGate();
		const order: string[] = [];
		const ends: Array<() => void> = [];
		const encode = (name: string) => () =>
			new Promise<void>((resolve) => {
				order.push(name);
				ends.push(resolve);
			});
		const first = gate.pass(LARGE, encode("first"));
		const second = gate.pass(LARGE, encode("second"));
		const third = gate.pass(LARGE, encode("third"));
		void gate.pass("small", encode("small"));
		expect(order).toEqual(["first", "small"]);
		ends[0]?.();
		await first;
		await Promise.resolve();
		expect(order).toEqual(["first", "small", "second"]);
		ends[2]?.();
		await second;
		await Promise.resolve();
		expect(order).toEqual(["first", "small", "second", "third"]);
		ends[3]?.();
		await third;
	});

	it("let the next one in when an encode fails", async () => {
		const gate = new LargeTextGate();
		await expect(gate.pass(LARGE, () => Promise.reject(new Error("boom")))).rejects.toThrow("boom");
		expect(await gate.pass(LARGE, async () => 1)).toBe(1);
	});

	it("are refused before they are encoded when no text of that size can fit", async () => {
		const tito = await toyTito({ maxTextBytes: () => 1000 });
		const prompt = (content: string) => {
			const message = new Map([
				["role", "user"],
				["content", content],
			]);
			return tito.encodePrompt({ messages: [message], tools: undefined, kwargs: new Map() });
		};
		await expect(prompt("é".repeat(600))).rejects.toMatchObject({ code: "session_too_large", status: 413 });
		expect((await prompt("a".repeat(800))).length).toBeGreaterThan(0);
	});
});
