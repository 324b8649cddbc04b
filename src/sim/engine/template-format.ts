// Whether a chat template reads contents as lists of parts, found as SGLang finds it: by what its loops iterate over. Pure.
import type { Node } from "../../jinja/ast.js";
import { parseTemplate } from "../../jinja/parse.js";
import type { ContentFormat } from "./engine-messages.js";

const MEDIA_WORDS = ["image", "audio", "video", "vision"];
/** Names that templates give the message of a loop. */
const MESSAGE_NAMES = ["message", "msg", "m"];

/** "openai" for a template that speaks of media or loops over a message's content, else "string". */
export function contentFormat(template: string): ContentFormat {
	if (MEDIA_WORDS.some((word) => template.includes(word))) return "openai";
	return parseTemplate(template).some(loopsOverContent) ? "openai" : "string";
}

function loopsOverContent(value: unknown): boolean {
	if (Array.isArray(value)) return value.some(loopsOverContent);
	if (typeof value !== "object" || value === null) return false;
	const node = value as Node;
	if (node.type === "For" && isContent(node.iterable)) return true;
	return Object.values(node).some(loopsOverContent);
}

/** `message.content`, `message['content']`, and these with filters, tests and slices. */
function isContent(node: Node): boolean {
	switch (node.type) {
		case "FilterExpression":
		case "TestExpression":
			return isContent(node.operand);
		case "SelectExpression":
			return isContent(node.lhs);
		case "MemberExpression": {
			if (node.property.type === "SliceExpression") return isContent(node.object);
			const { object, property } = node;
			const named = property.type === (node.computed ? "StringLiteral" : "Identifier");
			return (
				object.type === "Identifier" &&
				MESSAGE_NAMES.includes(object.value) &&
				named &&
				(property as { value: string }).value === "content"
			);
		}
		default:
			return false;
	}
}
