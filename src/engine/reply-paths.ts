// Which places of a chat completion hold something of ours. Pure.
import type { CutRange } from "./engine.js";

/** One open object or array on the way to the present value. */
export interface Container {
	isArray: boolean;
	/** Present key of an object. */
	key: string;
	/** Present index of an array. */
	index: number;
}

/** The field whose value comes next, when it is one that is cut out. */
export function cutField(stack: readonly Container[]): CutRange["field"] | null {
	const [root, choices, choice, meta] = stack;
	if (!inChoice(root, choices, choice)) return null;
	if (stack.length === 3) return choice?.key === "prompt_token_ids" ? "prompt_token_ids" : null;
	if (stack.length !== 4 || choice?.key !== "meta_info" || meta === undefined || meta.isArray) return null;
	return meta.key === "routed_experts" || meta.key === "indexer_topk" ? meta.key : null;
}

/** True when choice 0's `message` value comes next. */
export function isMessage(stack: readonly Container[]): boolean {
	const [root, choices, choice] = stack;
	return (
		stack.length === 3 && inChoice(root, choices, choice) && choices?.index === 0 && choice?.key === "message"
	);
}

function inChoice(root?: Container, choices?: Container, choice?: Container): boolean {
	return (
		root?.isArray === false &&
		root.key === "choices" &&
		choices?.isArray === true &&
		choice?.isArray === false
	);
}
