// DeepSeek-V4's prompts, which its makers publish as code and not as a template. Pure text.
import type { JsonObject, JsonValue } from "../../json/value.js";
import type { NamedMessage } from "../messages.js";
import { HIGHEST_EFFORT_V4, toolSectionV4 } from "./deepseek-v4-tools.js";
import { foldInputs, type Turn } from "./deepseek-v4-turns.js";
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
 * The format of deepseek-ai/DeepSeek-V4-Pro, encoding/encoding_dsv4.py, with `drop_thinking` off. One difference: the
 * published code orders tool results after a reply without calls by the calls of an earlier one; here they keep
 * their order, since a suffix may not depend on history.
 */
const FORMAT: PromptFormat = {
	toolSection: toolSectionV4,
	kwargs: new Map<string, JsonValue[]>([["reasoning_effort", ["max", "high", "none", null]]]),
	preamble: (kwargs, thinking) =>
		thinking && kwargs.get("reasoning_effort") === "max" ? HIGHEST_EFFORT_V4 : "",
	texts(messages, options, tools) {
		const turns = foldInputs(messages);
		return turns.map((turn, at) => text(turn, turns[at + 1], options) + (at === 0 ? tools : ""));
	},
	inWrittenOrder: (messages) =>
		foldInputs(messages).flatMap((turn) =>
			"parts" in turn ? turn.parts.map(({ named }) => named) : turn.named,
		),
	opensReply: new Set(["user", "developer", "tool"]),
	separator: (role) => (role === "tool" ? "\n\n" : " "),
	oddArguments: "text",
};

export const deepseekV4Encoder = new EncodedConversation(FORMAT);

/** Roles that follow upon a user's turn as a reply does. */
const REPLIES = new Set(["assistant", "latest_reminder"]);

function text(turn: Turn, next: Turn | undefined, { thinking, addGenerationPrompt }: TurnOptions): string {
	const answered =
		next === undefined ? addGenerationPrompt : "named" in next && REPLIES.has(roleOf(next.named));
	const opener = answered ? ASSISTANT + thinkingOpener(thinking) : "";
	if ("parts" in turn) return USER + turn.parts.map((part) => part.text).join("\n\n") + opener;
	const { named } = turn;
	const role = roleOf(named);
	switch (role) {
		case "system":
			return optionalText(named, "content");
		case "developer": {
			const content = requiredText(named, "content");
			if (content === "") throw refused(`${named.where}.content`, "is empty", "leave the message out");
			return USER + content + opener;
		}
		case "latest_reminder":
			return `<｜latest_reminder｜>${requiredText(named, "content")}`;
		case "assistant":
			return reply(named, thinking);
		default:
			throw unknownRole(named, role, "DeepSeek-V4");
	}
}

function reply(named: NamedMessage, thinking: boolean): string {
	const reasoning = optionalText(named, "reasoning_content");
	const calls = toolCallBlock(toolCallsOf(named), "tool_calls", parsedArguments);
	return (thinking ? reasoning + THOUGHT : "") + optionalText(named, "content") + calls + END;
}

/** Text that is not JSON becomes one parameter as it is: the format's own way with what a model may sample. */
function parsedArguments({ arguments: given, where }: ToolCall): JsonObject {
	if (typeof given === "string") return new Map([["arguments", given]]);
	if (given instanceof Map) return given;
	throw refused(where, "is not a JSON object", "send the parameters by name");
}
