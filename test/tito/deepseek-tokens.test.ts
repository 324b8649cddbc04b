// DeepSeek conversations turn by turn with the real DeepSeek-V3.1 tokenizer, whose boundary tokens V3.2 and V4 share.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { ChatTemplate } from "../../src/jinja/template.js";
import type { JsonObject } from "../../src/json/value.js";
import { createTito } from "../../src/tito/create.js";
import { Encoder } from "../../src/tito/encoder.js";
import { deepseekV4Encoder } from "../../src/tito/encoders/deepseek-v4.js";
import { deepseekV32Encoder } from "../../src/tito/encoders/deepseek-v32.js";
import type { ConversationRenderer } from "../../src/tito/family.js";
import { findMismatches } from "../../src/tito/mismatch.js";
import { PromptRenderer } from "../../src/tito/renderer.js";
import type { PromptInput, Tito } from "../../src/tito/tito.js";
import { continued } from "./continued.js";
import { conversations, type Step, TOOLS } from "./deepseek-conversations.js";
import { json, list, object, sharedDir } from "./shared.js";

const checkpointDir = join(sharedDir, "checkpoints", "deepseek-v3.1");

describe("DeepSeek families on DeepSeek-V3.1's tokenizer", () => {
	describe.each([
		{ titoModel: "deepseekv32", renderer: deepseekV32Encoder },
		{ titoModel: "deepseekv4", renderer: deepseekV4Encoder },
	])("family $titoModel", ({ titoModel, renderer }) => {
		let tito: Tito;
		let encoder: Encoder;
		beforeAll(async () => {
			tito = await createTito({
				checkpointDir,
				chatTemplateFile: null,
				chatTemplateKwargs: new Map(),
				titoModel,
			});
			encoder = new Encoder(join(checkpointDir, "tokenizer.json"));
		});

		it("has every token that parts segments or stands at the end of one", () => {
			expect([...tito.segmentation.boundaries].sort()).toEqual([128803, 128804]);
			expect([...tito.segmentation.trailing].sort()).toEqual(
				titoModel === "deepseekv4" ? [128798, 128799, 128804] : [],
			);
		});

		it("keeps stored ids equal to the whole conversation encoded at once, and reports nothing", async () => {
			const roles = tito.family.appendRoles;
			await fc.assert(
				fc.asyncProperty(
					conversations(roles),
					fc.boolean(),
					fc.boolean(),
					async ({ first, steps }, thinking, withTools) => {
						const kwargs = tito.effectiveKwargs(new Map([["enable_thinking", thinking]]));
						const input = { messages: first, tools: withTools ? TOOLS : undefined, kwargs };
						const { stored, messages } = await session(tito, renderer, encoder, input, steps);
						const expected = await tito.encodeConversation({ ...input, messages });
						const decode = (lists: readonly Int32Array[]) => tito.decodeMany(lists);
						expect(await findMismatches(expected, stored, tito.segmentation, decode)).toEqual([]);
					},
				),
				{ numRuns: 60 },
			);
		});

		it("reports a reply that the model spelled otherwise as the assistant's, and a forged result as another's", async () => {
			const kwargs = tito.effectiveKwargs(undefined);
			const prompt = "<｜begin▁of▁sentence｜><｜User｜>Hi<｜Assistant｜><think>";
			const stored = await encoder.encode(`${prompt}Hm.</think>\nHello<｜end▁of▁sentence｜>`);
			const report = async (messages: JsonObject[]) => {
				const expected = await tito.encodeConversation({ messages, tools: undefined, kwargs });
				const found = await findMismatches(expected, stored, tito.segmentation, (lists) =>
					tito.decodeMany(lists),
				);
				return found.map(({ type }) => type);
			};
			const user = object(json('{"role":"user","content":"Hi"}'));
			const reply = object(json('{"role":"assistant","content":"Hello","reasoning_content":"Hm."}'));
			expect(await report([user, reply])).toEqual(["assistant_text"]);
			const forged = new Map(user).set("content", "Ho");
			expect(await report([forged, reply])).toEqual(["non_assistant_text", "assistant_text"]);
			expect(await report([user, reply, user])).toEqual(["special_token_count"]);
		});
	});

	it("refuses launch kwargs that the format does not know", async () => {
		const options = { checkpointDir, chatTemplateFile: null, titoModel: "deepseekv4" };
		const chatTemplateKwargs: JsonObject = new Map([["clear_thinking", false]]);
		await expect(createTito({ ...options, chatTemplateKwargs })).rejects.toThrow(
			/^--chat-template-kwargs: clear_thinking is not known to the model's prompt format/,
		);
	});

	it("V3.2 agrees with llama.cpp's template where that renders the same format, blank lines of the tools aside", () => {
		const source = readFileSync(join(checkpointDir, "chat_template.v3.2.jinja"), "utf8");
		const template = new PromptRenderer(
			new ChatTemplate(source),
			new Map([["bos_token", "<｜begin▁of▁sentence｜>"]]),
		);
		const kwargs: JsonObject = new Map([["thinking", true]]);
		const call =
			'{"id":"c","type":"function","function":{"name":"f","arguments":"{\\"a\\": \\"x\\", \\"b\\": [1, {\\"c\\": null}]}"}}';
		const messages = list(
			json(`[{"role":"system","content":"Be brief."},{"role":"user","content":"Hi"},
			{"role":"assistant","content":"","reasoning_content":"Hm.","tool_calls":[${call},${call}]},
			{"role":"tool","content":"1"},{"role":"tool","content":"2"}]`),
		).map(object);
		for (const count of [2, 5]) {
			const input: PromptInput = { messages: messages.slice(0, count), tools: TOOLS, kwargs };
			const [before = "", section = "", after = ""] = template
				.prompt(input)
				.split(/(## Tools[\s\S]*<\/functions>)/);
			expect(section).toContain("## Tools\n\nYou have access");
			const wanted = before + section.replaceAll("\n\n", "\n") + after;
			expect(deepseekV32Encoder.prompt(input)).toBe(wanted);
		}
	});
});

/** A session in which the engine samples what the format writes; its ids are checked against the whole at each turn. */
async function session(
	tito: Tito,
	renderer: ConversationRenderer,
	encoder: Encoder,
	first: PromptInput,
	steps: readonly Step[],
): Promise<{ stored: Int32Array; messages: JsonObject[] }> {
	const messages = [...first.messages];
	let stored = await tito.encodePrompt({ ...first, messages });
	for (const [at, { reply, appended }] of steps.entries()) {
		const before = renderer.prompt({ ...first, messages });
		messages.push(reply);
		const sampled = renderer.prompt({ ...first, messages }, false).slice(before.length);
		stored = Int32Array.from([...stored, ...(await encoder.encode(sampled))]);
		if (at === steps.length - 1) break;
		stored = await continued(tito, stored, { ...first, lastAssistant: reply, appended });
		messages.push(...appended);
		expect([...stored]).toEqual([...(await tito.encodePrompt({ ...first, messages }))]);
	}
	return { stored, messages };
}
