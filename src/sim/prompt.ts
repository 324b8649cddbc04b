// Renders a conversation into prompt ids when a request brings none, as an engine does for any chat client.
// Rollpin's own prompts never come this way: it always sends input_ids.
import { ConfigError, RollpinError } from "../base/errors.js";
import { parseJson } from "../json/parse.js";
import type { JsonObject, JsonValue } from "../json/value.js";
import { createTito } from "../tito/create.js";
import type { Tito } from "../tito/tito.js";
import { type JsonRecord, SimRefusal } from "./chat-request.js";

/** @throws SimRefusal 400 when `messages` cannot be rendered */
export type PromptRenderer = (fields: JsonRecord) => Promise<Int32Array>;

/** The checkpoint's own template, loaded when the first request needs it: most runs never do. */
export function createPromptRenderer(checkpointDir: string): PromptRenderer {
	let loaded: Promise<Tito> | null = null;
	return async (fields) => {
		const messages = lossless(fields.messages);
		if (!Array.isArray(messages) || messages.length === 0) {
			throw new SimRefusal(400, "messages must be a list of at least one message, or give input_ids");
		}
		const wrong = messages.findIndex((message) => !(message instanceof Map));
		if (wrong !== -1) throw new SimRefusal(400, `messages[${wrong}] must be an object`);
		const tools = lossless(fields.tools);
		const kwargs = lossless(fields.chat_template_kwargs);
		try {
			loaded ??= createTito({
				checkpointDir,
				chatTemplateFile: null,
				chatTemplateKwargs: new Map(),
				titoModel: "default",
			});
			const tito = await loaded;
			return await tito.encodePrompt({
				messages: messages as JsonObject[],
				tools: Array.isArray(tools) ? tools : undefined,
				kwargs: tito.effectiveKwargs(kwargs instanceof Map ? kwargs : undefined),
			});
		} catch (error) {
			if (!(error instanceof RollpinError || error instanceof ConfigError)) throw error;
			throw new SimRefusal(400, `the messages cannot be rendered: ${error.message}`);
		}
	};
}

function lossless(value: unknown): JsonValue {
	return parseJson(JSON.stringify(value ?? null));
}
