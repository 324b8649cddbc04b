// The text of every message is in DeepSeek's prompts too: nothing that is written is refused, and what an encoder loses is named.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RollpinError } from "../../src/base/errors.js";
import type { JsonObject } from "../../src/json/value.js";
import { deepseekV4Encoder } from "../../src/tito/encoders/deepseek-v4.js";
import { deepseekV32Encoder } from "../../src/tito/encoders/deepseek-v32.js";
import { EncodedConversation, type PromptFormat } from "../../src/tito/encoders/format.js";
import { familyNamed } from "../../src/tito/families/registry.js";
import { conversations as agents } from "./conversations.js";
import { conversations, TOOLS } from "./deepseek-conversations.js";
import { message } from "./toy.js";

const ENCODERS = [
	{ name: "deepseekv32", encoder: deepseekV32Encoder },
	{ name: "deepseekv4", encoder: deepseekV4Encoder },
];

/** Other refusals are the formats' own. */
function refusal(render: () => unknown): { code: string; param: string | undefined } | null {
	try {
		render();
		return null;
	} catch (error) {
		if (!(error instanceof RollpinError)) throw error;
		return { code: error.code, param: error.param };
	}
}

const leftOut = (render: () => unknown) => {
	const found = refusal(render);
	return found?.code === "not_rendered" ? found.param : null;
};

describe.each(ENCODERS)("$name", ({ name, encoder }) => {
	const { appendRoles } = familyNamed(name);

	it.each([true, false])(
		"refuses no text that it writes, results in any order (thinking: %s)",
		(thinking) => {
			const kwargs: JsonObject = new Map([["thinking", thinking]]);
			fc.assert(
				fc.property(conversations(appendRoles), fc.boolean(), ({ first, steps }, withTools) => {
					const tools = withTools ? TOOLS : undefined;
					const messages = [...first];
					expect(leftOut(() => encoder.prompt({ messages, tools, kwargs }))).toBeNull();
					for (const { reply, appended } of steps) {
						expect(
							leftOut(() => encoder.suffix({ lastAssistant: reply, appended, tools, kwargs })),
						).toBeNull();
						messages.push(reply, ...appended);
						expect(leftOut(() => encoder.prompt({ messages, tools, kwargs }))).toBeNull();
					}
				}),
				{ numRuns: 200, seed: 20261128 },
			);
		},
	);

	it("refuses no text that it writes of agents that answer themselves and nest what they call with", () => {
		const kwargs: JsonObject = new Map();
		fc.assert(
			fc.property(agents({ roles: appendRoles, reasoned: false }), (turns) => {
				const messages = turns.flatMap(({ added, answer }) => [...added, answer]);
				expect(leftOut(() => encoder.prompt({ messages, tools: undefined, kwargs }))).toBeNull();
			}),
			{ numRuns: 200, seed: 20261128 },
		);
	});
});

describe("An encoder that loses a message", () => {
	/** Writes every message but those of one role. */
	const losing = (role: string): PromptFormat => ({
		toolSection: () => "",
		kwargs: new Map(),
		preamble: () => "",
		texts: (messages) =>
			messages.map(({ message: one }) => (one.get("role") === role ? "" : `[${one.get("content")}]`)),
		inWrittenOrder: (messages) => messages,
		opensReply: new Set(),
		separator: () => " ",
		oddArguments: "refuse",
	});
	const talk = [message("user", "a question of some words"), message("assistant", "an answer of some words")];

	it.each([
		["user", "messages[0].content"],
		["assistant", "messages[1].content"],
	])("of role %s has its request refused", (role, param) => {
		const encoder = new EncodedConversation(losing(role));
		const input = { messages: talk, tools: undefined, kwargs: new Map() };
		expect(refusal(() => encoder.prompt(input))).toEqual({ code: "not_rendered", param });
		expect(refusal(() => encoder.comparable(input))).toBeNull();
	});

	it("in a suffix names the appended message", () => {
		const encoder = new EncodedConversation(losing("user"));
		const input = {
			lastAssistant: talk[1] as JsonObject,
			appended: talk,
			tools: undefined,
			kwargs: new Map(),
		};
		expect(refusal(() => encoder.suffix(input))).toEqual({
			code: "not_rendered",
			param: "appended message 0.content",
		});
	});
});
