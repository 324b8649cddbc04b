// The tokens of DeepSeek's prompts and the markup of its tool calls. Pure text.
import { jsonText } from "../../jinja/spelling.js";
import { fromJson } from "../../jinja/values.js";
import type { JsonValue } from "../../json/value.js";
import type { ToolCall } from "./fields.js";

export const BEGIN = "<｜begin▁of▁sentence｜>";
export const END = "<｜end▁of▁sentence｜>";
export const USER = "<｜User｜>";
export const ASSISTANT = "<｜Assistant｜>";
const THINK = "<think>";
export const THOUGHT = "</think>";

/** What stands before a reply: thinking begins, or is over before it began. */
export function thinkingOpener(thinking: boolean): string {
	return thinking ? THINK : THOUGHT;
}

/** One line for each parameter: strings as they are, everything else as JSON. */
function parameters(values: ReadonlyMap<string, JsonValue>): string {
	const lines = [...values].map(([name, value]) => {
		const text = typeof value === "string" ? value : jsonText(fromJson(value));
		return `<｜DSML｜parameter name="${name}" string="${typeof value === "string"}">${text}</｜DSML｜parameter>`;
	});
	return lines.join("\n");
}

/**
 * The block of tool calls after a reply's text; "" without calls. `block` is the name of its tag, `parse` makes the
 * parameters of one call.
 */
export function toolCallBlock(
	calls: readonly ToolCall[],
	block: string,
	parse: (call: ToolCall) => ReadonlyMap<string, JsonValue>,
): string {
	if (calls.length === 0) return "";
	const invocations = calls.map(
		(call) => `<｜DSML｜invoke name="${call.name}">\n${parameters(parse(call))}\n</｜DSML｜invoke>\n`,
	);
	return `\n\n<｜DSML｜${block}>\n${invocations.join("")}</｜DSML｜${block}>`;
}
