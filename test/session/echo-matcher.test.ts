// The echo matcher, case by case: what is another spelling of a stored message, and what is another message.
import { describe, expect, it } from "vitest";
import { parseJson } from "../../src/json/parse.js";
import type { JsonObject } from "../../src/json/value.js";
import type { ShownMessages } from "../../src/session/path/canonical.js";
import type { StoredMessage } from "../../src/session/path/path-state.js";
import { valuesText } from "../../src/session/place/difference.js";
import { messageMatcher } from "../../src/session/place/matchers.js";

const SHOWN = new Set(["reasoning_content", "name", "tool_calls[].id"]);
const shown: ShownMessages = { partSeparator: () => " ", shows: (_role, field) => SHOWN.has(field) };
const echo = messageMatcher("echo", shown);

function stored(text: string, generated: boolean): StoredMessage {
	return { bytes: Buffer.from(text), generated, form: null, accepted: null, parsed: null };
}
const value = (text: string) => parseJson(text) as JsonObject;
const answer = (more: object) => JSON.stringify({ role: "assistant", content: "A", ...more });
const args = (text: string, more: object = {}) =>
	answer({
		content: null,
		tool_calls: [{ id: "c1", type: "function", function: { name: "run", arguments: text }, ...more }],
	});
const call = (id: unknown, name: string, given: unknown) =>
	answer({ content: "", tool_calls: [{ id, function: { name, arguments: given } }] });
const flat = (name: string, given: unknown) =>
	answer({ content: "", tool_calls: [{ id: "c1", name, arguments: given }] });
const prompt = (role: string, more: object) => JSON.stringify({ role, ...more });
const part = (text: string, more: object = {}) => ({ type: "text", text, ...more });

describe("An answer is recognised in another spelling", () => {
	it.each<[string, string, string]>([
		["white space at its ends", answer({ content: "A\n" }), answer({ content: "\t A" })],
		["as a part", answer({}), answer({ content: [part("A")] })],
		["as parts", answer({ content: "one two" }), answer({ content: [part("one"), part("two")] })],
		["as parts of one text", answer({ content: "onetwo" }), answer({ content: [part("one"), part("two")] })],
		[
			"as output_text",
			answer({}),
			answer({ content: [{ type: "output_text", text: "A", annotations: [] }] }),
		],
		["null for empty", args("{}"), args("{}").replace("null", '""')],
		["no content at all", args("{}"), args("{}").replace('"content":null,', "")],
		[
			"empty fields",
			answer({}),
			answer({ refusal: null, audio: null, function_call: null, annotations: [], tool_calls: [] }),
		],
		[
			"fields of its own",
			answer({}),
			answer({ name: "agent", provider_specific_fields: { x: 1 }, parsed: { a: 1 } }),
		],
		["spacing", args('{"a":1,"b":[1,2]}'), args('{ "a": 1, "b": [1, 2] }')],
		["escapes", args('{"a":"é/"}'), args('{"a":"\\u00e9\\/"}')],
		["key order", args('{"a":1,"b":2}'), args('{"b":2,"a":1}')],
		["a number's spelling", args('{"a":1.0,"b":1e2,"c":-0}'), args('{"a":1,"b":100,"c":0}')],
		["an integer beyond float64", args('{"a":9007199254740993}'), args('{"a":9007199254740992}')],
		["a key that stood twice", args('{"a":1,"a":2}'), args('{"a":2}')],
		["__proto__", args('{"__proto__":{"a":1}}'), args('{"__proto__": {"a": 1}}')],
		["no arguments", args(""), args("{}")],
		["blank arguments", args("  "), args("{}")],
		["null arguments", call("c1", "run", null), call("c1", "run", "{}")],
		["arguments as an object", args('{"a":1}'), call("c1", "run", { a: 1 })],
		["arguments that do not parse", args('{"a":'), args('{"a":')],
		["a call without its function", args('{"a":1}'), flat("run", '{"a": 1}')],
		["a call with more keys", args("{}"), args("{}", { index: 0, parsed_arguments: {} })],
		["a call without its id", args("{}"), call(null, "run", "{}")],
		["its reasoning left out", answer({ reasoning_content: "R" }), answer({})],
		["its reasoning null", answer({ reasoning_content: "R" }), answer({ reasoning_content: null })],
		["its reasoning trimmed", answer({ reasoning_content: "R\n" }), answer({ reasoning_content: "R" })],
		["another name of it", answer({ reasoning_content: "R" }), answer({ reasoning: "R" })],
		[
			"two names of it",
			answer({ reasoning_content: "R" }),
			answer({ reasoning: "R", reasoning_content: "R" }),
		],
		[
			"a thinking part",
			answer({ reasoning_content: "R" }),
			answer({ content: [{ type: "thinking", thinking: "R", signature: "s" }, part("A")] }),
		],
		[
			"several thinking parts, one without text",
			answer({ reasoning_content: "RS" }),
			answer({
				content: [
					{ type: "thinking", thinking: "R" },
					{ type: "redacted_thinking", data: "x" },
					{ type: "reasoning", text: "S" },
					part("A"),
				],
			}),
		],
		[
			"reasoning_details",
			answer({ reasoning_content: "R" }),
			answer({
				reasoning_details: [
					{ type: "reasoning.text", text: "R" },
					{ type: "reasoning.encrypted", data: "x" },
				],
			}),
		],
		[
			"thinking_blocks",
			answer({ reasoning_content: "R" }),
			answer({ thinking_blocks: [{ type: "thinking", thinking: "R" }] }),
		],
	])("%s", (_what, own, replayed) => {
		expect(echo.matches(stored(own, true), value(replayed))).toBe(true);
	});
});

describe("Another answer is told apart, and where", () => {
	it.each<[string, string, string, string]>([
		["its text", answer({}), answer({ content: "B" }), 'content: "B" sent, "A" stored'],
		[
			"white space inside it",
			answer({ content: "a b" }),
			answer({ content: "a  b" }),
			'content: "a  b" sent, "a b" stored',
		],
		["its role", answer({}), prompt("user", { content: "A" }), 'role: "user" sent, "assistant" stored'],
		["a refusal", answer({}), answer({ refusal: "no" }), 'refusal: "no" sent, nothing stored'],
		[
			"a part that is no text",
			answer({}),
			answer({ content: [part("A"), { type: "image_url" }] }),
			'content: a list of 2 sent, "A" stored',
		],
		[
			"other reasoning",
			answer({ reasoning_content: "R" }),
			answer({ reasoning: "S" }),
			'reasoning: "S" sent, "R" stored',
		],
		[
			"reasoning it never had",
			answer({}),
			answer({ reasoning_content: "R" }),
			'reasoning_content: "R" sent, nothing stored',
		],
		[
			"another thinking part",
			answer({ reasoning_content: "R" }),
			answer({ content: [{ type: "thinking", thinking: "S" }, part("A")] }),
			'content[0].thinking: "S" sent, "R" stored',
		],
		[
			"reasoning of no form",
			answer({ reasoning_content: "R" }),
			answer({ reasoning: { a: 1 } }),
			'reasoning: {"a":1} sent, "R" stored',
		],
		["a call less", args("{}"), answer({ content: null }), "tool_calls: nothing sent, a list of 1 stored"],
		[
			"a call more",
			answer({}),
			args("{}").replace("null", '"A"'),
			"tool_calls: a list of 1 sent, an empty list stored",
		],
		[
			"a call's name",
			args("{}"),
			call("c1", "go", "{}"),
			'tool_calls[0].function.name: "go" sent, "run" stored',
		],
		["a call's id", args("{}"), call("c2", "run", "{}"), 'tool_calls[0].id: "c2" sent, "c1" stored'],
		[
			"an argument",
			args('{"city":"paris"}'),
			args('{"city":"Paris"}'),
			'tool_calls[0].function.arguments.city: "Paris" sent, "paris" stored',
		],
		[
			"a number for a boolean",
			args('{"a":true}'),
			args('{"a":1}'),
			"tool_calls[0].function.arguments.a: 1 sent, true stored",
		],
		[
			"a text for a number",
			args('{"a":1}'),
			args('{"a":"1"}'),
			'tool_calls[0].function.arguments.a: "1" sent, 1 stored',
		],
		[
			"a null for a number",
			args('{"a":1}'),
			args('{"a":null}'),
			"tool_calls[0].function.arguments.a: null sent, 1 stored",
		],
		[
			"an argument less",
			args('{"a b":1}'),
			args("{}"),
			'tool_calls[0].function.arguments["a b"]: nothing sent, 1 stored',
		],
		[
			"a list's order",
			args('{"a":[1,2]}'),
			args('{"a":[2,1]}'),
			"tool_calls[0].function.arguments.a[0]: 2 sent, 1 stored",
		],
		[
			"an argument of a call without its function",
			args('{"a":1}'),
			flat("run", { a: 2 }),
			"tool_calls[0].arguments.a: 2 sent, 1 stored",
		],
		[
			"arguments that do not parse",
			args('{"a":'),
			args('{"b":'),
			'tool_calls[0].function.arguments: "{\\"b\\":" sent, "{\\"a\\":" stored',
		],
	])("%s", (_what, own, replayed, where) => {
		const known = stored(own, true);
		expect(echo.matches(known, value(replayed))).toBe(false);
		const found = echo.difference(known, value(replayed));
		expect(`${found.path}: ${valuesText(found)}`).toBe(where);
	});
});

describe("A prompt message is the same when the model sees the same", () => {
	it.each<[string, string, string]>([
		["a part", prompt("user", { content: "u" }), prompt("user", { content: [part("u")] })],
		["parts", prompt("tool", { content: "a b" }), prompt("tool", { content: [part("a"), part("b")] })],
		[
			"marks of a part",
			prompt("user", { content: [part("u", { cache_control: {} })] }),
			prompt("user", { content: [part("u")] }),
		],
		[
			"a part under another name",
			prompt("user", { content: [{ type: "input_text", text: "u" }] }),
			prompt("user", { content: "u" }),
		],
		["a call without its function", args("{}"), flat("run", null).replace('""', "null")],
		["nothing", prompt("tool", { content: "" }), prompt("tool", { content: null })],
		["no content", prompt("tool", { content: "" }), prompt("tool", {})],
		[
			"fields that are not shown",
			prompt("tool", { content: "r", tool_call_id: "a" }),
			prompt("tool", { content: "r", status: "ok" }),
		],
		["an empty field that is", prompt("user", { content: "u", name: "" }), prompt("user", { content: "u" })],
		["a call's spacing", args('{"a":1}'), args('{ "a": 1 }')],
		["a call's fields that are not shown", args("{}"), args("{}", { index: 3 })],
		["blank arguments", args(""), args("{}")],
		["a name of its reasoning", answer({ reasoning_content: "R" }), answer({ reasoning: "R" })],
	])("%s", (_what, own, replayed) => {
		expect(echo.matches(stored(own, false), value(replayed))).toBe(true);
		expect(echo.matches(stored(replayed, false), value(own))).toBe(true);
	});

	it.each<[string, string, string, string]>([
		[
			"white space at its ends",
			prompt("user", { content: "u" }),
			prompt("user", { content: "u\n" }),
			'content: "u\\n" sent, "u" stored',
		],
		[
			"a field that is shown",
			prompt("user", { content: "u", name: "a" }),
			prompt("user", { content: "u", name: "b" }),
			'name: "b" sent, "a" stored',
		],
		[
			"an assistant's key order",
			args('{"a":1,"b":2}'),
			args('{"b":2,"a":1}'),
			"tool_calls[0].function.arguments: ",
		],
		[
			"an assistant's number",
			args('{"a":1}'),
			args('{"a":1.0}'),
			"tool_calls[0].function.arguments.a: 1.0 sent, 1 stored",
		],
		[
			"the name of a call without its function",
			flat("run", "{}"),
			flat("erase", "{}"),
			'tool_calls[0].name: "erase" sent, "run" stored',
		],
		[
			"an argument of one",
			flat("run", '{"a":"one"}'),
			flat("run", '{"a":"two"}'),
			'tool_calls[0].arguments.a: "two" sent, "one" stored',
		],
		[
			"an assistant's reasoning left out",
			answer({ reasoning_content: "R" }),
			answer({}),
			'reasoning_content: nothing sent, "R" stored',
		],
		[
			"a call's id that is shown",
			args("{}"),
			call("c2", "run", "{}").replace('""', "null"),
			'tool_calls[0].id: "c2" sent, "c1" stored',
		],
		[
			"system for developer",
			prompt("system", { content: "s" }),
			prompt("developer", { content: "s" }),
			'role: "developer" sent, "system" stored',
		],
	])("but not for %s", (_what, own, replayed, where) => {
		const known = stored(own, false);
		expect(echo.matches(known, value(replayed))).toBe(false);
		const found = echo.difference(known, value(replayed));
		expect(`${found.path}: ${valuesText(found)}`).toContain(where);
	});
});

describe("The values of a difference", () => {
	it("are shortened around the place where they part, and so is a long path", () => {
		const long = "x".repeat(100_000);
		const found = echo.difference(
			stored(answer({ content: `${long}a${long}` }), true),
			value(answer({ content: `${long}b${long}` })),
		);
		expect(valuesText(found)).toMatch(/^"…x{16}bx{31}…" sent, "…x{16}ax{31}…" stored$/);
		const deep = echo.difference(stored(args(`{"${long}":1}`), true), value(args(`{"${long}":2}`)));
		expect(deep.path.length).toBeLessThan(210);
	});
});

describe("A form", () => {
	it("is made once and stays small, whatever the message's size", () => {
		const long = "x".repeat(1_000_000);
		const message = stored(args(JSON.stringify({ long })), true);
		expect(echo.matches(message, value(args(JSON.stringify({ long }))))).toBe(true);
		const { form } = message;
		expect(JSON.stringify(form).length).toBeLessThan(500);
		expect(echo.matches(message, value(args("{}")))).toBe(false);
		expect(message.form).toBe(form);
		expect(message.parsed).toBeNull();
	});
});
