// DeepSeek-V4 knows no tool role: tool results and user texts beside each other make one user turn. Pure.
import type { NamedMessage } from "../messages.js";
import { requiredText, roleOf, toolCallsOf } from "./fields.js";

/** A message that stands for itself, or what a user and tools said between two other messages. */
export type Turn = { named: NamedMessage } | { parts: Part[] };

/** Result of a tool, or text of a user. */
interface Part {
	named: NamedMessage;
	text: string;
	/** The call that a result answers; null for a user's text. */
	callId: string | null;
}

/** Folds neighbouring inputs; the results among them take their places in the order in which they were called. */
export function foldInputs(messages: readonly NamedMessage[]): Turn[] {
	const turns: Turn[] = [];
	let open: Part[] = [];
	let callOrder: ReadonlyMap<string, number> = new Map();
	const close = () => {
		if (open.length > 0) turns.push({ parts: inCallOrder(open, callOrder) });
		open = [];
	};
	for (const named of messages) {
		const role = roleOf(named);
		if (role === "user") open.push({ named, text: requiredText(named, "content"), callId: null });
		else if (role === "tool") open.push(resultPart(named));
		else {
			close();
			if (role === "assistant")
				callOrder = new Map(toolCallsOf(named).flatMap(({ id }, at) => (id === "" ? [] : [[id, at]])));
			turns.push({ named });
		}
	}
	close();
	return turns;
}

function inCallOrder(parts: readonly Part[], callOrder: ReadonlyMap<string, number>): Part[] {
	const results = parts.filter(({ callId }) => callId !== null);
	const place = ({ callId }: Part) => callOrder.get(callId ?? "") ?? 0;
	results.sort((a, b) => place(a) - place(b));
	let at = 0;
	return parts.map((part) => (part.callId === null ? part : (results[at++] as Part)));
}

function resultPart(named: NamedMessage): Part {
	const callId = named.message.get("tool_call_id");
	const text = requiredText(named, "content");
	return {
		named,
		text: `<tool_result>${text}</tool_result>`,
		callId: typeof callId === "string" ? callId : "",
	};
}
