// The toy checkpoint that ships with the package: its bytes, its tokens and its chat template.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Template } from "@huggingface/jinja";
import { Tokenizer } from "tokenizers";
import { expect, test } from "vitest";
import { packageRoot } from "../../src/base/package-root.js";

const DIRECTORY = join(packageRoot(), "checkpoints", "toy");
const tokenizer = Tokenizer.fromFile(join(DIRECTORY, "tokenizer.json"));
const template = new Template(readFileSync(join(DIRECTORY, "chat_template.jinja"), "utf8"));

function readJson(name: string): unknown {
	return JSON.parse(readFileSync(join(DIRECTORY, name), "utf8"));
}

async function idsOf(text: string): Promise<number[]> {
	return (await tokenizer.encode(text, null, { addSpecialTokens: false })).getIds();
}

const TOOL = {
	type: "function",
	function: { name: "calculator", description: "Works out <sums> & more", parameters: { type: "object" } },
};
const TOOL_CALL = { id: "call_1", type: "function", function: { name: "calculator", arguments: '{"x": 1}' } };
const CONVERSATION = [
	{ role: "system", content: "Be exact." },
	{
		role: "user",
		content: [
			{ type: "text", text: "1 " },
			{ type: "text", text: "+ 1?" },
		],
	},
	{ role: "assistant", content: "Let me see.", reasoning_content: "\nA sum.\n", tool_calls: [TOOL_CALL] },
	{ role: "tool", tool_call_id: "call_1", content: "2" },
	{ role: "tool", tool_call_id: "call_1", content: "two" },
	{
		role: "assistant",
		content: null,
		reasoning_content: " \n",
		tool_calls: [{ function: { name: "a", arguments: { y: [1, "é"] } } }, { name: "b" }],
	},
	{ role: "tool", tool_call_id: "call_1", content: "3" },
	{ role: "assistant", content: "2", reasoning_content: "Done." },
	{ role: "system", content: "Now be brief." },
	{ role: "user", content: "Thanks" },
];
const RENDERED = `<|im_start|>user
1 + 1?<|im_end|>
<|im_start|>assistant
<think>
A sum.
</think>

Let me see.
<tool_call>
{"name": "calculator", "arguments": {"x": 1}}
</tool_call><|im_end|>
<|im_start|>user
<tool_response>
2
</tool_response>
<tool_response>
two
</tool_response><|im_end|>
<|im_start|>assistant
<tool_call>
{"name": "a", "arguments": {"y": [1, "é"]}}
</tool_call>
<tool_call>
{"name": "b", "arguments": {}}
</tool_call><|im_end|>
<|im_start|>user
<tool_response>
3
</tool_response><|im_end|>
<|im_start|>assistant
<think>
Done.
</think>

2<|im_end|>
<|im_start|>system
Now be brief.<|im_end|>
<|im_start|>user
Thanks<|im_end|>
`;

test("the script makes exactly the files that are committed", () => {
	const directory = mkdtempSync(join(tmpdir(), "rollpin-toy-"));
	try {
		execFileSync(process.execPath, [join(packageRoot(), "scripts", "make-toy-checkpoint.js"), directory]);
		const names = readdirSync(directory).sort();
		expect(names).toEqual(["chat_template.jinja", "config.json", "tokenizer.json", "tokenizer_config.json"]);
		expect(readdirSync(DIRECTORY).sort()).toEqual(names);
		for (const name of names) {
			expect(readFileSync(join(directory, name)).equals(readFileSync(join(DIRECTORY, name))), name).toBe(
				true,
			);
		}
	} finally {
		rmSync(directory, { recursive: true, force: true });
	}
});

test.each([
	["prose", "The agent calls a tool, then it doesn't wait.  Two  spaces, a tab\tand \r\n lines\n\n\n"],
	["JSON", '{"name": "calculator", "arguments": {"expression": "12 * 7.50"}}'],
	["Chinese, accents and emoji", "你好，世界 — naïve café 👩‍🚀🚀 ½"],
	["every ASCII character", String.fromCharCode(...Array(128).keys())],
	["every token of the markup", "<|im_start|>user\n<think>\n</think>\n\n<tool_call></tool_call><|im_end|>\n"],
])("text comes back unchanged from its ids: %s", async (_, text) => {
	expect(await tokenizer.decode(await idsOf(text), false)).toBe(text);
});

test("ordinary words take far fewer ids than bytes", async () => {
	const text = "The agent will call a tool, read the tool response, and continue the session.";
	expect((await idsOf(text)).length).toBeLessThan(text.length / 3);
});

test("a line break is one id, and a run of them one id each, whatever stands around", async () => {
	const [lineBreak, ...rest] = await idsOf("\n");
	expect(rest).toEqual([]);
	for (const text of ["\n\n\n", "a\n\nb", " \n \n", "<|im_end|>\n\n.\n", "}\n\n{\n\t\n"]) {
		const found = (await idsOf(text)).filter((id) => id === lineBreak);
		expect(found.length, JSON.stringify(text)).toBe(text.split("\n").length - 1);
	}
});

test("added tokens are single ids at the end of the vocabulary, and only control tokens are skipped", async () => {
	const { vocab_size: vocabSize } = readJson("config.json") as { vocab_size: number };
	expect(tokenizer.getVocabSize(true)).toBe(vocabSize);
	const special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"];
	const markup = [
		"<think>",
		"</think>",
		"<tool_call>",
		"</tool_call>",
		"<tool_response>",
		"</tool_response>",
	];
	const names = [...special, ...markup];
	for (const [at, name] of names.entries()) {
		expect(await idsOf(name), name).toEqual([vocabSize - names.length + at]);
	}
	expect(await tokenizer.decode(await idsOf(names.join("")), true)).toBe(markup.join(""));
	expect(readJson("tokenizer_config.json")).toMatchObject({
		bos_token: null,
		eos_token: "<|im_end|>",
		pad_token: "<|endoftext|>",
	});
});

test("a conversation without tools opens with its system message", () => {
	expect(template.render({ messages: CONVERSATION, add_generation_prompt: true })).toBe(
		`<|im_start|>system\nBe exact.<|im_end|>\n${RENDERED}<|im_start|>assistant\n`,
	);
});

test("tools go into the system message, or into one of their own", () => {
	const tools = [TOOL, TOOL];
	const line =
		'{"type": "function", "function": {"name": "calculator", "description": "Works out <sums> & more", ';
	const block = `# Tools\n\nThese functions can be called, one signature per line:
<tools>
${line}"parameters": {"type": "object"}}}
${line}"parameters": {"type": "object"}}}
</tools>

To call one, answer with its name and arguments as JSON between tool_call tags:
<tool_call>
{"name": "function-name", "arguments": {"parameter": "value"}}
</tool_call><|im_end|>
`;
	expect(template.render({ messages: CONVERSATION, tools })).toBe(
		`<|im_start|>system\nBe exact.\n\n${block}${RENDERED}`,
	);
	expect(template.render({ messages: CONVERSATION.slice(1), tools })).toBe(
		`<|im_start|>system\n${block}${RENDERED}`,
	);
});

test.each([
	["with", [TOOL]],
	["without", []],
])("a longer conversation never changes its prefix, %s tools", (_, tools) => {
	const whole = template.render({ messages: CONVERSATION, tools });
	for (let length = 1; length < CONVERSATION.length; length++) {
		const messages = CONVERSATION.slice(0, length);
		// A run of tool messages is one block: it is a prefix once the run is over.
		if (messages.at(-1)?.role === "tool" && CONVERSATION[length]?.role === "tool") continue;
		expect(whole.startsWith(template.render({ messages, tools })), `${length} messages`).toBe(true);
	}
});

test("unknown roles and parts that are not text are refused", () => {
	const image = [{ type: "image_url", image_url: { url: "data:," } }];
	expect(() => template.render({ messages: [{ role: "narrator", content: "x" }] })).toThrow(
		/knows the roles/,
	);
	expect(() => template.render({ messages: [{ role: "user", content: image }] })).toThrow(/text parts only/);
});
