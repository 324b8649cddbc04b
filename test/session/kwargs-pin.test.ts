// Which template kwargs another turn of a path may have: the first one's, in any spelling.
import { describe, expect, it } from "vitest";
import { RollpinError } from "../../src/base/errors.js";
import { kwargsText, refuseOtherKwargs } from "../../src/session/turn/kwargs-pin.js";
import { json, object } from "../tito/shared.js";

const kwargs = (text: string) => object(json(text));

describe("template kwargs of a later turn", () => {
	it.each([
		["{}", "{}"],
		['{"a":true,"b":{"c":[1]}}', '{ "b": {"c": [1]}, "a": true }'],
	])("%s may be followed by %s", (before, after) => {
		expect(() => refuseOtherKwargs(kwargsText(kwargs(before)), kwargs(after))).not.toThrow();
	});

	it("may be anything behind a turn that does not say", () => {
		expect(() => refuseOtherKwargs(undefined, kwargs('{"a":1}'))).not.toThrow();
	});

	it.each([
		['{"a":true}', '{"a":false}', "a", "a is false, but the turns before have true"],
		['{"a":true}', "{}", "a", "a is not set, but the turns before have true"],
		["{}", '{"b":null}', "b", "b is null, but the turns before have not set"],
		['{"a":1,"b":"x"}', '{"b":"y","a":1}', "b", 'b is "y", but the turns before have "x"'],
	])("%s may not be followed by %s", (before, after, name, words) => {
		const refused = () => refuseOtherKwargs(kwargsText(kwargs(before)), kwargs(after));
		expect(refused).toThrow(RollpinError);
		expect(refused).toThrow(words);
		expect(refused).toThrow(
			expect.objectContaining({ code: "invalid_request", param: `chat_template_kwargs.${name}` }),
		);
	});

	it("are told shortened", () => {
		const long = kwargs(JSON.stringify({ tools_ts_str: "x".repeat(500) }));
		expect(() => refuseOtherKwargs("{}", long)).toThrow(/tools_ts_str is "x{79}\.\.\., but/);
	});
});
