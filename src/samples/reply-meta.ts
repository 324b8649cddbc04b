// Reads from a stored engine reply what a sample needs of its `meta_info`. Pure; payloads are only located, never looked into.
import { ownMember } from "../base/own-member.js";
import { JsonNumber, type JsonValue } from "../json/value.js";
import { type PayloadRef, type ReplyMeta, SampleError } from "./sample.js";

export interface StoredReply {
	/** The engine's reply without what was cut out of it. */
	reply: Uint8Array;
	/** Places of the payloads in `reply`, ascending: inside the quotes or brackets of an empty value, or before a whole one. */
	payloads: ReadonlyArray<PayloadRef & { offset: number }>;
}

/** Stands in an emptied string, list or object, so that after parsing it tells which payload belongs there. */
const MARK = "rollpin-payload:";

/** @throws SampleError when a routing payload is no base64 string, or a sampling mask no list */
export function readReplyMeta(stored: StoredReply): ReplyMeta {
	const choices = ownMember(JSON.parse(marked(stored)), "choices");
	const meta = ownMember(Array.isArray(choices) ? choices[0] : undefined, "meta_info");
	const payload = (field: string, kind: string, markIn: (value: unknown) => unknown) => {
		const value = ownMember(meta, field);
		if (value === undefined || value === null) return null;
		const found = stored.payloads.find(({ index }) => markIn(value) === `${MARK}${index}`);
		if (found === undefined) throw new SampleError(`meta_info.${field} is not a ${kind}`);
		return { index: found.index, length: found.length, dropped: found.dropped === true };
	};
	const text = (field: string) => payload(field, "base64 string", (value) => value);
	const list = (field: string) =>
		payload(field, "list", (value) => (Array.isArray(value) ? value[0] : undefined));
	const version = ownMember(meta, "weight_version");
	return {
		weightVersion: version === undefined || version === null ? undefined : jsonOf(version),
		cachedTokens: count(ownMember(meta, "cached_tokens")),
		promptTokens: count(ownMember(meta, "prompt_tokens")),
		e2eLatencyS: finite(ownMember(meta, "e2e_latency")),
		routedExperts: text("routed_experts"),
		indexerTopk: text("indexer_topk"),
		samplingMask: list("output_token_sampling_mask"),
		indexerLayers: finite(ownMember(meta, "indexer_topk_num_layers")),
	};
}

function marked({ reply, payloads }: StoredReply): string {
	const bytes = Buffer.from(reply.buffer, reply.byteOffset, reply.byteLength);
	let text = "";
	let at = 0;
	for (const { offset, index } of payloads) {
		text += bytes.toString("utf8", at, offset) + mark(bytes[offset], MARK + index);
		at = offset;
	}
	return text + bytes.toString("utf8", at);
}

/** Nothing for a number or literal: that is no payload, and the value follows its place. */
function mark(next: number | undefined, text: string): string {
	if (next === 0x22) return text;
	if (next === 0x5d) return `"${text}"`;
	return next === 0x7d ? `"${text}":0` : "";
}

function finite(value: unknown): number | null {
	return typeof value === "number" && Number.isFinite(value) ? value : null;
}

function count(value: unknown): number {
	return Number.isSafeInteger(value) ? (value as number) : 0;
}

/** Versions are names or counters; anything else is given as its JSON text. */
function jsonOf(value: unknown): JsonValue {
	if (typeof value === "string" || typeof value === "boolean") return value;
	if (typeof value === "number") return new JsonNumber(JSON.stringify(value));
	return JSON.stringify(value);
}
