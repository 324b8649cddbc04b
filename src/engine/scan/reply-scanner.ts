// Owns what is kept of an engine's reply while it arrives: payloads and prompt ids leave as excerpts, the ranges of known
// values are noted, the rest is kept as it is. Never builds a string of the reply.
import { isUtf8 } from "node:buffer";
import type { Excerpt } from "../../base/excerpt.js";
import { ChunkTokenizer } from "../../json/chunk-tokenizer.js";
import type { ByteRange } from "../../json/scan.js";
import { ExcerptRecorder } from "./excerpt-recorder.js";
import type { KnownPayload } from "./known-payload.js";
import { skipElements } from "./plain-elements.js";
import { passSentIds } from "./sent-ids.js";
import { type Site, SiteStack, type SiteTable } from "./sites.js";

export interface ScannedReply {
	/** The reply's bytes with the excerpts taken out. */
	rest: Buffer;
	/** Ascending by offset. Of a string the bytes between the quotes, of a list those between the brackets. */
	excerpts: Excerpt[];
	/** Where known values of the root and of choice 0 stand in `rest`. */
	ranges: ReadonlyMap<Site, ByteRange>;
	/** Gives the memory of the payloads' bytes back, once nobody uses them; they are empty then. The prompt ids stay. */
	giveBack: () => void;
	/** True when a key that decides something stands twice in one object: which one counts is anyone's guess. */
	hasDuplicateKey: boolean;
}

export interface ReplyScannerOptions {
	/** What to look for. */
	sites: SiteTable;
	/** Deepest nesting of containers. Default 64. */
	maxDepth?: number;
	/** Bound on the reply's size without its payloads. Default 128 MiB. */
	maxRestBytes?: number;
	/**
	 * The ids that were sent, as text in pieces: where a reply's prompt_token_ids repeat the first piece they are not parsed
	 * again, and where they repeat all of it the excerpt's bytes are these pieces.
	 */
	sentIds?: readonly Buffer[] | undefined;
	/** Length of the whole reply, where it is known. */
	replyBytes?: number | undefined;
	/** What the reply's payloads are likely to begin as, in their order. */
	knownPayloads?: readonly KnownPayload[] | undefined;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b;
const OPEN_BRACE = 0x7b;

const NO_EXCERPT = -1;

export class ReplyScanner extends ChunkTokenizer {
	readonly #recorder: ExcerptRecorder;
	readonly #table: SiteTable;
	readonly #sites: SiteStack;
	#keyStart = 0;
	/** Depth inside the list or object that is being taken out, `NO_EXCERPT` when none is; and whether a string is. */
	#excerptDepth = NO_EXCERPT;
	#takesString = false;
	#takesPromptIds = false;
	/** Offset of the prompt ids in the whole reply; and the ids they may repeat, null once they did not. */
	#promptIdsStart = 0;
	#sentIds: Buffer | null;
	/** First byte of the chunk that the recorder has not got yet. */
	#from = 0;

	constructor(options: ReplyScannerOptions) {
		super(options.maxDepth ?? 64);
		this.#table = options.sites;
		this.#sites = new SiteStack(options.sites);
		const { knownPayloads, replyBytes, sentIds = [] } = options;
		// The first piece is the stored prefix, and nearly all of a long prompt.
		this.#sentIds = sentIds.find((piece) => piece.length > 0) ?? null;
		const maxRestBytes = options.maxRestBytes ?? 128 * 1024 * 1024;
		this.#recorder = new ExcerptRecorder(maxRestBytes, knownPayloads, sentIds, replyBytes);
	}

	/**
	 * Takes the next bytes. They are copied where they are kept: the caller may use them for something else.
	 * @throws JsonSyntaxError as soon as the bytes cannot be strict JSON any more
	 * @throws RollpinError `upstream_invalid` when the rest passes its bound
	 */
	override push(chunk: Buffer): void {
		this.#from = 0;
		super.push(chunk);
		this.#handOver(chunk.length);
	}

	/** Bytes that are held so far. */
	get keptBytes(): number {
		return this.#recorder.keptBytes;
	}

	/** @throws JsonSyntaxError when the reply ended early or is not UTF-8 */
	end(): ScannedReply {
		this.#from = 0;
		this.finish();
		const rest = this.#recorder.rest();
		if (!isUtf8(rest)) this.fail("invalid UTF-8", 0);
		const { ranges, hasDuplicateKey } = this.#sites;
		const recorder = this.#recorder;
		const giveBack = () => recorder.giveBack();
		return { rest, excerpts: recorder.excerpts, ranges, giveBack, hasDuplicateKey };
	}

	/** Gives the recorder everything before `to`. */
	#handOver(to: number): void {
		if (to <= this.#from) return;
		this.#recorder.add(this.chunk.subarray(this.#from, to));
		this.#from = to;
	}

	/** Offset in the rest of the chunk's byte at `at`. */
	#restOffset(at: number): number {
		return this.#recorder.restLength + at - this.#from;
	}

	/** Elements at no site are passed whole; so are prompt ids that repeat the sent ones, until they differ once. */
	protected skipElements(at: number, byte: number, maxDepth: number): number {
		if (this.#takesPromptIds && this.#sentIds !== null && this.depth === this.#excerptDepth) {
			const next = passSentIds(this.chunk, at, this.#sentIds, this.consumed + at - this.#promptIdsStart);
			if (next > at) return next;
			if (next < 0) this.#sentIds = null;
		}
		if (byte !== OPEN_BRACKET && byte !== OPEN_BRACE) return at;
		return this.#sites.isPlain ? skipElements(this.chunk, at, this.depth, maxDepth) : at;
	}

	protected scalarBegins(byte: number, at: number): void {
		const payload = this.#table.payloads[this.#sites.beginValue(this.#restOffset(at))];
		this.#takesString = payload !== undefined && byte === QUOTE;
		if (payload === undefined) return;
		this.#openExcerpt(payload, byte === QUOTE ? at + 1 : at);
		// A number or literal is so small that it stays; the empty excerpt tells where.
		if (byte !== QUOTE) this.#closeExcerpt(at);
	}

	protected containerBegins(isList: boolean, at: number): void {
		const site = this.#sites.beginValue(this.#restOffset(at));
		this.#sites.open(site, isList);
		// Another choice's prompt ids need not be the ones that were sent: they stay in the rest.
		this.#takesPromptIds = site === this.#table.promptIds && isList && this.#sites.choice === 0;
		const field = this.#takesPromptIds ? "prompt_token_ids" : this.#table.payloads[site];
		if (field === undefined) return;
		this.#openExcerpt(field, at + 1);
		this.#excerptDepth = this.depth;
		this.#promptIdsStart = this.consumed + at + 1;
	}

	protected containerEnds(at: number): void {
		if (this.depth === this.#excerptDepth) {
			this.#closeExcerpt(at);
			this.#excerptDepth = NO_EXCERPT;
		}
		this.#sites.close();
	}

	#openExcerpt(field: string, at: number): void {
		this.#handOver(at);
		this.#recorder.openExcerpt(field, this.#sites.choice);
	}

	#closeExcerpt(at: number): void {
		this.#handOver(at);
		this.#recorder.closeExcerpt();
	}

	/**
	 * Past the bytes that the payload has in common with the known one: those went through a scanner before. Where a
	 * backslash is among them they are scanned again, for the state that they leave.
	 */
	protected stringGoesOn(from: number): number {
		// After a backslash they are being scanned again.
		if (!this.#takesString || from < this.#from) return from;
		this.#handOver(from);
		if (!this.#recorder.comparesKnown) return from;
		// The known payload may have been a list or an object, whose quotes end no string: the string's own end bounds it.
		const quote = this.chunk.indexOf(QUOTE, from);
		const same = this.#recorder.takeKnown(this.chunk.subarray(from, quote === -1 ? undefined : quote));
		if (same === 0) return from;
		this.#from = from + same;
		return this.chunk.subarray(from, this.#from).includes(BACKSLASH) ? from : this.#from;
	}

	protected stringEnds(at: number): void {
		if (!this.#takesString) return;
		this.#closeExcerpt(at);
		this.#takesString = false;
	}

	protected keyBegins(at: number): void {
		this.#keyStart = this.#restOffset(at) + 1;
	}

	protected keyEnds(at: number): void {
		if (!this.#sites.wantsKey) return;
		// Inside an excerpt no key is wanted, so the whole key stands in the rest, however it was split.
		this.#handOver(at);
		this.#sites.endKey(this.#recorder.rest().subarray(this.#keyStart));
	}

	protected valueEnds(end: number): void {
		this.#sites.endValue(this.#restOffset(end));
	}
}
