// Composes what the model says to one prompt: the ids, why they end, and the message they read as. Pure but for encoding.
import { integerField, type JsonRecord, numberField, stopStrings } from "./chat-request.js";
import type { EngineRelease } from "./engine-release.js";
import { hashIds, hashText, Random } from "./hash.js";
import type { LanguageModel } from "./language-model.js";
import type { SimTunables } from "./options.js";
import { chooseTool, readToolCalls, type ToolCall, type ToolChoice, toolMarkup } from "./tool-calls.js";
import type { Vocabulary } from "./vocabulary.js";

type FinishType = "stop" | "length" | "abort";

export interface Composition {
	/** Everything sampled, the end-of-turn id included. */
	ids: Int32Array;
	finish: FinishType;
	/** The stop id or stop string that ended it. */
	matched: number | string | null;
	/** For logprobs and call ids; a stream of its own. */
	random: Random;
}

export interface ReplyMessage {
	content: string;
	reasoning: string | null;
	/** Null where the message has none. */
	calls: ToolCall[] | null;
}

export interface Model {
	vocabulary: Vocabulary;
	language: LanguageModel;
	tunables: SimTunables;
	release: EngineRelease;
}

const THINK_OPEN = "<think>";
const THINK_CLOSE = "</think>";

/** A reply's limit: what the request allows, what the model's context leaves. */
function maxTokensOf(fields: JsonRecord, promptTokens: number, tunables: SimTunables): number {
	const asked =
		integerField(fields, "max_completion_tokens", 0) ??
		integerField(fields, "max_tokens", 0) ??
		integerField(fields, "max_new_tokens", 0) ??
		tunables.defaultMaxTokens;
	if (tunables.contextLength === 0) return asked;
	return Math.max(0, Math.min(asked, tunables.contextLength - promptTokens));
}

/** Greedy replies depend on the prompt alone; others on the request's seed and temperature too. */
function randomFor(fields: JsonRecord, promptIds: Int32Array, tunables: SimTunables): Random {
	const temperature = numberField(fields, "temperature", 0) ?? 1;
	const seed = temperature === 0 ? undefined : integerField(fields, "seed", Number.MIN_SAFE_INTEGER);
	const stream = temperature === 0 ? 0 : hashText(`${temperature} ${seed ?? ""}`);
	return new Random(hashIds(tunables.seed, promptIds), stream);
}

/**
 * What the model answers to `promptIds`: the same for the same seed, ids and sampling fields.
 * @throws SimRefusal 400 on a sampling field of a wrong type
 */
export async function compose(
	model: Model,
	fields: JsonRecord,
	promptIds: Int32Array,
	tools: readonly ToolChoice[],
): Promise<Composition> {
	const { tunables, vocabulary } = model;
	const random = randomFor(fields, promptIds, tunables);
	const limit = maxTokensOf(fields, promptIds.length, tunables);
	const ignoreEos = fields.ignore_eos === true;
	const spread = tunables.replyTokensMax - tunables.replyTokensMin + 1;
	const drawn = tunables.replyTokensMin + random.below(spread);
	const wanted = ignoreEos ? limit : Math.max(drawn, integerField(fields, "min_tokens", 0) ?? 0);
	const opening = tunables.reasoning ? await reasoningOpening(model, promptIds, random) : null;
	// A call ends the turn, so a reply that may not end is plain text.
	const tool = ignoreEos ? null : chooseTool(fields, tools, tunables.toolCallEvery, random);
	const parts: Int32Array[] = opening ? [opening] : [];
	const bodyTokens = Math.max(0, Math.min(limit, ignoreEos ? wanted : wanted - 1));
	if (tool) {
		const lead = random.below(2) === 0 ? "" : `I will call ${tool.name}.\n`;
		parts.push(await vocabulary.encode(lead + toolMarkup(tool, random, tunables.respellOneIn)));
	} else {
		parts.push(model.language.sample(random, bodyTokens));
	}
	if (!ignoreEos) parts.push(Int32Array.of(vocabulary.endOfTurnId));
	const ids = parts.length === 1 ? (parts[0] as Int32Array) : concatenate(parts);
	const ended = limitTo(ids, limit, vocabulary.endOfTurnId);
	return { ...applyStops(vocabulary, fields, ended), random };
}

type Ended = Omit<Composition, "random">;

function limitTo(ids: Int32Array, limit: number, endOfTurnId: number): Ended {
	const cut = ids.length > limit ? ids.slice(0, limit) : ids;
	if (cut.length > 0 && cut[cut.length - 1] === endOfTurnId) {
		return { ids: cut, finish: "stop", matched: endOfTurnId };
	}
	return { ids: cut, finish: "length", matched: null };
}

/** Ends at the first stop id or the first completed stop string, whichever comes with fewer ids. */
function applyStops(vocabulary: Vocabulary, fields: JsonRecord, ended: Ended): Ended {
	let best = ended;
	const stopIds = fields.stop_token_ids;
	if (Array.isArray(stopIds)) {
		const at = ended.ids.findIndex((id) => stopIds.includes(id));
		if (at >= 0) best = { ids: ended.ids.slice(0, at + 1), finish: "stop", matched: ended.ids[at] as number };
	}
	const stops = stopStrings(fields);
	if (stops.length === 0) return best;
	const text = vocabulary.decode(ended.ids);
	for (const stop of stops) {
		const at = text.indexOf(stop);
		if (at < 0) continue;
		const count = idsCovering(vocabulary, ended.ids, Buffer.byteLength(text.slice(0, at + stop.length)));
		if (count < best.ids.length) best = { ids: ended.ids.slice(0, count), finish: "stop", matched: stop };
	}
	return best;
}

function idsCovering(vocabulary: Vocabulary, ids: Int32Array, byteCount: number): number {
	let bytes = 0;
	let count = 0;
	while (bytes < byteCount && count < ids.length) bytes += vocabulary.bytesOf(ids[count++] as number).length;
	return count;
}

function concatenate(parts: readonly Int32Array[]): Int32Array {
	const all = new Int32Array(parts.reduce((sum, part) => sum + part.length, 0));
	let at = 0;
	for (const part of parts) {
		all.set(part, at);
		at += part.length;
	}
	return all;
}

/** A think block, unless the prompt has already closed one; without its opening where the prompt opened it. */
async function reasoningOpening(
	model: Model,
	promptIds: Int32Array,
	random: Random,
): Promise<Int32Array | null> {
	const tail = tailOf(model, promptIds);
	if (tail.endsWith(THINK_CLOSE)) return null;
	const open = tail.endsWith(THINK_OPEN)
		? new Int32Array(0)
		: await model.vocabulary.encode(`${THINK_OPEN}\n`);
	const thought = model.language.sample(random, 4 + random.below(12));
	return concatenate([open, thought, await model.vocabulary.encode(`\n${THINK_CLOSE}\n\n`)]);
}

/** The end of a prompt, long enough for a think marker and the white space after it. */
function tailOf(model: Model, promptIds: Int32Array): string {
	return model.vocabulary.decode(promptIds.subarray(-4)).trimEnd();
}

/** The same composition cut off after `count` ids by an abort. */
export function abortedAfter(composition: Composition, count: number): Composition {
	return { ...composition, ids: composition.ids.slice(0, count), finish: "abort", matched: null };
}

/**
 * What the ids read as: stop text or stop id trimmed as the engine does (kept with `no_stop_trim`), special tokens
 * skipped unless `skip_special_tokens` is false, reasoning and tool calls separated.
 * @param promptOpens the prompt ends in an open think block, so the ids begin inside it
 */
export function readMessage(
	model: Model,
	fields: JsonRecord,
	composition: Composition,
	tools: readonly ToolChoice[],
	promptOpens: boolean,
): ReplyMessage {
	const { vocabulary } = model;
	const keep = fields.no_stop_trim === true;
	let ids = composition.ids;
	if (typeof composition.matched === "number" && !keep) ids = ids.subarray(0, -1);
	let text = vocabulary.decode(ids, fields.skip_special_tokens !== false);
	if (typeof composition.matched === "string" && !keep) {
		const at = text.indexOf(composition.matched);
		if (at >= 0) text = text.slice(0, at);
	}
	return readText(model, text, tools, promptOpens);
}

/** Reasoning and tool calls of a text, separated as SGLang's qwen3 and qwen25 parsers do: white space stays. */
export function readText(
	{ tunables, release }: Model,
	text: string,
	tools: readonly ToolChoice[],
	promptOpens: boolean,
): ReplyMessage {
	let reasoning: string | null = null;
	let rest = text;
	if (tunables.reasoning && (promptOpens || text.includes(THINK_OPEN))) {
		const thought = text.startsWith(THINK_OPEN) ? text.slice(THINK_OPEN.length) : text;
		const close = thought.indexOf(THINK_CLOSE);
		// Cut off before its end, everything was reasoning.
		reasoning = close < 0 ? thought : thought.slice(0, close);
		rest = close < 0 ? "" : thought.slice(close + THINK_CLOSE.length);
		if (reasoning === "") reasoning = null;
	}
	if (tools.length === 0) return { content: rest, reasoning, calls: null };
	const { content, calls } = readToolCalls(rest, tools, release);
	return { content, reasoning, calls };
}

/** Whether a prompt ends inside an open think block. */
export function opensReasoning(model: Model, promptIds: Int32Array): boolean {
	return model.tunables.reasoning && tailOf(model, promptIds).endsWith(THINK_OPEN);
}

/** Sampled ids up to the end of the reasoning; all of them where it has no end, none without reasoning. */
export function countReasoning(model: Model, ids: Int32Array, message: ReplyMessage): number {
	if (message.reasoning === null) return 0;
	const text = model.vocabulary.decode(ids);
	const close = text.indexOf(THINK_CLOSE);
	if (close < 0) return ids.length;
	return idsCovering(model.vocabulary, ids, Buffer.byteLength(text.slice(0, close + THINK_CLOSE.length)));
}
