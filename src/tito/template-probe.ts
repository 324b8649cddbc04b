// Whether two prompt formats write plain conversations alike. Renders small conversations; keeps nothing.
import { RollpinError } from "../base/errors.js";
import { parseJson } from "../json/parse.js";
import type { JsonObject, JsonValue } from "../json/value.js";
import type { ConversationRenderer } from "./family.js";
import type { PromptInput, TemplateKwargs } from "./tito.js";

type Conversation = Pick<PromptInput, "messages" | "tools">;

const json = <T extends JsonValue>(text: string): T => parseJson(text) as T;

/** No answer in it: what families write otherwise on purpose is the reasoning of answers. */
export const QUESTION: Conversation = {
	messages: json<JsonObject[]>('[{"role":"user","content":"What is the weather in Graz?"}]'),
	tools: undefined,
};
/** The same with a system message and a tool. */
export const INSTRUCTED_QUESTION: Conversation = {
	messages: [...json<JsonObject[]>('[{"role":"system","content":"Be brief."}]'), ...QUESTION.messages],
	tools: json<JsonValue[]>(
		'[{"type":"function","function":{"name":"weather","description":"Of a city.","parameters":{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}}}]',
	),
};

/** Null when one of them cannot render it. */
export function writeAlike(
	one: Pick<ConversationRenderer, "prompt">,
	other: Pick<ConversationRenderer, "prompt">,
	conversation: Conversation,
	kwargs: TemplateKwargs,
): boolean | null {
	const texts = [one, other].map((renderer) => promptOrNull(renderer, { ...conversation, kwargs }));
	return texts.includes(null) ? null : texts[0] === texts[1];
}

/** The text of a first prompt; null when it is refused. */
export function promptOrNull(
	renderer: Pick<ConversationRenderer, "prompt">,
	input: PromptInput,
): string | null {
	try {
		return renderer.prompt(input);
	} catch (error) {
		if (error instanceof RollpinError) return null;
		throw error;
	}
}
