// The body sent upstream: the client's bytes without some fields and with ours. Pure; re-serializes nothing.
import { parseJson, writeJson } from "../../json/parse.js";
import type { ObjectScan } from "../../json/scan.js";
import type { JsonObject } from "../../json/value.js";
import type { EngineRequest, TurnRequest } from "../engine.js";

export interface UpstreamFields {
	/** Keys that the client's body loses; every key of `set` is lost too. */
	remove: ReadonlySet<string>;
	/** Members that are put in, values as JSON text. */
	set: ReadonlyArray<readonly [key: string, value: string]>;
	/** Members that are put in where the body has none, or null; values as JSON text. */
	fill: ReadonlyArray<readonly [key: string, value: string]>;
	/** Keys of `set` that the record leaves out: they name the attempt, not what was asked. */
	unrecorded: ReadonlySet<string>;
	/** Put in last: decimal, comma-separated. */
	inputIds: readonly Buffer[];
}

/**
 * What a body leaves out is the engine's or the checkpoint's default, which nobody could read off the record. SGLang takes
 * no unbounded top_k here: 1 < top_k <= --sampling-mask-max-tokens, 4096 as it comes, less some headroom for ties
 * (SGLang 0.5.23, `Scheduler.handle_generate_request`).
 */
const SAMPLING_DEFAULTS: UpstreamFields["fill"] = [
	["temperature", "1.0"],
	["top_p", "1.0"],
	["top_k", "1024"],
	["repetition_penalty", "1.0"],
];

const UNRECORDED: ReadonlySet<string> = new Set(["rid"]);
const OPEN = Buffer.from("{");
const COMMA = Buffer.from(",");
const CLOSE = Buffer.from("]}");
/** Of `null`, the only value that begins so. */
const LOWER_N = 0x6e;

/** What is injected into and removed from the client's body. */
export function upstreamFields(turn: TurnRequest): UpstreamFields {
	const set: Array<readonly [string, string]> = [];
	const text = (key: string, value: string) => set.push([key, value]);
	if (turn.overridesJson !== null) {
		const overrides = parseJson(turn.overridesJson) as JsonObject;
		for (const [key, value] of overrides) text(key, writeJson(value));
	}
	// A session's own model wins: it was asked for by name, later than the cluster's.
	if (turn.servedModel !== null && !set.some(([key]) => key === "model")) {
		text("model", JSON.stringify(turn.servedModel));
	}
	text("logprobs", "true");
	text("return_meta_info", "true");
	text("no_stop_trim", "false");
	text("return_prompt_token_ids", "true");
	if (turn.r3 !== "off") text("return_routed_experts", "true");
	if (turn.routedExpertsStartLen !== null) {
		text("routed_experts_start_len", String(turn.routedExpertsStartLen));
	}
	if (turn.samplingReplay) text("return_sampling_mask", "true");
	text("rid", JSON.stringify(turn.attemptId));
	if (turn.kwargs.size > 0) text("chat_template_kwargs", writeJson(turn.kwargs));
	const remove = new Set(["stream", "stream_options", "chat_template_kwargs"]);
	// The whole payload is due: a client's own offset would leave rows out without a trace.
	if (turn.r3 === "full") remove.add("routed_experts_start_len");
	const fill = turn.samplingReplay ? SAMPLING_DEFAULTS : [];
	return { remove, set, fill, unrecorded: UNRECORDED, inputIds: turn.inputIds };
}

/**
 * Splices `fields` into a scanned body. Everything else keeps its bytes: spelling, order, unknown fields.
 * @param scan of `body`; must have a `messages` array
 */
export function spliceRequest(body: Buffer, scan: ObjectScan, fields: UpstreamFields): EngineRequest {
	const { messages } = scan;
	if (messages === null) throw new Error("a body without messages is refused before it is spliced");
	const overridden = new Set(fields.set.map(([key]) => key));
	overridden.add("input_ids");
	const last = new Map(scan.fields.map((field) => [field.key, field]));
	const given = (key: string): boolean => {
		const field = last.get(key);
		return overridden.has(key) || (field !== undefined && body[field.valueStart] !== LOWER_N);
	};
	const filled = fields.fill.filter(([key]) => !given(key));
	for (const [key] of filled) overridden.add(key);
	const kept = scan.fields.filter(
		(field) =>
			!fields.remove.has(field.key) &&
			!overridden.has(field.key) &&
			// Of a key that stands twice the last one counts; the engine must not be left to choose.
			last.get(field.key) === field,
	);
	const chunks: Buffer[] = [];
	const record: Buffer[] = [];
	const holes = { messages: 0, inputIds: 0 };
	let recordLength = 0;
	const both = (piece: Buffer) => {
		chunks.push(piece);
		record.push(piece);
		recordLength += piece.length;
	};
	both(OPEN);
	for (const [index, field] of kept.entries()) {
		if (index > 0) both(COMMA);
		if (field.key !== "messages") {
			both(body.subarray(field.keyStart, field.valueEnd));
			continue;
		}
		both(body.subarray(field.keyStart, messages.contentStart));
		holes.messages = recordLength;
		chunks.push(body.subarray(messages.contentStart, messages.contentEnd));
		both(body.subarray(messages.contentEnd, field.valueEnd));
	}
	// What is ours is text until something stands between: each buffer costs more than the bytes in it.
	let members = "";
	for (const [key, value] of filled) members += member(key, value);
	for (const [key, value] of fields.set) {
		if (!fields.unrecorded.has(key)) {
			members += member(key, value);
			continue;
		}
		if (members !== "") both(Buffer.from(members));
		members = "";
		chunks.push(Buffer.from(member(key, value)));
	}
	both(Buffer.from(`${members},"input_ids":[`));
	holes.inputIds = recordLength;
	chunks.push(...fields.inputIds);
	both(CLOSE);
	const byteLength = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
	// Copied: views would keep the client's whole body alive for as long as the record. Where that is most of it, and much, a copy
	// would double it, and hold the loop up.
	const isMost = recordLength > LARGE_RECORD_BYTES && recordLength * 2 > body.length;
	return { chunks, byteLength, record: { bytes: isMost ? record : [Buffer.concat(record)], holes } };
}

const LARGE_RECORD_BYTES = 4 * 1024 * 1024;

function member(key: string, value: string): string {
	return `,${JSON.stringify(key)}:${value}`;
}
