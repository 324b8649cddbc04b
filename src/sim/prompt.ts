// Renders a conversation into prompt ids when a request brings none, as an engine does for any chat client.
// Rollpin's own prompts never come this way: it always sends input_ids.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Template } from "@huggingface/jinja";
import { type JsonRecord, SimRefusal } from "./chat-request.js";
import type { Vocabulary } from "./vocabulary.js";

/** @throws SimRefusal 400 when `messages` cannot be rendered */
export type PromptRenderer = (fields: JsonRecord) => Promise<Int32Array>;

interface TokenizerConfig {
	chat_template?: string | Array<{ name: string; template: string }>;
	bos_token?: string | { content: string } | null;
	eos_token?: string | { content: string } | null;
}

async function readOptional(path: string): Promise<string | null> {
	try {
		return await readFile(path, "utf8");
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
		throw error;
	}
}

function templateOf(config: TokenizerConfig): string | null {
	const given = config.chat_template;
	if (!Array.isArray(given)) return given ?? null;
	return (given.find((entry) => entry.name === "default") ?? given[0])?.template ?? null;
}

function tokenText(token: string | { content: string } | null | undefined): string {
	return typeof token === "string" ? token : (token?.content ?? "");
}

/** Content null reads as "", and tool-call arguments as the value that their text spells. */
function templateMessage(message: unknown, index: number): JsonRecord {
	if (typeof message !== "object" || message === null || Array.isArray(message)) {
		throw new SimRefusal(400, `messages[${index}] must be an object`);
	}
	const fields = { ...(message as JsonRecord), content: (message as JsonRecord).content ?? "" };
	const calls = (message as JsonRecord).tool_calls;
	if (!Array.isArray(calls)) return fields;
	return { ...fields, tool_calls: calls.map((call) => templateCall(call, index)) };
}

function templateCall(call: unknown, index: number): unknown {
	const definition = (call as { function?: { arguments?: unknown } } | null)?.function;
	if (typeof definition?.arguments !== "string") return call;
	try {
		const value: unknown = JSON.parse(definition.arguments);
		return { ...(call as JsonRecord), function: { ...definition, arguments: value } };
	} catch {
		throw new SimRefusal(400, `messages[${index}]: the arguments of a tool call are not JSON`);
	}
}

/** Reads the template once: `chat_template.jinja`, else the one in `tokenizer_config.json`. */
export async function createPromptRenderer(
	checkpointDir: string,
	vocabulary: Vocabulary,
): Promise<PromptRenderer> {
	const config = JSON.parse(
		(await readOptional(join(checkpointDir, "tokenizer_config.json"))) ?? "{}",
	) as TokenizerConfig;
	const source = (await readOptional(join(checkpointDir, "chat_template.jinja"))) ?? templateOf(config);
	const template = source === null ? null : new Template(source);
	return async (fields) => {
		const messages = fields.messages;
		if (!Array.isArray(messages) || messages.length === 0) {
			throw new SimRefusal(400, "messages must be a list of at least one message, or give input_ids");
		}
		if (!template) throw new SimRefusal(400, "the checkpoint has no chat template; give input_ids");
		const tools = fields.tools;
		const context = {
			...(fields.chat_template_kwargs as JsonRecord | null | undefined),
			messages: messages.map(templateMessage),
			tools: Array.isArray(tools) && tools.length > 0 ? tools : null,
			add_generation_prompt: true,
			bos_token: tokenText(config.bos_token),
			eos_token: tokenText(config.eos_token),
		};
		return await vocabulary.encode(render(template, context));
	};
}

function render(template: Template, context: Record<string, unknown>): string {
	try {
		return template.render(context);
	} catch (error) {
		throw new SimRefusal(400, `the chat template refused the messages: ${(error as Error).message}`);
	}
}
