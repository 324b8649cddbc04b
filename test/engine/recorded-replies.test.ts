// Replies that a real SGLang 0.5.23 gave, read as they are: what it leaves out or adds is no fault.
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { ReplyScanner } from "../../src/engine/scan/reply-scanner.js";
import { readReply } from "../../src/engine/sglang/reply.js";
import { SGLANG_SITES } from "../../src/engine/sglang/sites.js";

interface Recorded {
	choices: Array<{
		message: Record<string, unknown>;
		finish_reason: string;
		prompt_token_ids?: number[];
		meta_info?: { prompt_tokens: number; output_token_logprobs: Array<[number, number, string]> };
	}>;
}

function recorded(name: string): { bytes: Buffer; value: Recorded } {
	const bytes = readFileSync(new URL(`../fixtures/sglang-0.5.23/${name}.json`, import.meta.url));
	return { bytes, value: JSON.parse(bytes.toString()) as Recorded };
}

function read(bytes: Buffer, ids: readonly number[]): ReturnType<typeof readReply> {
	const scanner = new ReplyScanner({ sites: SGLANG_SITES });
	scanner.push(bytes);
	return readReply(scanner.end(), {
		vocabSize: 151_936,
		inputIdsText: [Buffer.from(ids.join(","))],
		inputIdsCount: ids.length,
	});
}

it.each([
	"chat-input_ids",
	"chat-stop-string",
	"chat-top_logprobs",
	"chat-tools-ids",
	"chat-no_stop_trim",
	"moe-r3",
])("%s is read, ids, message and end", (name) => {
	const { bytes, value } = recorded(name);
	const choice = value.choices[0];
	const count = choice?.meta_info?.prompt_tokens ?? 0;
	const ids = choice?.prompt_token_ids ?? Array.from({ length: count }, (_, at) => at);
	const generation = read(bytes, ids);
	expect([...generation.completionIds]).toEqual(choice?.meta_info?.output_token_logprobs.map(([, id]) => id));
	expect([...generation.message.keys()]).toEqual(Object.keys(choice?.message ?? {}));
	expect(generation.finishReason).toBe(choice?.finish_reason);
	expect(() => read(bytes, [...ids, 1])).toThrow(/did not use our input_ids/);
});

it("a reply without meta_info, as an engine gives when something dropped our fields, is refused", () => {
	expect(() => read(recorded("chat-n2").bytes, [1])).toThrow(/meta_info is missing/);
});
