// Turn by turn equals all at once: stored ids and suffixes make the prompt that rendering the whole would make.
import { join } from "node:path";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import type { JsonObject, JsonValue } from "../../src/json/value.js";
import { loadCheckpoint } from "../../src/tito/checkpoint.js";
import { QWEN3_TEMPLATE } from "../../src/tito/families/qwen3-template.js";
import { ChatTemplate } from "../../src/tito/jinja/template.js";
import { PromptRenderer } from "../../src/tito/renderer.js";
import type { Tito } from "../../src/tito/tito.js";
import { continued } from "./continued.js";
import { json, list } from "./shared.js";
import { message, TOY_DIR, toyTito } from "./toy.js";

const TOOLS = list(json('[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}]'));

/** Starts with a letter, so that no token reaches over the end of the generation prompt. */
const spoken = fc.string({ unit: "grapheme", maxLength: 20 }).map((text) => `a${text}`);
const anything = fc.string({ unit: "grapheme", maxLength: 30 });

const appended = fc.record({ role: fc.constantFrom("user", "tool", "system"), content: anything });

const called = fc.record({
	content: fc.option(spoken),
	reasoning: spoken,
	arguments: fc.option(fc.dictionary(anything, fc.oneof(anything, fc.double({ noNaN: true }), fc.boolean()))),
});

const turns = fc.array(fc.tuple(fc.array(appended, { minLength: 1, maxLength: 3 }), called), {
	minLength: 1,
	maxLength: 4,
});

function assistant(turn: {
	content: string | null;
	reasoning: string;
	arguments: object | null;
}): JsonObject {
	const made: JsonObject = new Map<string, JsonValue>([
		["role", "assistant"],
		["content", turn.content],
		["reasoning_content", turn.reasoning],
	]);
	if (turn.arguments === null) return made;
	const call = {
		id: "call_1",
		type: "function",
		function: { name: "f", arguments: JSON.stringify(turn.arguments) },
	};
	return made.set("tool_calls", json(JSON.stringify([call])));
}

describe.each([
	{ titoModel: "default", template: null, unsampled: "" },
	{ titoModel: "qwen3", template: QWEN3_TEMPLATE, unsampled: "\n" },
])("family $titoModel on the toy checkpoint", ({ titoModel, template, unsampled }) => {
	let tito: Tito;
	let plain: Tito;
	let renderer: PromptRenderer;

	beforeAll(async () => {
		plain = await toyTito({ chatTemplateFile: join(import.meta.dirname, "plain.jinja") });
		tito = await toyTito({ titoModel });
		const checkpoint = loadCheckpoint(TOY_DIR, { chatTemplateFile: null });
		const source = template ?? checkpoint.chatTemplate ?? "";
		renderer = new PromptRenderer(new ChatTemplate(source), checkpoint.specialTokens);
	});

	/** Ids an engine would sample for a message: what the template writes for it, up to its end-of-turn token. */
	async function sampled(messages: JsonObject[], generated: JsonObject, tools: JsonValue[] | undefined) {
		const kwargs = tito.effectiveKwargs(undefined);
		const before = renderer.prompt({ messages, tools, kwargs });
		const after = renderer.prompt({ messages: [...messages, generated], tools, kwargs }, false);
		expect(after.startsWith(before)).toBe(true);
		expect(after.endsWith(`<|im_end|>\n`)).toBe(true);
		const text = after.slice(before.length, after.length - unsampled.length);
		return encodeText(text);
	}

	/** Through a template that prints its one message as it is. */
	async function encodeText(text: string): Promise<Int32Array> {
		return plain.encodePrompt({ messages: [message("user", text)], tools: undefined, kwargs: new Map() });
	}

	test("stored ids and suffixes equal the whole conversation encoded at once", async () => {
		await fc.assert(
			fc.asyncProperty(turns, fc.boolean(), async (conversation, withTools) => {
				const tools = withTools ? TOOLS : undefined;
				const kwargs = tito.effectiveKwargs(undefined);
				const messages: JsonObject[] = [];
				let stored: Int32Array | null = null;
				for (const [added, reply] of conversation) {
					const fresh = added.map(({ role, content }) => message(role, content));
					const lastAssistant = messages.at(-1);
					messages.push(...fresh);
					const whole = await tito.encodePrompt({ messages, tools, kwargs });
					const prompt: Int32Array =
						stored === null || lastAssistant === undefined
							? whole
							: await continued(tito, stored, { lastAssistant, appended: fresh, tools, kwargs });
					expect([...prompt]).toEqual([...whole]);
					const generated = assistant(reply);
					stored = Int32Array.from([...prompt, ...(await sampled(messages, generated, tools))]);
					messages.push(generated);
				}
			}),
			{ numRuns: 150 },
		);
	});
});
