// Runs one generation: admission, composition, time, gates, aborts. Answers what was made, or null when the client left.
import { randomBytes } from "node:crypto";
import { integerField, type JsonRecord } from "./chat-request.js";
import {
	abortedAfter,
	type Composition,
	compose,
	countReasoning,
	opensReasoning,
	type ReplyMessage,
	readMessage,
	readText,
} from "./composition.js";
import type { GeneratedReply } from "./generated-reply.js";
import { Random } from "./hash.js";
import { spellLogprobs } from "./logprobs.js";
import { logprobTriples } from "./meta-info.js";
import type { PrefixCache } from "./prefix-cache.js";
import { delay, type Run } from "./scheduler.js";
import type { ScriptedAnswer } from "./script.js";
import type { SimState } from "./state.js";
import type { ToolChoice } from "./tool-calls.js";

export interface GenerationInput {
	fields: JsonRecord;
	promptIds: Int32Array;
	/** Text of the prompt ids between their brackets, if it is at hand. */
	promptIdsText: Buffer | null;
	tools: readonly ToolChoice[];
	scripted: ScriptedAnswer | null;
}

/** A fresh id for a request that brings no `rid`. */
const INSTANCE = randomBytes(8).toString("hex");
let issued = 0;
export function nextRid(): string {
	issued++;
	return INSTANCE + issued.toString(16).padStart(16, "0");
}

/** @throws SimRefusal 400 on bad fields, 503 when the queue is full */
export async function generate(
	state: SimState,
	run: Run,
	input: GenerationInput,
): Promise<GeneratedReply | null> {
	const startLength = integerField(input.fields, "routed_experts_start_len", 0) ?? 0;
	const admitted = await state.scheduler.admit(run);
	let composition: Composition = {
		ids: new Int32Array(0),
		finish: "abort",
		matched: null,
		random: new Random({ high: 0, low: 0 }),
	};
	let cachedTokens = 0;
	const cache = cacheOf(state);
	if (admitted) {
		try {
			state.counters.add("started");
			cachedTokens = Math.min(cache.match(input.promptIds), Math.max(0, input.promptIds.length - 1));
			composition = await runAdmitted(state, run, input, cachedTokens);
		} finally {
			state.scheduler.leave();
		}
	}
	if (run.stopped === "cancelled") return null;
	if (run.stopped === "aborted") state.counters.add("aborted");
	const sequence = new Int32Array(input.promptIds.length + composition.ids.length);
	sequence.set(input.promptIds);
	sequence.set(composition.ids, input.promptIds.length);
	if (admitted) {
		cache.add(sequence.subarray(0, -1));
		state.counters.add("generated");
		state.counters.add("generatedTokens", composition.ids.length);
	}
	return describe(state, run, input, { composition, sequence, startLength, cachedTokens, admitted });
}

/** The engine's one cache, or in turn those of the two engines that a splitting gateway would go to. */
function cacheOf(state: SimState): PrefixCache {
	if (!state.misbehaviours.has("splits-sessions")) return state.cache;
	state.split = !state.split;
	return state.split ? state.cache : state.otherCache;
}

async function runAdmitted(
	state: SimState,
	run: Run,
	input: GenerationInput,
	cachedTokens: number,
): Promise<Composition> {
	const { tunables } = state;
	const composition = await composeOrScript(state, input);
	const scripted = input.scripted;
	const count = composition.ids.length;
	const jitter = 1 + tunables.jitter * (2 * composition.random.fraction() - 1);
	const prefillRate = tunables.prefillTokensPerSecond;
	const decodeRate = tunables.decodeTokensPerSecond;
	const uncached = input.promptIds.length - cachedTokens;
	const waitMs = (tunables.latencyMs + (scripted?.latencyMs ?? 0)) * jitter;
	const prefillMs = (prefillRate === 0 ? 0 : (uncached / prefillRate) * 1000) * jitter;
	const decodeMs = (decodeRate === 0 ? 0 : (count / decodeRate) * 1000) * jitter;
	const startedMs = performance.now();
	if (waitMs + prefillMs + decodeMs > 0) await delay(waitMs + prefillMs + decodeMs, run.signal);
	if (run.stopped) {
		const decodedMs = performance.now() - startedMs - waitMs - prefillMs;
		const share = decodeMs > 0 ? Math.max(0, Math.min(1, decodedMs / decodeMs)) : 0;
		return abortedAfter(composition, Math.floor(count * share));
	}
	if (scripted?.gate !== undefined && scripted.gateAt !== "inside") {
		await state.gates.pass(scripted.gate, run.signal);
		if (run.stopped) return abortedAfter(composition, scripted.tokensAtGate ?? count >> 1);
	}
	if (state.scheduler.paused) {
		await state.scheduler.whileRunning(run);
		if (run.stopped) return abortedAfter(composition, count >> 1);
	}
	return composition;
}

async function composeOrScript(state: SimState, input: GenerationInput): Promise<Composition> {
	const composed = await compose(state.model, input.fields, input.promptIds, input.tools);
	const scripted = input.scripted;
	if (!scripted) return composed;
	const finish = scripted.finishReason;
	const type = finish === undefined || finish === "tool_calls" ? "stop" : finish;
	const changed = { ...composed };
	if (scripted.ids) {
		changed.ids = Int32Array.from(scripted.ids);
		changed.matched = null;
		changed.finish = "stop";
	} else if (scripted.text !== undefined) {
		const ids = await state.model.vocabulary.encode(scripted.text);
		const end = type === "stop" ? [state.model.vocabulary.endOfTurnId] : [];
		changed.ids = Int32Array.of(...ids, ...end);
		changed.finish = "stop";
		changed.matched = null;
	}
	const endOfTurn = state.model.vocabulary.endOfTurnId;
	if (changed.matched === null && changed.finish === "stop" && changed.ids.at(-1) === endOfTurn) {
		changed.matched = endOfTurn;
	}
	if (finish !== undefined) {
		if (type !== "stop" && scripted.ids === undefined && changed.ids.at(-1) === endOfTurn) {
			changed.ids = changed.ids.slice(0, -1);
		}
		changed.finish = type as Composition["finish"];
		if (type !== "stop") changed.matched = null;
	}
	return changed;
}

interface Made {
	composition: Composition;
	/** Prompt and completion. */
	sequence: Int32Array;
	startLength: number;
	cachedTokens: number;
	/** False: it was aborted in the queue. */
	admitted: boolean;
}

function describe(state: SimState, run: Run, input: GenerationInput, made: Made): GeneratedReply {
	const { fields, scripted, promptIds } = input;
	const { composition, sequence } = made;
	const { vocabulary } = state.model;
	const aborted = run.stopped === "aborted";
	const message = messageOf(state, input, composition, aborted);
	const called = composition.finish === "stop" && message.calls !== null;
	const finishReason =
		aborted || scripted?.finishReason === undefined
			? called
				? "tool_calls"
				: composition.finish
			: scripted.finishReason;
	const spelled = spellLogprobs(vocabulary, state.tunables.seed, sequence, promptIds.length);
	const given = scripted?.logprobs;
	return {
		id: run.rid,
		createdS: Math.floor(Date.now() / 1000),
		model: typeof fields.model === "string" ? fields.model : "default",
		message,
		messageJson: scripted?.message === undefined ? null : JSON.stringify(scripted.message),
		callIds: (message.calls ?? []).map(() => `call_${hexDigits(composition.random, 3)}`),
		finishReason,
		// SGLang forgets what a turn ended with when it finds a call in it.
		matched: called && finishReason === "tool_calls" ? null : composition.matched,
		neverRan: !made.admitted,
		promptTokens: promptIds.length,
		cachedTokens: made.cachedTokens,
		reasoningTokens: countReasoning(state.model, composition.ids, message),
		completionIds: composition.ids,
		logprobs: given ? spelled.map((text, at) => given[at] ?? text) : spelled,
		inputLogprobsText: inputLogprobs(state, input),
		e2eLatencyS: (performance.now() - run.arrivedMs) / 1000,
		sentAtS: Date.now() / 1000,
		weightVersion: state.weightVersion,
		returnMetaInfo: fields.return_meta_info === true,
		returnLogprobs: fields.logprobs === true,
		promptIdsText:
			fields.return_prompt_token_ids === true
				? (input.promptIdsText ?? Buffer.from(promptIds.join(",")))
				: null,
		routedExperts:
			fields.return_routed_experts === true ? state.routedExperts.make(sequence, made.startLength) : null,
		indexer:
			fields.return_indexer_topk === true
				? {
						payload: state.indexer.make(sequence, made.startLength),
						layers: state.tunables.indexerLayers,
					}
				: null,
		extraMetaInfo: new Map(
			Object.entries(scripted?.metaInfo ?? {}).map(([name, value]) => [name, JSON.stringify(value)]),
		),
	};
}

/** `input_token_logprobs` from `logprob_start_len` on, its first without a logprob; empty unless asked for. */
function inputLogprobs({ model, tunables }: SimState, { fields, promptIds }: GenerationInput): string {
	const asked = integerField(fields, "logprob_start_len", -1) ?? -1;
	if (asked < 0 || asked >= promptIds.length) return "[]";
	const spelled = spellLogprobs(model.vocabulary, tunables.seed, promptIds, asked);
	spelled[0] = "null";
	const texts = fields.return_text_in_logprobs === true ? model.vocabulary : null;
	return logprobTriples(promptIds.subarray(asked), spelled, texts);
}

/** The script's text where it stands apart from the ids, else what the ids read as. */
function messageOf(
	state: SimState,
	input: GenerationInput,
	composition: Composition,
	aborted: boolean,
): ReplyMessage {
	const text = input.scripted?.text;
	const promptOpens = opensReasoning(state.model, input.promptIds);
	if (text === undefined || input.scripted?.ids === undefined || aborted) {
		return readMessage(state.model, input.fields, composition, input.tools, promptOpens);
	}
	return readText(state.model, text, input.tools, promptOpens);
}

function hexDigits(random: Random, words: number): string {
	let text = "";
	for (let word = 0; word < words; word++) text += random.next().toString(16).padStart(8, "0");
	return text;
}
