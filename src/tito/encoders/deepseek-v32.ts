// DeepSeek-V3.2's prompts, which its makers publish as code and not as a template. Pure text.
import type { JsonObject } from "../../json/value.js";
import type { NamedMessage } from "../messages.js";
import { toolSectionV32 } from "./deepseek-v32-tools.js";
import { ASSISTANT, END, THOUGHT, thinkingOpener, toolCallBlock, USER } from "./dsml.js";
import {
	optionalText,
	refused,
	requiredText,
	roleOf,
	type ToolCall,
	toolCallsOf,
	unknownRole,
} from "./fields.js";
import { EncodedConversation, type PromptFormat, type TurnOptions } from "./format.js";

/**
 * The format of deepseek-ai/DeepSeek-V3.2, encoding/encoding_dsv32.py, with two differences. With `drop_thinking` off
 * the published code still leaves reasoning out before the last user message; here it stays everywhere, so that a
 * prompt only ever grows. And a reply with neither reasoning nor calls after the last user message has an empty
 * reasoning, where the published code gives up.
 */
const FORMAT: PromptFormat = {
	toolSection: toolSectionV32,
	// The engine accepts it, and uses of it only whether to think.
	kwargs: new Map([["reasoning_effort", [null, "none", "minimal", "low", "medium", "high", "xhigh", "max"]]]),
	preamble: () => "",
	texts: (messages, options, tools) =>
		messages.map((named, at) => text(named, at, messages, options) + (at === 0 ? tools : "")),
	inWrittenOrder: (messages) => messages,
	opensReply: new Set(["user", "developer", "tool"]),
	separator: () => " ",
	oddArguments: "refuse",
};

export const deepseekV32Encoder = new EncodedConversation(FORMAT);

function text(
	named: NamedMessage,
	at: number,
	messages: readonly NamedMessage[],
	options: TurnOptions,
): string {
	const role = roleOf(named);
	const opener = at < messages.length - 1 || options.addGenerationPrompt;
	const thinking = thinkingOpener(options.thinking);
	switch (role) {
		case "system":
			return optionalText(named, "content");
		case "user":
			return USER + requiredText(named, "content") + (opener ? ASSISTANT + thinking : "");
		case "developer":
			return USER + developerText(named) + (opener ? ASSISTANT + thinking : "");
		case "assistant":
			return reply(named, options.thinking);
		case "tool": {
			const { order, of } = resultPlace(at, messages);
			const start = order === 1 ? "\n\n<function_results>" : "";
			const result = `${start}\n<result>${requiredText(named, "content")}</result>`;
			if (order < of) return result;
			return `${result}\n</function_results>${opener ? `\n\n${thinking}` : ""}`;
		}
		default:
			throw unknownRole(named, role, "DeepSeek-V3.2");
	}
}

function developerText(named: NamedMessage): string {
	const content = requiredText(named, "content");
	if (content === "") throw refused(`${named.where}.content`, "is empty", "leave the message out");
	return `\n\n# The user's message is: ${content}`;
}

function reply(named: NamedMessage, thinking: boolean): string {
	const reasoning = optionalText(named, "reasoning_content");
	const calls = toolCallBlock(toolCallsOf(named), "function_calls", parsedArguments);
	return (thinking ? reasoning + THOUGHT : "") + optionalText(named, "content") + calls + END;
}

/** Which of its reply's results a tool message is, from 1, and how many calls the reply made. */
function resultPlace(at: number, messages: readonly NamedMessage[]): { order: number; of: number } {
	let before = at - 1;
	while (messages[before]?.message.get("role") === "tool") before--;
	const answered = messages[before];
	const { where } = messages[at] as NamedMessage;
	if (answered?.message.get("role") !== "assistant")
		throw refused(where, "is a tool result with no reply before it", "send it after the reply that called");
	const calls = answered.message.get("tool_calls");
	const of = Array.isArray(calls) ? calls.length : 0;
	const order = at - before;
	if (order <= of) return { order, of };
	throw refused(where, "is a tool result that no call asked for", "send one result for each tool call");
}

function parsedArguments({ arguments: given, where }: ToolCall): JsonObject {
	if (given instanceof Map) return given;
	throw refused(where, "is not a JSON object", "send the parameters by name");
}
