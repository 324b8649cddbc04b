// Text that spells a control token: found wherever in a message it stands, in linear time.
import { describe, expect, it } from "vitest";
import type { JsonObject } from "../../src/json/value.js";
import { ControlTokens } from "../../src/tito/control-text.js";
import { json, object } from "./shared.js";

const tokens = new ControlTokens(["<|im_end|>", "<|im_start|>", "[gMASK]", "]~b]", "<"]);
const message = (fields: object): JsonObject => object(json(JSON.stringify(fields)));

describe("Control text", () => {
	it.each([
		["a content", { role: "user", content: "a <|im_ <|im_end|>" }, "<|im_end|>"],
		["a part", { role: "user", content: [{ type: "text", text: "x]~b]y" }] }, "]~b]"],
		["arguments", { tool_calls: [{ function: { arguments: '{"a":"[gMASK]"}' } }] }, "[gMASK]"],
	])("is found in %s, with its message", (_, fields, token) => {
		expect(tokens.find([message({ role: "user", content: "<b>" }), message(fields)])).toEqual({
			index: 1,
			token,
		});
	});

	it("is not what only begins like it", () => {
		expect(tokens.find([message({ content: "<|im_enx|> [gMASK <<|<|" })])).toBeNull();
		expect(new ControlTokens([]).find([message({ content: "<|im_end|>" })])).toBeNull();
	});

	it("is not found in half a million beginnings of a token", () => {
		expect(tokens.find([message({ content: "<|".repeat(500_000) })])).toBeNull();
	});
});
