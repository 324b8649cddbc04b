// SentencePiece-like tokenizers put a mark where a text begins: a suffix encoded alone must not get one that the whole lacks.
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { JsonObject } from "../../src/json/value.js";
import { createTito } from "../../src/tito/create.js";
import type { Tito } from "../../src/tito/tito.js";
import { continued } from "./continued.js";
import { conversations, TOOLS } from "./conversations.js";
import { TOY_DIR } from "./toy.js";

const MARK = "\u2581";
const WORDS = ["user", "assistant", "system", "tool", "the", "dummy", "name", "arguments", "think", "a", "z"];

/** A unigram model over printable ASCII and some words, bytes for the rest, with the toy checkpoint's special tokens. */
function pieceTokenizer(prependScheme: "always" | "first" | "never"): string {
	const toy = JSON.parse(readFileSync(join(TOY_DIR, "tokenizer.json"), "utf8")) as {
		added_tokens: Array<Record<string, unknown> & { content: string; special: boolean }>;
	};
	const vocab: [string, number][] = [["<unk>", 0]];
	for (let byte = 0; byte < 256; byte++)
		vocab.push([`<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`, -20]);
	vocab.push([MARK, -3], ["\n", -3]);
	for (let code = 33; code < 127; code++) vocab.push([String.fromCharCode(code), -6]);
	for (const word of WORDS) vocab.push([MARK + word, -7]);
	for (const word of WORDS.filter(({ length }) => length > 1)) vocab.push([word, -8]);
	const special = toy.added_tokens.filter((token) => token.special);
	return JSON.stringify({
		version: "1.0",
		truncation: null,
		padding: null,
		added_tokens: special.map((token, at) => ({ ...token, id: vocab.length + at })),
		normalizer: null,
		pre_tokenizer: { type: "Metaspace", replacement: MARK, prepend_scheme: prependScheme, split: false },
		post_processor: null,
		decoder: { type: "Metaspace", replacement: MARK, prepend_scheme: prependScheme, split: false },
		model: { type: "Unigram", unk_id: 0, vocab, byte_fallback: true },
	});
}

/** Messages begin with text, not with a token: where a mark before a text would show. */
const BARE_TEMPLATE = `{%- for message in messages -%}
	{{- message.role + ': ' + message.content -}}
	{{- message.reasoning_content or '' -}}
	{%- for call in message.tool_calls or [] -%}
		{{- call.function.name -}}
		{{- call.function.arguments | tojson -}}
	{%- endfor -%}
	{{- '<|im_end|>' -}}
{%- endfor -%}
{{- 'assistant: ' if add_generation_prompt else '' -}}`;

const SCHEMES = (["always", "first", "never"] as const).flatMap((scheme) => [
	{ scheme, template: null, name: "tokens" },
	{ scheme, template: BARE_TEMPLATE, name: "texts" },
]);

describe.each(SCHEMES)(
	"marks put before a text: $scheme; messages begin with $name",
	({ scheme, template }) => {
		let dir = "";
		let tito: Tito;
		beforeAll(async () => {
			dir = mkdtempSync(join(tmpdir(), "rollpin-pieces-"));
			writeFileSync(join(dir, "tokenizer.json"), pieceTokenizer(scheme));
			copyFileSync(join(TOY_DIR, "tokenizer_config.json"), join(dir, "tokenizer_config.json"));
			const own = readFileSync(join(TOY_DIR, "chat_template.jinja"), "utf8");
			writeFileSync(join(dir, "chat_template.jinja"), template ?? own);
			tito = await createTito({
				checkpointDir: dir,
				chatTemplateFile: null,
				chatTemplateKwargs: new Map(),
				titoModel: "default",
			});
		});
		afterAll(() => rmSync(dir, { recursive: true }));

		it("a suffix has the ids that the whole rendering has in its place", async () => {
			const kwargs = tito.effectiveKwargs(undefined);
			const turns = conversations({ roles: tito.family.appendRoles, reasoned: true });
			await fc.assert(
				fc.asyncProperty(turns, fc.boolean(), async (conversation, withTools) => {
					const tools = withTools ? TOOLS : undefined;
					const messages: JsonObject[] = [];
					for (const { added, answer } of conversation) {
						const lastAssistant = messages.at(-1);
						const before =
							messages.length === 0 ? null : await tito.encodeConversation({ messages, tools, kwargs });
						messages.push(...added);
						const whole = await tito.encodePrompt({ messages, tools, kwargs });
						if (before !== null && lastAssistant !== undefined) {
							const next = await continued(tito, before, { lastAssistant, appended: added, tools, kwargs });
							expect([...next]).toEqual([...whole]);
						}
						messages.push(answer);
					}
				}),
				{ numRuns: 100 },
			);
		});
	},
);
