import { describe, expect, it } from "vitest";
import { parseJson } from "../../src/json/parse.js";
import type { JsonObject } from "../../src/json/value.js";
import { decimalKey } from "../../src/session/path/tool-arguments.js";
import { type ReferenceMatcherName, sameByReference } from "../../src/session/place/matcher.js";

const message = (text: string) => parseJson(text, { maxDepth: 1000 }) as JsonObject;
const call = (args: string, extra = "") =>
	`{"role":"assistant","content":"","tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":${args}}${extra}}]}`;
const NAMES: ReferenceMatcherName[] = ["strict", "loose_tool_call", "role_content_only"];

/** [title, stored, replayed, strict, loose, role_content_only] */
const TABLE: Array<[string, string, string, boolean, boolean, boolean]> = [
	["equal messages", '{"role":"user","content":"a"}', '{"content":"a","role":"user"}', true, true, true],
	["another content", '{"role":"user","content":"a"}', '{"role":"user","content":"a "}', false, false, false],
	["another role", '{"role":"user","content":"a"}', '{"role":"tool","content":"a"}', false, false, false],
	[
		"null, missing, empty text and empty list alike",
		'{"role":"assistant","content":null,"tool_calls":[]}',
		'{"role":"assistant","content":"","reasoning_content":""}',
		true,
		true,
		true,
	],
	[
		"text against a list of parts",
		'{"role":"user","content":"a"}',
		'{"role":"user","content":[{"type":"text","text":"a"}]}',
		false,
		false,
		false,
	],
	[
		"a blank that is not empty",
		'{"role":"user","content":" "}',
		'{"role":"user","content":""}',
		false,
		false,
		false,
	],
	[
		"false that is not empty",
		'{"role":"user","content":false}',
		'{"role":"user","content":null}',
		false,
		false,
		false,
	],
	[
		"dropped reasoning",
		'{"role":"assistant","content":"a","reasoning_content":"r"}',
		'{"role":"assistant","content":"a"}',
		false,
		false,
		true,
	],
	[
		"tool_call_id, name and other keys",
		'{"role":"tool","content":"a","tool_call_id":"1","name":"f"}',
		'{"role":"tool","content":"a","tool_call_id":"2","x":1}',
		true,
		true,
		true,
	],
	["the index of a call", call('"{}"', ',"index":4'), call('"{}"'), true, true, true],
	[
		"an index inside the function",
		call('"{}"'),
		'{"role":"assistant","content":"","tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{}","index":0}}]}',
		false,
		false,
		true,
	],
	[
		"a null id against a missing one",
		'{"role":"assistant","tool_calls":[{"id":null,"type":"function"}]}',
		'{"role":"assistant","tool_calls":[{"type":"function"}]}',
		false,
		false,
		true,
	],
	["arguments spelled with spaces", call('"{\\"a\\":1}"'), call('"{ \\"a\\" : 1.0 }"'), false, true, true],
	[
		"arguments in another order",
		call('"{\\"a\\":1,\\"b\\":[1,2]}"'),
		call('"{\\"b\\":[1,2],\\"a\\":1}"'),
		false,
		true,
		true,
	],
	[
		"arguments with lists in another order",
		call('"{\\"b\\":[1,2]}"'),
		call('"{\\"b\\":[2,1]}"'),
		false,
		false,
		true,
	],
	["parsed arguments against their text", call('{"a":1}'), call('"{\\"a\\":1}"'), false, true, true],
	["empty arguments in three spellings", call("null"), call('"{}"'), false, true, true],
	["true against 1 in arguments", call('"{\\"a\\":true}"'), call('"{\\"a\\":1}"'), false, false, true],
	[
		"huge integers that differ in the last digit",
		call('"{\\"a\\":12345678901234567890}"'),
		call('"{\\"a\\":12345678901234567891}"'),
		false,
		false,
		true,
	],
	["huge powers of ten", call('"{\\"a\\":1e999}"'), call('"{\\"a\\":10e998}"'), false, true, true],
	[
		"duplicate keys, which are compared as they are spelled",
		call('"{\\"a\\":1,\\"a\\":1}"'),
		call('"{\\"a\\": 1,\\"a\\":1}"'),
		false,
		false,
		true,
	],
	["arguments that are no JSON, spelled alike", call('"oops"'), call('"oops"'), true, true, true],
	["arguments that are a list", call('"[1]"'), call('"[1 ]"'), false, false, true],
	[
		"missing arguments against empty ones",
		'{"role":"assistant","tool_calls":[{"function":{"name":"f"}}]}',
		'{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":"{}"}}]}',
		false,
		false,
		true,
	],
	[
		"1 and 1.0 and true, as Python compares them",
		'{"role":"user","content":[{"x":1,"y":true}]}',
		'{"role":"user","content":[{"x":1.0,"y":1}]}',
		true,
		true,
		true,
	],
	[
		"integers beyond doubles",
		'{"role":"user","content":[{"x":9007199254740993}]}',
		'{"role":"user","content":[{"x":9007199254740992}]}',
		false,
		false,
		false,
	],
	[
		"an integer and the float it rounds to",
		'{"role":"user","content":[{"x":9007199254740993}]}',
		'{"role":"user","content":[{"x":9007199254740992.0}]}',
		false,
		false,
		false,
	],
	[
		"keys named like prototype members",
		'{"role":"user","content":[{"__proto__":1}]}',
		'{"role":"user","content":[{"constructor":1}]}',
		false,
		false,
		false,
	],
];

describe("message matchers", () => {
	it.each(TABLE)("judge %s", (_title, stored, replayed, ...verdicts) => {
		NAMES.forEach((name, index) => {
			expect([name, sameByReference(name)(message(stored), message(replayed))]).toEqual([
				name,
				verdicts[index],
			]);
			expect([name, sameByReference(name)(message(replayed), message(stored))]).toEqual([
				name,
				verdicts[index],
			]);
		});
	});

	it.each([
		["1.0", "1e0"],
		["100", "1e2"],
		["0.001", "1e-3"],
		["-0.0", "0"],
		["10e998", "1e999"],
		["-12.50", "-125e-1"],
		[`1${"0".repeat(100_000)}1`, `1${"0".repeat(100_000)}1e0`],
		[`1e${"9".repeat(5_000)}`, `?1e${"9".repeat(5_000)}`],
	])("gives %.20s its one spelling %.20s", (text, key) => {
		expect(decimalKey(text)).toBe(key);
	});
});
