// One on-off kwarg under several names, in two layers.
import { describe, expect, test } from "vitest";
import { writeJson } from "../../src/json/parse.js";
import { familyNamed } from "../../src/tito/families/registry.js";
import { launchKwargs, requestKwargs } from "../../src/tito/kwargs.js";
import { json, object } from "./shared.js";

describe.each(["deepseekv32", "deepseekv4"])("family %s", (name) => {
	const family = familyNamed(name);
	const layered = (launch: string, request?: string) => {
		const base = launchKwargs(object(json(launch)), family);
		return writeJson(requestKwargs(base, request === undefined ? undefined : object(json(request)), family));
	};
	const on = '{"drop_thinking":false,"thinking":true}';
	const off = '{"drop_thinking":false,"thinking":false}';

	test.each([
		["{}", undefined, on],
		["{}", "{}", on],
		['{"thinking":false}', undefined, off],
		['{"enable_thinking":false}', undefined, off],
		['{"thinking_mode":"chat"}', undefined, off],
		['{"thinking_mode":"thinking"}', undefined, on],
		['{"thinking":null}', undefined, on],
		// In one layer: thinking_mode before enable_thinking before thinking.
		['{"thinking":true,"enable_thinking":false}', undefined, off],
		['{"enable_thinking":false,"thinking_mode":"thinking"}', undefined, on],
		['{"thinking_mode":"chat","enable_thinking":true,"thinking":true}', undefined, off],
		['{"thinking_mode":null,"enable_thinking":false,"thinking":true}', undefined, off],
		// A request that has any of them speaks for all.
		['{"enable_thinking":false}', '{"thinking":true}', on],
		['{"thinking_mode":"thinking"}', '{"thinking":false}', off],
		['{"thinking":true}', '{"thinking_mode":"chat"}', off],
		['{"enable_thinking":false}', '{"thinking":null}', on],
		[
			'{"enable_thinking":false}',
			'{"add_default_bos_token":true}',
			`${off.slice(0, -1)},"add_default_bos_token":true}`,
		],
		["{}", '{"drop_thinking":false,"enable_thinking":false}', off],
	])("launch %s and request %s give %s", (launch, request, expected) => {
		expect(layered(launch, request)).toBe(expected);
	});

	test.each([
		'{"thinking":"false"}',
		'{"enable_thinking":1}',
		'{"thinking_mode":"on"}',
		'{"thinking_mode":true}',
	])("%s is refused, at launch and in a request", (kwargs) => {
		expect(() => layered(kwargs)).toThrow(/--chat-template-kwargs: .* is not one of/);
		expect(() => layered("{}", kwargs)).toThrow(/^chat_template_kwargs: .* is not one of/);
	});

	test("a value that is overruled in its layer is refused all the same", () => {
		expect(() => layered("{}", '{"thinking_mode":"chat","thinking":"no"}')).toThrow(
			/is not one of true, false/,
		);
	});

	test("dropped reasoning is refused", () => {
		expect(() => layered("{}", '{"drop_thinking":true}')).toThrow(/conflicts with the value registered/);
	});
});

test("families without such a group keep every kwarg as it is", () => {
	const family = familyNamed("qwen3");
	const kwargs = launchKwargs(object(json('{"enable_thinking":false}')), family);
	expect(writeJson(requestKwargs(kwargs, object(json('{"thinking":true}')), family))).toBe(
		'{"enable_thinking":false,"clear_thinking":false,"thinking":true}',
	);
});
