// Whether an answer brings the ids of its prompt. Pure; the record has them whatever the answer.
import type { JsonValue } from "../json/value.js";
import type { ChatBody } from "./chat-body.js";

/** `--reply-prompt-ids`. */
export type ReplyPromptIds = "on" | "off" | "asked";

/**
 * Under these names clients ask for them: SGLang's (`return_prompt_token_ids` of its ChatCompletionRequest), and vLLM's
 * (`return_token_ids`, https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html).
 */
const ASKING = ["return_prompt_token_ids", "return_token_ids"] as const;

/** They grow with every turn of a history: at 100k tokens they are half of what is written to a client that looks at none. */
export function bringsPromptIds(setting: ReplyPromptIds, { field }: Pick<ChatBody, "field">): boolean {
	if (setting !== "asked") return setting === "on";
	return ASKING.some((key) => asks(field(key)));
}

/** Whatever its spelling, what is neither null nor false asks: an engine would take it so too, or refuse it. */
function asks(value: JsonValue | undefined): boolean {
	return value !== undefined && value !== null && value !== false;
}
