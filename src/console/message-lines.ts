// One chat message as labelled texts, whatever shape it has: it was written by a client or a model. Pure; escapes nothing.

export interface Labelled {
	/** The message's role on its first text, empty on the others. */
	label: string;
	text: string;
}

/** @param message of OpenAI's shape, or of any other */
export function messageLines(message: unknown): Labelled[] {
	if (!isObject(message)) return [{ label: "?", text: jsonOf(message) }];
	const texts: string[] = [];
	const reasoning = message["reasoning_content"] ?? message["reasoning"];
	if (reasoning !== undefined && reasoning !== null && reasoning !== "")
		texts.push(`(thinks) ${textOf(reasoning)}`);
	const content = message["content"];
	if (content !== undefined && content !== null && content !== "") texts.push(textOf(content));
	const calls = message["tool_calls"];
	if (Array.isArray(calls)) for (const call of calls) texts.push(callText(call));
	if (texts.length === 0) texts.push("(nothing)");
	const label = typeof message["role"] === "string" ? message["role"] : "?";
	return texts.map((text, at) => ({ label: at === 0 ? label : "", text }));
}

/** A string as it is; of parts those that are text, and the kinds of the others. */
function textOf(content: unknown): string {
	if (typeof content === "string") return content;
	if (!Array.isArray(content)) return jsonOf(content);
	return content
		.map((part) => {
			if (typeof part === "string") return part;
			if (!isObject(part)) return jsonOf(part);
			return typeof part["text"] === "string" ? part["text"] : `[${String(part["type"] ?? "part")}]`;
		})
		.join("");
}

function callText(call: unknown): string {
	const called = isObject(call) ? (isObject(call["function"]) ? call["function"] : call) : null;
	if (called === null || typeof called["name"] !== "string") return `(calls) ${jsonOf(call)}`;
	const given = called["arguments"];
	return `(calls) ${called["name"]} ${typeof given === "string" ? given : jsonOf(given)}`;
}

function isObject(value: unknown): value is Record<string, unknown> {
	return typeof value === "object" && value !== null && !Array.isArray(value);
}

function jsonOf(value: unknown): string {
	return JSON.stringify(value) ?? "";
}
