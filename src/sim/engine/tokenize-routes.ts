// Text and conversations to ids, and back, as the engine does it for its own prompts. No generation.
import { losslessBody, parseBody, SimRefusal } from "./chat-request.js";
import { contextLengthOf } from "./information-routes.js";
import { type Handler, json, type ServiceAnswer } from "./service-answer.js";
import type { SimState } from "./state.js";

/** `{prompt}`, a text or a list of them, or `{messages, tools, ...}`: the ids that a chat of the same fields would have. */
async function tokenize(state: SimState, body: Buffer): Promise<ServiceAnswer> {
	const request = losslessBody(body);
	const prompt = request.get("prompt") ?? null;
	const messages = request.get("messages") ?? null;
	if ((prompt === null) === (messages === null)) {
		throw new SimRefusal(400, "Exactly one of 'prompt' or 'messages' must be provided.", "Bad Request");
	}
	if (messages !== null) return answer(state, [...(await state.renderPrompt(request))]);
	if (typeof prompt === "string") return answer(state, [...(await state.model.vocabulary.encode(prompt))]);
	if (!Array.isArray(prompt) || !prompt.every((text) => typeof text === "string")) {
		throw new SimRefusal(400, "prompt must be a text or a list of texts", "Bad Request");
	}
	const lists = await Promise.all(prompt.map((text) => state.model.vocabulary.encode(text)));
	return answer(
		state,
		lists.map((ids) => [...ids]),
	);
}

function answer(state: SimState, tokens: number[] | number[][]): ServiceAnswer {
	const count = tokens.map((list) => (Array.isArray(list) ? list.length : 1));
	return json({
		tokens,
		count: Array.isArray(tokens[0]) ? count : tokens.length,
		max_model_len: contextLengthOf(state),
	});
}

function detokenize(state: SimState, body: Buffer): ServiceAnswer {
	const { fields } = parseBody(body);
	const { tokens } = fields;
	const skipSpecial = fields.skip_special_tokens !== false;
	if (isIdList(tokens)) return json({ text: state.model.vocabulary.decode(tokens, skipSpecial) });
	if (Array.isArray(tokens) && tokens.every(isIdList)) {
		return json({ text: tokens.map((ids) => state.model.vocabulary.decode(ids, skipSpecial)) });
	}
	throw new SimRefusal(400, "tokens must be a list of token ids or of such lists", "Bad Request");
}

function isIdList(value: unknown): value is number[] {
	return Array.isArray(value) && value.every((id) => Number.isInteger(id) && id >= 0);
}

export const TOKENIZE_ROUTES: ReadonlyArray<readonly [string, Handler]> = [
	["POST /tokenize", tokenize],
	["POST /v1/tokenize", tokenize],
	["POST /detokenize", detokenize],
	["POST /v1/detokenize", detokenize],
];
