import { describe, expect, it } from "vitest";
import { type ClientExcerpt, clientReply } from "../../../src/wire/openai-chat/client-reply.js";

const PROMPT = [Buffer.from("7,8")];

/** Runs it on a reply in which § marks where a payload was cut out. */
function view(
	marked: string,
	field: ClientExcerpt["field"] = "routed_experts",
	promptText: readonly Buffer[] | null = PROMPT,
): string {
	const parts: ClientExcerpt[] = [];
	let text = "";
	for (const [index, piece] of marked.split("§").entries()) {
		if (index > 0) parts.push({ offset: Buffer.byteLength(text), field, bytes: PROMPT });
		text += piece;
	}
	const reply = Buffer.from(text);
	const messageStart = reply.indexOf('{"role"');
	return Buffer.concat(clientReply(reply, parts, messageStart, promptText)).toString();
}

describe("the client's view of a reply", () => {
	it.each([
		["first", '{"choices":[{"message":{"role":1},"m":{"r":"§","x":1.0}}]}', '"m":{"x":1.0}'],
		["last", '{"choices":[{"message":{"role":1},"m":{"x":1.0,"r":"§"}}]}', '"m":{"x":1.0}'],
		["alone", '{"choices":[{"message":{"role":1},"m":{"r":"§"}}]}', '"m":{}'],
		["between others", '{"choices":[{"message":{"role":1},"m":{"a":1,"r":"§","b":2}}]}', '"m":{"a":1,"b":2}'],
		["twice at the end", '{"choices":[{"message":{"role":1},"m":{"a":1,"r":"§","i":"§"}}]}', '"m":{"a":1}'],
		[
			"twice in the middle",
			'{"choices":[{"message":{"role":1},"m":{"a":1,"r":"§","i":"§","b":2}}]}',
			'"m":{"a":1,"b":2}',
		],
		["twice alone", '{"choices":[{"message":{"role":1},"m":{"r":"§","i":"§"}}]}', '"m":{}'],
		["apart", '{"choices":[{"message":{"role":1},"m":{"r":"§","a":1,"i":"§"}}]}', '"m":{"a":1}'],
		["a list", '{"choices":[{"message":{"role":1},"m":{"a":1,"r":[§],"b":2}}]}', '"m":{"a":1,"b":2}'],
		["an object", '{"choices":[{"message":{"role":1},"m":{"r":{§},"b":2}}]}', '"m":{"b":2}'],
		["null", '{"choices":[{"message":{"role":1},"m":{"a":1,"r":§null}}]}', '"m":{"a":1}'],
		["a number", '{"choices":[{"message":{"role":1},"m":{"r":§-1.5e+3,"b":2}}]}', '"m":{"b":2}'],
		[
			"of every kind",
			'{"choices":[{"message":{"role":1},"m":{"r":[§],"i":§12 ,"j":{§},"k":"§"}}]}',
			'"m":{}',
		],
		["with spaces", '{"choices":[{"message":{"role":1},"m":{ "a" : 1 , "r" : "§" }}]}', '"m":{ "a" : 1  }'],
	])("has no payload member that stood %s, and right commas", (_title, marked, expected) => {
		const text = view(marked);
		expect(text).toBe(`{"choices":[{"prompt_token_ids":[7,8],"message":{"role":1},${expected}}]}`);
	});

	it("keeps prompt ids that the engine sent, and adds none", () => {
		const marked = '{"choices":[{"prompt_token_ids":[§],"message":{"role":1}}]}';
		expect(view(marked, "prompt_token_ids")).toBe(
			'{"choices":[{"prompt_token_ids":[7,8],"message":{"role":1}}]}',
		);
	});

	it.each([
		["first", '{"choices":[{"prompt_token_ids":[§],"message":{"role":1}}]}', '"message":{"role":1}'],
		["last", '{"choices":[{"message":{"role":1}, "prompt_token_ids" : [§] }]}', '"message":{"role":1} '],
		["nowhere", '{"choices":[{"message":{"role":1}}]}', '"message":{"role":1}'],
	])("has no prompt ids where none are wanted and the engine's stood %s", (_title, marked, expected) => {
		expect(view(marked, "prompt_token_ids", null)).toBe(`{"choices":[{${expected}}]}`);
	});

	it("loses payload and prompt ids side by side with one comma", () => {
		const reply = Buffer.from(
			'{"choices":[{"message":{"role":1},"a":1,"prompt_token_ids":[],"r":"","b":2}]}',
		);
		const at = (mark: string) => reply.indexOf(mark) + mark.length;
		const excerpts = [
			{ offset: at('"prompt_token_ids":['), field: "prompt_token_ids", bytes: PROMPT },
			{ offset: at('"r":"'), field: "routed_experts", bytes: PROMPT },
		];
		const text = Buffer.concat(clientReply(reply, excerpts, reply.indexOf('{"role"'), null)).toString();
		expect(text).toBe('{"choices":[{"message":{"role":1},"a":1,"b":2}]}');
	});
});
