// One table: what each odd request becomes in every family's prompt (shown-rows.json; the requests are in shown-rows.ts).
//
// UPDATE_SHOWN=1 writes the cells that are missing, and no other: who adds a family or a row reads each written cell.
//
// How the 28 rows for the 17 families that there were on 2026-11-28 (`default` to `deepseekv4`) were checked, on that day: every row was
// read, refusals and DeepSeek's prompts cell by cell (their encoders have goldens of the published code: deepseek-golden.test.ts). The
// 320 prompts of templates among them were also made without Rollpin: the messages through the functions of SGLang 0.5.23
// (`process_content_for_template_format`, `normalize_tool_content`, with its rules for arguments, tool_choice and effort), the
// template through transformers' jinja. 288 are equal. The other 32 are two differences, both on purpose:
// - `developer` (18): SGLang hands the role to the template, and qwen3, glm47, glm53 and qwennext drop its text, kimi26 writes it outside
//   of every turn, qwen35 and later, minimax and inkling refuse it. Here it is shown as `system`.
// - text parts of system and user messages (14) in the templates that Rollpin brings, and in the toy's: these read lists inside a macro,
//   which SGLang does not see, so it would join the parts with a space. Of the models' own templates (Qwen3.5, Kimi K2) it does see
//   that they read lists, and leaves the joining to them, as here.
// Thoughts and reasoning under other names are reasoning here; SGLang was given them as `reasoning_content`.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { RollpinError } from "../../src/base/errors.js";
import { ChatTemplate } from "../../src/jinja/template.js";
import type { RequestMessages } from "../../src/session/path/request-messages.js";
import { checkAppended } from "../../src/session/place/attach.js";
import { templateInput } from "../../src/session/turn/template-input.js";
import { allFamilies } from "../../src/tito/families/registry.js";
import type { ConversationRenderer, Family } from "../../src/tito/family.js";
import { launchKwargs, requestKwargs } from "../../src/tito/kwargs.js";
import { PromptRenderer } from "../../src/tito/renderer.js";
import type { Tito } from "../../src/tito/tito.js";
import { json, list, object } from "./shared.js";
import { ROWS, type Row, templateOf } from "./shown-rows.js";

/** By row and family: a prompt, or `400 <code> <param>`. */
type Table = Record<string, Record<string, string>>;
const FILE = join(import.meta.dirname, "shown-rows.json");
const readTable = (): Table => JSON.parse(readFileSync(FILE, "utf8"));
const table = readTable();

/** What the table has for it. @throws Error where it has nothing, unless UPDATE_SHOWN=1: then that is written */
function cellOf(row: string, family: string, text: string): string {
	const cell = table[row]?.[family];
	if (cell !== undefined) return cell;
	if (process.env.UPDATE_SHOWN !== "1")
		throw new Error(
			`no cell for family ${family} in row "${row}" of test/tito/shown-rows.json; ` +
				"UPDATE_SHOWN=1 npx vitest run test/tito/shown-rows.test.ts writes the missing ones: then read each written cell",
		);
	table[row] = { ...table[row], [family]: text };
	const inOrder = Object.fromEntries(Object.keys(ROWS).map((name) => [name, table[name] ?? {}]));
	writeFileSync(FILE, `${JSON.stringify({ ...inOrder, ...table }, null, "\t")}\n`);
	console.log(`written, to be read: family ${family}, row "${row}": ${text}`);
	return text;
}

const SPECIAL = new Map([
	["eos_token", "<|im_end|>"],
	["bos_token", ""],
]);

function rendererOf(family: Family): ConversationRenderer | null {
	if (family.prompts.kind === "encoder") return family.prompts.encoder;
	const source = templateOf(family.name);
	return source === null
		? null
		: new PromptRenderer(new ChatTemplate(source), SPECIAL, 1, launchKwargs(new Map(), family));
}

function shown(family: Family, renderer: ConversationRenderer, row: Row): string {
	const body = object(json(JSON.stringify(row)));
	const messages = list(body.get("messages")).map(object);
	const tools = body.get("tools");
	try {
		const input = templateInput({
			tools: Array.isArray(tools) ? tools : undefined,
			toolChoice: body.get("tool_choice"),
			reasoningEffort: body.get("reasoning_effort"),
			reasoning: undefined,
			kwargs: undefined,
			continueFinalMessage: body.get("continue_final_message"),
			addGenerationPrompt: undefined,
		});
		const kwargs = requestKwargs(launchKwargs(new Map(), family), input.kwargs, family);
		const { appendedFrom: from } = row;
		if (from === undefined) return renderer.prompt({ messages, tools: input.tools, kwargs });
		const request = {
			count: messages.length,
			value: (at: number) => messages[at],
		} as unknown as RequestMessages;
		checkAppended(request, from, {
			family,
			shownRole: (role: string) => renderer.shownRole(role),
		} as unknown as Tito);
		const lastAssistant = object(messages[from - 1]);
		return renderer.suffix({ lastAssistant, appended: messages.slice(from), tools: input.tools, kwargs });
	} catch (error) {
		if (!(error instanceof RollpinError)) throw error;
		return `400 ${error.code} ${error.param ?? ""}`.trim();
	}
}

describe.each(allFamilies())("Family $name", (family) => {
	const renderer = rendererOf(family);
	it.skipIf(renderer === null).each(Object.entries(ROWS))("has the table's prompt: %s", (name, row) => {
		const text = shown(family, renderer as ConversationRenderer, row);
		expect(text).toBe(cellOf(name, family.name, text));
	});
});

it("The table has a cell for every row and every family, and no other", () => {
	const saved = readTable();
	const names = allFamilies().map(({ name }) => name);
	const wanted = Object.keys(ROWS).flatMap((row) => names.map((family) => `${family}: ${row}`));
	const cells = Object.entries(saved).flatMap(([row, line]) =>
		Object.keys(line).map((family) => `${family}: ${row}`),
	);
	const hint =
		"UPDATE_SHOWN=1 writes them, but for a family whose template is not here: those need the whole golden set";
	expect(
		wanted.filter((cell) => !cells.includes(cell)),
		hint,
	).toEqual([]);
	expect(cells.filter((cell) => !wanted.includes(cell))).toEqual([]);
	expect(Object.keys(saved)).toEqual(Object.keys(ROWS));
});
