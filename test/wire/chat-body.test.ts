import { describe, expect, it } from "vitest";
import { JsonSyntaxError, parseJson } from "../../src/json/parse.js";
import { chatBodyLimits, parseChatBody } from "../../src/wire/chat-body.js";

const limits = () => chatBodyLimits({ maxMessages: 100, maxJsonDepth: 64 });
const parse = (text: string, within = limits()) => parseChatBody(Buffer.from(text), null, within);

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

	it("spends it on what its front end parsed, too", () => {
		const body = `{"messages":[{"role":"user","content":[${"{},".repeat(600_000)}{}]}]}`;
		const spent = limits();
		parseJson(body, spent);
		expect(() => parse(body, spent)).toThrow("too many values");
		expect(parse(body).messages.count).toBe(1);
	});
});
