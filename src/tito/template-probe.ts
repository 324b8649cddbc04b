// Whether a family's own template writes a plain conversation as the checkpoint's does. Renders two prompts, once.
import { RollpinError } from "../base/errors.js";
import { parseJson } from "../json/parse.js";
import type { JsonObject, JsonValue } from "../json/value.js";
import type { ConversationRenderer } from "./family.js";
import type { TemplateKwargs } from "./tito.js";

/** No answer in it: what families write otherwise on purpose is the reasoning of answers. */
const MESSAGES = parseJson(
	'[{"role":"system","content":"Be brief."},{"role":"user","content":"What is the weather in Graz?"}]',
) as JsonObject[];
const TOOLS = parseJson(
	'[{"type":"function","function":{"name":"weather","description":"Of a city.","parameters":{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}}}]',
) as JsonValue[];

/** False too when the checkpoint's template cannot render it. */
export function writesOtherwise(
	own: ConversationRenderer,
	checkpoints: ConversationRenderer,
	kwargs: TemplateKwargs,
): boolean {
	const input = { messages: MESSAGES, tools: TOOLS, kwargs };
	try {
		return checkpoints.prompt(input) !== own.prompt(input);
	} catch (error) {
		if (error instanceof RollpinError) return false;
		throw error;
	}
}
