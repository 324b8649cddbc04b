// What every wire reads of a turn's outcome: the same of a new turn and of a repeated one, its usage when asked for.
import { expect, test } from "vitest";
import { parseJson, writeJson } from "../../src/json/parse.js";
import type { JsonObject } from "../../src/json/value.js";
import { type AnsweredOutcome, answerOf } from "../../src/wire/answer.js";

const MESSAGE = '{"role":"assistant","content":"hi"}';
const replyWith = (usage: string) => `{"choices":[{"message":${MESSAGE}}]${usage}}`;
const start = replyWith("").indexOf(MESSAGE);
const header = { finishReason: "stop", replyMessage: { start, end: start + MESSAGE.length } };

/** As much of an outcome as is read. */
function outcomes(text: string): AnsweredOutcome[] {
	const reply = Buffer.from(text);
	const message = parseJson(MESSAGE) as JsonObject;
	return [
		{ kind: "turn", header, generation: { reply, message } },
		{ kind: "repeat", header, reply },
	] as unknown as AnsweredOutcome[];
}

test.each([
	[
		"counts, spelled as they were",
		',"usage":{"prompt_tokens":12345678901234567890}',
		'{"prompt_tokens":12345678901234567890}',
	],
	["the last of two", ',"usage":{"a":1},"usage":{"a":2}', '{"a":2}'],
	["none", "", "null"],
	["null", ',"usage":null', "null"],
	["no object", ',"usage":7', "null"],
])("an answer's usage: %s", (_what, usage, expected) => {
	for (const outcome of outcomes(replyWith(usage))) {
		const answer = answerOf(outcome);
		expect([answer.finishReason, writeJson(answer.message)]).toEqual(["stop", MESSAGE]);
		expect(writeJson(answer.usage)).toBe(expected);
	}
});

test("an answer's usage is found without parsing what else the reply has, such as log probabilities", () => {
	const deep = `,"usage":{"a":1},"x":${"[".repeat(100)}${"]".repeat(100)}`;
	expect(() => parseJson(replyWith(deep))).toThrow("nesting deeper");
	for (const outcome of outcomes(replyWith(deep))) expect(writeJson(answerOf(outcome).usage)).toBe('{"a":1}');
});

test("a reply is not read for its usage before somebody asks", () => {
	for (const outcome of outcomes(`${replyWith("")}broken`)) {
		const answer = answerOf(outcome);
		expect(() => answer.usage).toThrow("text after the value");
	}
});
