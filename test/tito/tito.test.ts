import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { ConfigError, RollpinError } from "../../src/base/errors.js";
import type { JsonObject, JsonValue } from "../../src/json/value.js";
import type { Tito } from "../../src/tito/tito.js";
import { json, list } from "./shared.js";
import { message, TOY_DIR, toyTito } from "./toy.js";

const NONE: JsonObject = new Map();

function templateFile(source: string): string {
	const file = join(mkdtempSync(join(tmpdir(), "rollpin-template-")), "chat.jinja");
	writeFileSync(file, source);
	return file;
}

/** Text of a prompt rendered with a template written in the test. */
async function rendered(source: string, messages: JsonObject[], tools?: JsonValue[]): Promise<string> {
	const tito = await toyTito({ chatTemplateFile: templateFile(source) });
	return tito.decode(await tito.encodePrompt({ messages, tools, kwargs: NONE }));
}

async function refusal(promise: Promise<unknown>): Promise<RollpinError> {
	const error = await promise.then(
		() => null,
		(reason: unknown) => reason,
	);
	if (error instanceof RollpinError) return error;
	throw new Error(`expected a RollpinError, got ${String(error)}`);
}

describe("a first prompt", () => {
	let tito: Tito;

	beforeAll(async () => {
		tito = await toyTito();
	});

	test("is the rendered conversation and the generation prompt, special tokens as single ids", async () => {
		const ids = await tito.encodePrompt({
			messages: [message("user", "hi")],
			tools: undefined,
			kwargs: NONE,
		});
		expect(await tito.decode(ids)).toBe("<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n");
		expect(ids.every((id) => id >= 0 && id < tito.vocabSize)).toBe(true);
		expect(ids.filter((id) => id === ids[0])).toHaveLength(2);
	});

	test("is refused with the template's words when the template refuses", async () => {
		const error = await refusal(
			tito.encodePrompt({ messages: [message("critic", "x")], tools: undefined, kwargs: NONE }),
		);
		expect(error.code).toBe("invalid_messages");
		expect(error.message).toContain("The toy model knows the roles");
	});

	test("is refused when it holds half of a surrogate pair", async () => {
		const error = await refusal(
			tito.encodePrompt({ messages: [message("user", "\ud83d")], tools: undefined, kwargs: NONE }),
		);
		expect(error.code).toBe("invalid_messages");
		expect(error.message).toContain("surrogate");
	});

	test("names the message whose tool arguments are not JSON", async () => {
		const broken = message(
			'{"role":"assistant","content":null,"tool_calls":[{"function":{"name":"f","arguments":"{"}}]}',
		);
		const error = await refusal(
			tito.encodePrompt({ messages: [message("user", "q"), broken], tools: undefined, kwargs: NONE }),
		);
		expect(error.code).toBe("invalid_messages");
		expect(error.param).toBe("messages[1].tool_calls[0].function.arguments");
	});

	test("goes on after a sampled tool call whose arguments are not JSON, as after one whose are", async () => {
		const called = (args: string) =>
			message(
				`{"role":"assistant","content":"","tool_calls":[{"function":{"name":"f","arguments":${JSON.stringify(args)}}}]}`,
			);
		const suffix = (args: string) =>
			tito.encodeSuffix({
				lastAssistant: called(args),
				appended: [message("user", "again")],
				tools: undefined,
				kwargs: NONE,
			});
		expect(await suffix('{"a": ')).toEqual(await suffix('{"a": 1}'));
	});

	test("shows tool arguments as they were spelled: order, floats and long integers survive", async () => {
		const call = message(
			'{"role":"assistant","content":null,"tool_calls":[{"function":{"name":"f","arguments":"{\\"b\\": 1.0, \\"2\\": 12345678901234567890, \\"1\\": 1e-7}"}}]}',
		);
		const text = await tito.decode(
			await tito.encodePrompt({ messages: [call], tools: undefined, kwargs: NONE }),
		);
		expect(text).toContain('{"b": 1.0, "2": 12345678901234567890, "1": 1e-07}');
	});
});

describe("a template", () => {
	test("sees an empty string where the content of any message is null", async () => {
		const source = "{% for m in messages %}[{{ m.content }}]{% endfor %}";
		const messages = [
			message('{"role":"assistant","content":null}'),
			message('{"role":"user","content":null}'),
		];
		expect(await rendered(source, messages)).toBe("[][]");
	});

	test("sees tools in the engine's key order with defaults, unknown keys dropped and bare functions wrapped", async () => {
		const tools = list(
			json(
				'[{"function":{"parameters":{"z":1,"a":2.0},"name":"f","extra":1},"defer":true},{"name":"g","description":"d"}]',
			),
		);
		expect(await rendered("{{ tools | tojson }}", [message("user", "")], tools)).toBe(
			'[{"type": "function", "function": {"description": null, "name": "f", "parameters": {"z": 1, "a": 2.0}, "strict": false}}, ' +
				'{"type": "function", "function": {"description": "d", "name": "g", "parameters": null, "strict": false}}]',
		);
	});

	test("gets the bare functions when it fails on the full tools", async () => {
		const source = "{% for t in tools %}{{ t.name.upper() }}{% endfor %}";
		const tools = list(json('[{"type":"function","function":{"name":"f"}}]'));
		expect(await rendered(source, [message("user", "")], tools)).toBe("F");
	});

	test("sees no tools as none", async () => {
		expect(await rendered("{{ tools is none }}{{ documents is none }}", [message("user", "")], [])).toBe(
			"TrueTrue",
		);
	});

	test("sees the checkpoint's special tokens", async () => {
		expect(await rendered("{{ eos_token }}", [message("user", "")])).toBe("<|im_end|>");
	});

	test("refuses a tool without a name", async () => {
		const tools = list(json('[{"type":"function","function":{}}]'));
		const error = await refusal(rendered("{{ tools }}", [message("user", "")], tools));
		expect([error.code, error.param]).toEqual(["invalid_request", "tools[0]"]);
	});
});

describe("a suffix", () => {
	test("of nothing is the generation prompt alone", async () => {
		const tito = await toyTito();
		const ids = await tito.encodeSuffix({
			lastAssistant: message("assistant", "said"),
			appended: [],
			tools: undefined,
			kwargs: NONE,
		});
		expect(await tito.decode(ids)).toBe("<|im_start|>assistant\n");
	});

	test("keeps the ids of the stored tool calls in sight of the template", async () => {
		const source =
			"{% for m in messages %}{% if m.role == 'assistant' %}{% for c in m.tool_calls %}{{ c.id }};{% endfor %}{% else %}{% if m.role == 'tool' and m.tool_call_id != messages[1].tool_calls[0].id %}{{ raise_exception('unknown call') }}{% endif %}{{ m.content }}{% endif %}{% endfor %}";
		const tito = await toyTito({ chatTemplateFile: templateFile(source) });
		const lastAssistant = message(
			'{"role":"assistant","content":"","tool_calls":[{"id":"call_7","function":{"name":"f","arguments":"{}"}}]}',
		);
		const suffix = (id: string) =>
			tito.encodeSuffix({
				lastAssistant,
				appended: [message(`{"role":"tool","tool_call_id":"${id}","content":"42"}`)],
				tools: undefined,
				kwargs: NONE,
			});
		expect(await tito.decode(await suffix("call_7"))).toBe("42");
		expect((await refusal(suffix("call_8"))).message).toContain("unknown call");
	});

	test("is refused when the template renders earlier turns differently once messages follow", async () => {
		const tito = await toyTito({
			chatTemplateFile: templateFile("{{ messages | length }}{{ messages[-1].content }}"),
		});
		const error = await refusal(
			tito.encodeSuffix({
				lastAssistant: message("assistant", "said"),
				appended: [message("user", "q")],
				tools: undefined,
				kwargs: NONE,
			}),
		);
		expect(error.message).toContain("stored tokens cannot be kept");
	});

	test("follows the kwargs of its own turn", async () => {
		const source = "{% for m in messages %}{{ m.role }}{% endfor %}{{ mood }}";
		const tito = await toyTito({
			chatTemplateFile: templateFile(source),
			chatTemplateKwargs: new Map([["mood", "calm"]]),
		});
		const suffix = async (kwargs: JsonObject | undefined) =>
			tito.decode(
				await tito.encodeSuffix({
					lastAssistant: message("assistant", "said"),
					appended: [],
					tools: undefined,
					kwargs: tito.effectiveKwargs(kwargs),
				}),
			);
		// The mood stands after the messages, so only an unchanged rendering has nothing to add.
		expect(await suffix(undefined)).toBe("");
		expect(tito.effectiveKwargs(new Map([["mood", "wild"]])).get("mood")).toBe("wild");
	});
});

describe("settings", () => {
	test.each([
		[
			"a directory that is not there",
			{ checkpointDir: "/nowhere" },
			/--checkpoint \/nowhere is not a directory/,
		],
		["a directory without a tokenizer", { checkpointDir: tmpdir() }, /--checkpoint .* has no tokenizer.json/],
		[
			"a template that is not there",
			{ chatTemplateFile: "/no.jinja" },
			/--chat-template \/no.jinja is not a file/,
		],
		[
			"an unknown family",
			{ titoModel: "gpt" },
			/--tito-model gpt is not known; choose one of default, qwen3/,
		],
		[
			"a template beside a family that brings its own",
			{ titoModel: "qwen3", chatTemplateFile: join(TOY_DIR, "chat_template.jinja") },
			/--chat-template cannot be used with --tito-model qwen3/,
		],
		[
			"a launch kwarg against a pin",
			{ titoModel: "qwen3", chatTemplateKwargs: new Map([["clear_thinking", true]]) },
			/conflicts with the value registered/,
		],
		[
			"a launch kwarg that comes with each request",
			{ chatTemplateKwargs: new Map([["messages", null]]) },
			/may not set messages/,
		],
		[
			"a launch kwarg that a request has a field for",
			{ chatTemplateKwargs: new Map([["continue_final_message", true]]) },
			/may not set continue_final_message/,
		],
	])("%s is a one-line ConfigError", async (_, options, expected) => {
		const error = await toyTito(options).catch((reason: unknown) => reason);
		expect(error).toBeInstanceOf(ConfigError);
		expect((error as ConfigError).message).toMatch(expected);
		expect((error as ConfigError).message).not.toContain("\n");
	});

	test("a template that does not parse is a ConfigError", async () => {
		await expect(toyTito({ chatTemplateFile: templateFile("{% if %}") })).rejects.toThrow(ConfigError);
	});

	test("a request's kwargs win over launch, and may repeat a pin but not contradict it", async () => {
		const tito = await toyTito({ titoModel: "qwen3", chatTemplateKwargs: new Map([["a", "launch"]]) });
		const agreed = new Map<string, JsonValue>([
			["a", "request"],
			["clear_thinking", false],
		]);
		expect([...tito.effectiveKwargs(agreed)]).toEqual([
			["a", "request"],
			["clear_thinking", false],
		]);
		expect(() => tito.effectiveKwargs(new Map([["clear_thinking", true]]))).toThrow(
			/conflicts with the value registered/,
		);
		expect(() => tito.effectiveKwargs(new Map([["tools", null]]))).toThrow(RollpinError);
	});
});

test("qwen3 puts the newline that the template writes after a sampled <|im_end|>, and nothing else", async () => {
	const tito = await toyTito({ titoModel: "qwen3" });
	const ids = await tito.encodePrompt({ messages: [message("user", "hi")], tools: undefined, kwargs: NONE });
	const end = ids.find((_, at) => at > 0 && ids[at + 2] === ids[0]) ?? -1;
	const { trimCount, insert } = tito.joinBoundary(end);
	expect(trimCount).toBe(0);
	expect(await tito.decode(Int32Array.from([end, ...insert]))).toBe("<|im_end|>\n");
	expect(tito.joinBoundary(ids[0])).toEqual({ trimCount: 0, insert: [] });
	expect(tito.joinBoundary(undefined)).toEqual({ trimCount: 0, insert: [] });
});
