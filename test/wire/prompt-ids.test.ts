// Which requests ask for the ids of their prompt.
import { expect, it } from "vitest";
import { parseJson } from "../../src/json/parse.js";
import type { JsonObject } from "../../src/json/value.js";
import { bringsPromptIds, type ReplyPromptIds } from "../../src/wire/prompt-ids.js";

const wanted = (setting: ReplyPromptIds, body: string) => {
	const fields = parseJson(body) as JsonObject;
	return bringsPromptIds(setting, { field: (key) => fields.get(key) });
};

it.each([
	["{}", false],
	['{"return_prompt_token_ids":true}', true],
	['{"return_prompt_token_ids":1}', true],
	['{"return_prompt_token_ids":false}', false],
	['{"return_prompt_token_ids":null}', false],
	['{"return_token_ids":true}', true],
	['{"return_prompt_token_ids":false,"return_token_ids":true}', true],
])("asked: with %s it is %s", (body, expected) => {
	expect(wanted("asked", body)).toBe(expected);
});

it("on and off are that, whatever is asked", () => {
	expect(wanted("on", '{"return_prompt_token_ids":false}')).toBe(true);
	expect(wanted("off", '{"return_prompt_token_ids":true}')).toBe(false);
});
