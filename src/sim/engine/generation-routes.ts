// The engine's generation routes: fields in, an answer out. Knows nothing of sockets.
import { chatReply, replyEnd, type Segment, toSegments } from "./chat-reply.js";
import { type JsonRecord, losslessBody, type ParsedBody, SimRefusal } from "./chat-request.js";
import { type GenerationInput, generate, nextRid } from "./generation.js";
import { metaInfoSegments } from "./meta-info.js";
import type { Run } from "./scheduler.js";
import type { ScriptedAnswer } from "./script.js";
import type { SimState } from "./state.js";
import { toolsOf } from "./tool-calls.js";

export const GENERATION_PATHS: ReadonlySet<string> = new Set([
	"/v1/chat/completions",
	"/v1/completions",
	"/generate",
]);

/** The run's id: the request's `rid`, else a fresh one. */
export function ridOf(parsed: ParsedBody): string {
	const rid = parsed.fields.rid;
	return typeof rid === "string" && rid !== "" ? rid : nextRid();
}

/**
 * The body of the answer, or null when the client left.
 * @throws SimRefusal with the engine's status on a request it cannot serve
 */
export async function answerGeneration(
	state: SimState,
	path: string,
	parsed: ParsedBody,
	run: Run,
	scripted: ScriptedAnswer | null,
): Promise<Segment[] | null> {
	refuseUnsupported(parsed.fields);
	if (path === "/v1/chat/completions") return await answerChat(state, parsed, run, scripted);
	return await answerText(state, path, parsed, run, scripted);
}

function refuseUnsupported(fields: JsonRecord): void {
	if (fields.stream === true) {
		throw new SimRefusal(400, "the simulated engine does not stream; send stream: false");
	}
	if (fields.n !== undefined && fields.n !== null && fields.n !== 1) {
		throw new SimRefusal(400, "the simulated engine samples one choice; send n: 1 or leave it out");
	}
}

function checkPrompt(state: SimState, ids: Int32Array): void {
	if (ids.length === 0) throw new SimRefusal(400, "the prompt is empty");
	const size = state.model.vocabulary.size;
	const bad = ids.findIndex((id) => id >= size);
	if (bad >= 0) {
		throw new SimRefusal(400, `input_ids[${bad}] is ${ids[bad]}, beyond the vocabulary of ${size} ids`);
	}
	const limit = state.tunables.contextLength;
	if (limit > 0 && ids.length >= limit) {
		throw new SimRefusal(
			400,
			`The input (${ids.length} tokens) is longer than the model's context length (${limit} tokens).`,
		);
	}
}

async function answerChat(
	state: SimState,
	parsed: ParsedBody,
	run: Run,
	scripted: ScriptedAnswer | null,
): Promise<Segment[] | null> {
	const { fields } = parsed;
	const promptIds = parsed.inputIds ?? (await state.renderPrompt(losslessBody(parsed.bytes)));
	checkPrompt(state, promptIds);
	const input: GenerationInput = {
		fields,
		promptIds,
		promptIdsText: parsed.inputIdsText,
		tools: fields.tool_choice === "none" ? [] : toolsOf(fields),
		scripted,
	};
	const reply = await generate(state, run, input);
	return reply && chatReply(reply, state.model.release, state.model.vocabulary);
}

/** `/generate` (SGLang's own) and `/v1/completions` (OpenAI's older one), as far as the pass-through needs them. */
async function answerText(
	state: SimState,
	path: string,
	parsed: ParsedBody,
	run: Run,
	scripted: ScriptedAnswer | null,
): Promise<Segment[] | null> {
	const native = path === "/generate";
	const sampling = parsed.fields.sampling_params;
	const fields: JsonRecord = {
		...parsed.fields,
		...(typeof sampling === "object" && sampling !== null ? (sampling as JsonRecord) : {}),
		logprobs: parsed.fields.return_logprob === true || parsed.fields.logprobs === true,
	};
	const promptIds = parsed.inputIds ?? (await promptOf(state, fields[native ? "text" : "prompt"]));
	checkPrompt(state, promptIds);
	const reply = await generate(state, run, { fields, promptIds, promptIdsText: null, tools: [], scripted });
	if (!reply) return null;
	const text = JSON.stringify(reply.message.content);
	if (native) {
		const texts = fields.return_text_in_logprobs === true ? state.model.vocabulary : null;
		const ids = reply.completionIds.join(",");
		return toSegments([
			`{"text":${text},"output_ids":[${ids}],"meta_info":`,
			...metaInfoSegments(reply, state.model.release, texts),
			"}",
		]);
	}
	return toSegments([
		`{"id":${JSON.stringify(reply.id)},"object":"text_completion","created":${reply.createdS},` +
			`"model":${JSON.stringify(reply.model)},"choices":[{"index":0,"text":${text},"logprobs":null,` +
			`"finish_reason":${JSON.stringify(reply.finishReason)},"matched_stop":${JSON.stringify(reply.matched)}}],` +
			`${replyEnd(reply, state.model.release)}}`,
	]);
}

async function promptOf(state: SimState, prompt: unknown): Promise<Int32Array> {
	if (typeof prompt === "string") return await state.model.vocabulary.encode(prompt);
	if (Array.isArray(prompt) && prompt.every((id) => Number.isInteger(id) && id >= 0)) {
		return Int32Array.from(prompt as number[]);
	}
	throw new SimRefusal(400, "the prompt must be a text or a list of token ids");
}
