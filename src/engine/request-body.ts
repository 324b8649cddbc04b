// Owns the body sent upstream: the client's bytes with fields spliced in and out. Never re-serializes a client's value.
import type { ScannedField, ScannedObject } from "../json/scan.js";

/** JSON text of one value; several pieces are sent one behind the other. */
export type FieldValue = Buffer | readonly Buffer[];

export interface Splice {
	/** Keys taken out, every duplicate of them. */
	remove: ReadonlySet<string>;
	/** Keys that are put in at the end, over every one of the client's. */
	set: ReadonlyArray<readonly [key: string, value: FieldValue]>;
	/** Ids as decimal text (see token-text.ts), sent as `input_ids`, over the client's. */
	inputIds: FieldValue;
}

export interface SplicedRequest {
	/** The body as it is sent, in order; mostly views into the client's bytes. */
	chunks: Buffer[];
	byteLength: number;
	/** The sent bytes without the content of `messages` and of `input_ids` (their brackets stay). */
	remainder: Buffer;
	/** Offsets in `remainder` at which those contents are put back. */
	holes: { messages: number; inputIds: number };
}

export interface UpstreamOptions {
	r3: "off" | "full" | "incremental";
	/** Rows already held; used with r3 `incremental`. */
	routedExpertsStartLen: number;
	/** JSON text of the effective chat_template_kwargs; null when there are none. */
	chatTemplateKwargs: Buffer | null;
	/** The session's request_overrides: field and the JSON text of its value. They win over the client's. */
	overrides: ReadonlyArray<readonly [key: string, json: Buffer]>;
}

const TRUE = Buffer.from("true");
const FALSE = Buffer.from("false");
const EMPTY = Buffer.alloc(0);

/**
 * What is taken out of and put into every chat request (contract section 5.4, reference 6.3). Our own flags win over
 * a session's overrides.
 */
export function upstreamFields(options: UpstreamOptions): Omit<Splice, "inputIds"> {
	const remove = new Set(["stream", "stream_options", "chat_template_kwargs"]);
	const set = new Map<string, FieldValue>();
	for (const [key, json] of options.overrides) set.set(key, json);
	for (const key of ["stream", "stream_options", "messages", "input_ids", "chat_template_kwargs"])
		set.delete(key);
	set.set("logprobs", TRUE);
	set.set("return_meta_info", TRUE);
	set.set("no_stop_trim", FALSE);
	set.set("return_prompt_token_ids", TRUE);
	if (options.chatTemplateKwargs !== null) set.set("chat_template_kwargs", options.chatTemplateKwargs);
	if (options.r3 !== "off") set.set("return_routed_experts", TRUE);
	if (options.r3 === "incremental") {
		set.set("routed_experts_start_len", Buffer.from(String(options.routedExpertsStartLen)));
	} else if (options.r3 === "full") {
		// The whole payload is due: a client's own offset would leave rows out without a trace.
		set.delete("routed_experts_start_len");
		remove.add("routed_experts_start_len");
	}
	return { remove, set: [...set] };
}

/**
 * Applies a splice to a scanned body. Entries that stay keep their bytes and their order; of duplicates only the last
 * stays, so that no reader further on can see another value than we did.
 */
export function spliceRequest(body: Buffer, scan: ScannedObject, splice: Splice): SplicedRequest {
	const gone = new Set(splice.remove);
	for (const [key] of splice.set) gone.add(key);
	gone.add("input_ids");
	const last = new Map<string, ScannedField>();
	for (const field of scan.fields) last.set(field.key, field);

	const writer = new BodyWriter();
	let separator = "{";
	let runStart = -1;
	let runEnd = -1;
	const flushRun = (): void => {
		if (runStart < 0) return;
		writer.text(separator);
		separator = ",";
		const messages = scan.messages;
		if (messages !== undefined && messages.contentStart >= runStart && messages.contentEnd <= runEnd) {
			writer.keep(body.subarray(runStart, messages.contentStart));
			writer.messagesHole([body.subarray(messages.contentStart, messages.contentEnd)]);
			writer.keep(body.subarray(messages.contentEnd, runEnd));
		} else writer.keep(body.subarray(runStart, runEnd));
		runStart = -1;
	};
	for (const field of scan.fields) {
		if (gone.has(field.key) || last.get(field.key) !== field) {
			flushRun();
			continue;
		}
		// Neighbours that both stay keep what stands between them.
		if (runStart < 0) runStart = field.keyStart;
		runEnd = field.valueEnd;
	}
	flushRun();
	for (const [key, value] of splice.set) {
		writer.text(`${separator}${JSON.stringify(key)}:`);
		separator = ",";
		for (const piece of pieces(value)) writer.keep(piece);
	}
	writer.text(`${separator}"input_ids":[`);
	writer.inputIdsHole(pieces(splice.inputIds));
	writer.text("]}");
	return writer.finish();
}

function pieces(value: FieldValue): readonly Buffer[] {
	return Buffer.isBuffer(value) ? [value] : value;
}

/** Collects what is sent, and beside it what is kept. */
class BodyWriter {
	readonly #sent: Buffer[] = [];
	readonly #kept: Buffer[] = [];
	#keptLength = 0;
	#byteLength = 0;
	readonly #holes = { messages: -1, inputIds: -1 };
	#pendingText = "";

	text(text: string): void {
		this.#pendingText += text;
	}

	keep(bytes: Buffer): void {
		this.#flushText();
		this.#push(bytes, true);
	}

	messagesHole(content: readonly Buffer[]): void {
		this.#flushText();
		this.#holes.messages = this.#keptLength;
		for (const piece of content) this.#push(piece, false);
	}

	inputIdsHole(content: readonly Buffer[]): void {
		this.#flushText();
		this.#holes.inputIds = this.#keptLength;
		for (const piece of content) this.#push(piece, false);
	}

	finish(): SplicedRequest {
		this.#flushText();
		return {
			chunks: this.#sent,
			byteLength: this.#byteLength,
			remainder: this.#kept.length === 0 ? EMPTY : Buffer.concat(this.#kept, this.#keptLength),
			holes: this.#holes,
		};
	}

	#flushText(): void {
		if (this.#pendingText === "") return;
		this.#push(Buffer.from(this.#pendingText), true);
		this.#pendingText = "";
	}

	#push(bytes: Buffer, kept: boolean): void {
		if (bytes.length === 0) return;
		this.#sent.push(bytes);
		this.#byteLength += bytes.length;
		if (!kept) return;
		this.#kept.push(bytes);
		this.#keptLength += bytes.length;
	}
}
