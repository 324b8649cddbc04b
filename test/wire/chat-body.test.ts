import { describe, expect, it } from "vitest";
import { JsonSyntaxError, parseJson } from "../../src/json/parse.js";
import { chatBodyLimits, parseChatBody, readChatBody } from "../../src/wire/chat-body.js";

const limits = () => chatBodyLimits({ maxMessages: 100, maxJsonDepth: 64, maxTokensPerSession: 1000 });
const parse = (text: string, within = limits()) => parseChatBody(Buffer.from(text), null, within);

describe("a chat body", () => {
	it("may not hold millions of values: reading them would take the worker from everybody else", () => {
		const parts = (count: number) => `{"messages":[{"role":"user","content":[${"{},".repeat(count)}{}]}]}`;
		expect(() => parse(parts(1_000_001))).toThrow(JsonSyntaxError);
		expect(() => parse(parts(1_000_001))).toThrow("too many values");
		expect(parse(parts(1000)).messages.count).toBe(1);
	});

	it("spends one budget on all its messages and tools", () => {
		const message = `{"role":"user","content":[${"{},".repeat(15_000)}{}]}`;
		const messages = (count: number) => `{"messages":[${Array.from({ length: count }, () => message)}]}`;
		expect(() => parse(messages(67))).toThrow("too many values");
		expect(parse(messages(65)).messages.count).toBe(65);
	});

	it("spends it on what its front end parsed, too", () => {
		const message = `{"role":"user","content":[${"{},".repeat(15_000)}{}]}`;
		const body = `{"messages":[${Array.from({ length: 40 }, () => message)}]}`;
		const spent = limits();
		parseJson(body, spent);
		expect(() => parse(body, spent)).toThrow("too many values");
		expect(parse(body).messages.count).toBe(40);
	});

	const hello = '{"role":"user","content":"x"}';
	const list = (item: string, count: number) => Array.from({ length: count }, () => item).join(",");
	const keys = (count: number) => Array.from({ length: count }, (_, at) => `"k${at}":1`).join(",");

	it.each([
		["keys of a message", `{"messages":[{"role":"user","content":"x",${keys(10_000)}}]}`, "too many values"],
		[
			"values of one message",
			`{"messages":[{"role":"user","content":[${list("{}", 20_000)}]}]}`,
			"too many values",
		],
		["tools", `{"messages":[${hello}],"tools":[${list('{"name":"f"}', 34_000)}]}`, "too many values"],
		[
			"keys of a field that nobody reads",
			`{"messages":[${hello}],"x":{${keys(500_000)}}}`,
			"too many values",
		],
		["values of such a field", `{"messages":[${hello}],"x":[${list("1", 1_000_000)}]}`, "too many values"],
		["top-level fields", `{"messages":[${hello}],${keys(1_000)}}`, "more than 1000 fields"],
		["digits of a number", `{"messages":[${hello}],"x":${"1".repeat(4_097)}}`, "more than 4096 digits"],
		["digits after a point", `{"messages":[${hello}],"x":0.${"1".repeat(4_097)}}`, "more than 4096 digits"],
		[
			"messages",
			`{"messages":[${list(hello, 101)}]}`,
			"more elements than the limit of 100; raise --max-messages",
		],
		[
			"bytes of a message",
			`{"messages":[${hello},{"role":"user","content":"${"x".repeat(1 << 20)}"}]}`,
			"messages[1] has more than 1048576 bytes",
		],
	])("is refused for too many %s", (_what, text, said) => {
		expect(() => parse(text)).toThrow(said);
	});

	it("stops at the bound: what stands after it costs nothing", () => {
		for (const text of [
			`{"messages":[${list(hello, 101)},`,
			`{"messages":[${hello}],${keys(1_000)},"`,
			`{"messages":[${hello}],"x":[${list("1", 1_000_000)},`,
		])
			expect(() => parse(text)).not.toThrow("unexpected end");
	});

	it("lets in what is just within", () => {
		for (const text of [
			`{"messages":[${list(hello, 100)}]}`,
			`{"messages":[${hello}],${keys(999)}}`,
			`{"messages":[{"role":"user","content":"x",${keys(9_995)}}]}`,
			`{"messages":[${hello}],"tools":[${list('{"name":"f"}', 33_000)}]}`,
			`{"messages":[${hello}],"x":-${"1".repeat(4_096)}.${"1".repeat(4_096)}}`,
		])
			expect(parse(text).messages.count).toBeGreaterThan(0);
	});

	it("counts the messages that were there before, and walks over none of their values again", () => {
		const content = Buffer.from(list(hello, 99));
		const parsed = (text: string) => parseChatBody(Buffer.from(text), { content, count: 99 }, limits());
		expect(parsed(`{"messages":[${content},${hello}]}`).messages.count).toBe(100);
		expect(() => parsed(`{"messages":[${content},${hello},${hello}]}`)).toThrow("limit of 100");
	});

	it("is read in slices to the same values, and fails with the same error", async () => {
		const many = chatBodyLimits({ maxMessages: 20_000, maxJsonDepth: 64, maxTokensPerSession: 1000 });
		const text = (last: string) => Buffer.from(`{"messages":[${list(hello, 20_000 - 1)},${last}]}`);
		let turns = 0;
		let over = false;
		const count = (): void => {
			turns++;
			if (!over) setImmediate(count);
		};
		setImmediate(count);
		const read = await readChatBody(text(hello), null, many);
		over = true;
		expect(read.messages.count).toBe(20_000);
		expect(turns).toBeGreaterThan(1);
		await expect(
			readChatBody(text('{"role":"nobody"}'), null, { ...many, budget: { values: 1e6 } }),
		).rejects.toThrow("messages[19999] has no known role");
	});
});
