// Requests as clients send them, each odd in one way: what the table of prompts (shown-rows.json) is about. Names of rows are its keys.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "../../src/base/package-root.js";
import { familyNamed } from "../../src/tito/families/registry.js";
import { sharedCheckpoint } from "./shared.js";

export interface Row {
	messages: object[];
	/** From this message on they are appended to a session whose newest answer is the one before; all are a first prompt without it. */
	appendedFrom?: number;
	tools?: object[];
	tool_choice?: unknown;
	reasoning_effort?: string;
	continue_final_message?: boolean;
}

const user = (content: unknown) => ({ role: "user", content });
const assistant = (content: unknown, more: object = {}) => ({ role: "assistant", content, ...more });
const texts = (...words: string[]) => words.map((text) => ({ type: "text", text }));
/** Kimi's templates take a call's name from its id. */
const ID = "functions.run:0";
const calling = (args: unknown) =>
	assistant("", { tool_calls: [{ id: ID, type: "function", function: { name: "run", arguments: args } }] });
const result = (content: unknown) => ({ role: "tool", tool_call_id: ID, content });
const called = (args: unknown) => ({ messages: [user("q"), calling(args), result("done")] });
const tool = (name: string) => ({
	type: "function",
	function: { name, description: "d", parameters: { type: "object", properties: {} }, strict: false },
});

export const ROWS: Readonly<Record<string, Row>> = {
	"tool result as parts": { messages: [user("q"), calling('{"a":"x"}'), result(texts("one", "two"))] },
	"tool result as parts, appended": {
		messages: [user("q"), calling('{"a":"x"}'), result(texts("one", "two"))],
		appendedFrom: 2,
	},
	"system as parts": { messages: [{ role: "system", content: texts("one", "two") }, user("q")] },
	"developer first": { messages: [{ role: "developer", content: "Be brief." }, user("q")] },
	"developer appended": {
		messages: [user("q"), assistant("a"), { role: "developer", content: "Be brief." }, user("r")],
		appendedFrom: 2,
	},
	"function role": {
		messages: [user("q"), assistant("a"), { role: "function", name: "run", content: "done" }],
	},
	function_call: {
		messages: [user("q"), assistant(null, { function_call: { name: "run", arguments: "{}" } })],
	},
	"null content of system": { messages: [{ role: "system", content: null }, user("q")] },
	"null content of user": { messages: [user(null)] },
	"null content of assistant": { messages: [user("q"), assistant(null), user("r")] },
	"null content of tool": { messages: [user("q"), calling('{"a":"x"}'), result(null)] },
	'arguments ""': called(""),
	"arguments null": called(null),
	"arguments blank": called(" \n"),
	"thinking part of an assistant": {
		messages: [
			user("q"),
			assistant([{ type: "thinking", thinking: "hm", signature: "s" }, ...texts("a")]),
			user("r"),
		],
	},
	"reasoning by its other name": { messages: [user("q"), assistant("a", { reasoning: "hm" }), user("r")] },
	reasoning_details: {
		messages: [
			user("q"),
			assistant("a", {
				reasoning_details: [
					{ type: "reasoning.text", text: "hm" },
					{ type: "reasoning.encrypted", data: "x" },
				],
			}),
			user("r"),
		],
	},
	"input_text part": { messages: [user([{ type: "input_text", text: "one" }, ...texts("two")])] },
	"refusal part": { messages: [user("q"), assistant([{ type: "refusal", refusal: "No." }]), user("r")] },
	"tool_result part": { messages: [user([{ type: "tool_result", tool_use_id: ID, content: "done" }])] },
	"ends in an answer": { messages: [user("q"), assistant("a")] },
	"ends in the stored answer": { messages: [user("q"), assistant("a")], appendedFrom: 2 },
	continue_final_message: { messages: [user("q"), assistant("a")], continue_final_message: true },
	"tool_choice none": { messages: [user("q")], tools: [tool("run"), tool("stop")], tool_choice: "none" },
	"tool_choice named": {
		messages: [user("q")],
		tools: [tool("run"), tool("stop")],
		tool_choice: { type: "function", function: { name: "stop" } },
	},
	"reasoning_effort low": { messages: [user("q")], reasoning_effort: "low" },
	"reasoning_effort none": { messages: [user("q")], reasoning_effort: "none" },
	"half of a surrogate pair": { messages: [user("q"), assistant("a"), user("\ud83d")] },
};

/** Where the template is that a family takes from its checkpoint; the others bring theirs. */
const TEMPLATES: Readonly<Record<string, () => string>> = {
	default: () => join(packageRoot(), "checkpoints/toy/chat_template.jinja"),
	glm47: () => sharedCheckpoint("glm-4.7/chat_template.jinja"),
	glm53: () => sharedCheckpoint("glm-4.7/chat_template.glm-5.2.jinja"),
	nemotron3: () => sharedCheckpoint("nemotron-3/chat_template.jinja"),
	kimi26: () => sharedCheckpoint("kimi-k2/chat_template.jinja"),
};

/** Null for a family whose prompts are made by code, and where its template is not in the golden set. */
export function templateOf(family: string): string | null {
	const { prompts } = familyNamed(family);
	if (prompts.kind === "template") return prompts.template;
	if (prompts.kind === "encoder") return null;
	const file = TEMPLATES[family]?.();
	if (file === undefined)
		throw new Error(`no template for ${family}; say where it is in TEMPLATES of test/tito/shown-rows.ts`);
	return existsSync(file) ? readFileSync(file, "utf8") : null;
}
