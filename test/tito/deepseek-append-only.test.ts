// DeepSeek prompts only ever grow: what is stored and a suffix make the text that rendering the whole would make.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { JsonObject } from "../../src/json/value.js";
import { deepseekV4Encoder } from "../../src/tito/encoders/deepseek-v4.js";
import { deepseekV32Encoder } from "../../src/tito/encoders/deepseek-v32.js";
import { familyNamed } from "../../src/tito/families/registry.js";
import { conversations, TOOLS } from "./deepseek-conversations.js";
import { message } from "./toy.js";

describe.each([
	{ name: "deepseekv32", encoder: deepseekV32Encoder },
	{ name: "deepseekv4", encoder: deepseekV4Encoder },
])("family $name", ({ name, encoder }) => {
	const roles = familyNamed(name).appendRoles;

	test("stored text and suffix equal the whole conversation rendered at once", () => {
		fc.assert(
			fc.property(
				conversations(roles),
				fc.boolean(),
				fc.boolean(),
				({ first, steps }, thinking, withTools) => {
					const kwargs: JsonObject = new Map([["thinking", thinking]]);
					const shared = { tools: withTools ? TOOLS : undefined, kwargs };
					const messages = [...first];
					let stored = encoder.prompt({ messages, ...shared });
					for (const { reply, appended } of steps) {
						messages.push(reply);
						const answered = encoder.prompt({ messages, ...shared }, false);
						expect(answered.startsWith(stored)).toBe(true);
						expect(answered.endsWith("<｜end▁of▁sentence｜>")).toBe(true);
						messages.push(...appended);
						stored = answered + encoder.suffix({ lastAssistant: reply, appended, ...shared });
						expect(stored).toBe(encoder.prompt({ messages, ...shared }));
					}
				},
			),
			{ numRuns: 500 },
		);
	});

	test("a conversation without its generation prompt is the prompt without its last opener", () => {
		fc.assert(
			fc.property(conversations(roles), fc.boolean(), ({ first, steps }, thinking) => {
				const kwargs: JsonObject = new Map([["thinking", thinking]]);
				const messages = [...first, ...steps.flatMap(({ reply, appended }) => [reply, ...appended])];
				const closed = encoder.prompt({ messages, tools: undefined, kwargs }, false);
				const prompt = encoder.prompt({ messages, tools: undefined, kwargs });
				expect(prompt.startsWith(closed)).toBe(true);
				const opener = prompt.slice(closed.length).replace("<｜Assistant｜>", "").replace("\n\n", "");
				expect(opener).toBe(thinking ? "<think>" : "</think>");
			}),
		);
	});

	test("a message of every role that may be appended can be appended", () => {
		const calls = '[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]';
		const lastAssistant = message(`{"role":"assistant","content":"","tool_calls":${calls}}`);
		for (const role of roles) {
			const appended = [message(role, "something")];
			const text = encoder.suffix({ lastAssistant, appended, tools: undefined, kwargs: new Map() });
			expect(text).toContain("something");
		}
	});
});
