import { describe, expect, it } from "vitest";
import { JsonSyntaxError } from "../../src/json/parse.js";
import { parseChatBody } from "../../src/wire/chat-body.js";

const parse = (text: string) => parseChatBody(Buffer.from(text), null, { maxMessages: 100, maxDepth: 64 });

describe("a chat body", () => {
	it("may not hold millions of values: reading them would take the worker from everybody else", () => {
		const parts = (count: number) => `{"messages":[{"role":"user","content":[${"{},".repeat(count)}{}]}]}`;
		expect(() => parse(parts(1_000_001))).toThrow(JsonSyntaxError);
		expect(() => parse(parts(1_000_001))).toThrow("too many values");
		expect(parse(parts(1000)).messages.count).toBe(1);
	});

	it("spends one budget on all its messages and tools", () => {
		const message = `{"role":"user","content":[${"{},".repeat(300_000)}{}]}`;
		expect(() => parse(`{"messages":[${message},${message},${message},${message}]}`)).toThrow(
			"too many values",
		);
	});
});
