// DeepSeek-V4 knows no tool role: tool results and user texts beside each other make one user turn. Pure.
import { type Placed, requiredText, roleOf, toolCallsOf } from "./fields.js";

/** A message that stands for itself, or what a user and tools said between two other messages. */
export type Turn = { placed: Placed } | { parts: Part[] };

/** Result of a tool, or text of a user. */
interface Part {
	placed: Placed;
	text: string;
	/** The call that a result answers; null for a user's text. */
	callId: string | null;
}

/** Folds neighbouring inputs; the results among them take their places in the order in which they were called. */
export function foldInputs(messages: readonly Placed[]): Turn[] {
	const turns: Turn[] = [];
	let open: Part[] = [];
	let callOrder: ReadonlyMap<string, number> = new Map();
	const close = () => {
		if (open.length > 0) turns.push({ parts: inCallOrder(open, callOrder) });
		open = [];
	};
	for (const placed of messages) {
		const role = roleOf(placed);
		if (role === "user") open.push({ placed, text: requiredText(placed, "content"), callId: null });
		else if (role === "tool") open.push(resultPart(placed));
		else {
			close();
			if (role === "assistant")
				callOrder = new Map(toolCallsOf(placed).flatMap(({ id }, at) => (id === "" ? [] : [[id, at]])));
			turns.push({ placed });
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

function resultPart(placed: Placed): Part {
	const callId = placed.message.get("tool_call_id");
	const text = requiredText(placed, "content");
	return {
		placed,
		text: `<tool_result>${text}</tool_result>`,
		callId: typeof callId === "string" ? callId : "",
	};
}
