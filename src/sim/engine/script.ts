// What a test tells the engine to answer next, and which request each answer is for. Plain data and its matching.
import { ConfigError } from "../../base/errors.js";

/** How an answer goes wrong on the wire. */
const FAULT_KINDS = [
	/** The connection is reset without a byte. */
	"reset-before",
	/** Headers and part of the body, then a reset. */
	"reset-inside",
	/** A content-length, part of the body, then a clean close. */
	"truncate-length",
	/** No length, part of the body, then a clean close. */
	"truncate-close",
	/** Chunked, part of the body, then a clean close without the last chunk. */
	"truncate-chunked",
	/** Bytes that are not HTTP, then a close. */
	"garbage",
	/** Nothing, for as long as the client waits. */
	"silence",
] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

interface ScriptMatch {
	/** The body must contain this text. */
	body?: string;
	/** A header must have this name (any case) and contain this text. */
	header?: { name: string; value: string };
	/** The path must be this; without it, any generation path. */
	path?: string;
}

/** The answer to one request. Without `body` it is a generation with the given things replaced. */
export interface ScriptedAnswer {
	match?: ScriptMatch;
	/** Requests that it answers. Default 1. */
	times?: number;
	/** Held at this gate. */
	gate?: string;
	/** Held before anything is sent (default), or with headers and half of the body sent (a fault: its bytes). */
	gateAt?: "before" | "inside";
	/** Ids that exist while it is held, for an abort at the gate. Default: half of them. */
	tokensAtGate?: number;
	/** Added to the time model. */
	latencyMs?: number;
	fault?: FaultKind;
	/** Bytes of the body sent before a reset or cut. Default: half. */
	faultAfterBytes?: number;
	/** Default 200. */
	status?: number;
	headers?: Array<[string, string]>;
	/** The whole body; a generation is then not made. */
	body?: string;
	bodyBase64?: string;
	/** Everything sent on the socket, status line and all; then it is closed. */
	rawBase64?: string;
	/** As in the choice: stop, length, tool_calls, abort, ... */
	finishReason?: string;
	/** What the message says. Ids are its encoding and the end-of-turn id unless given. */
	text?: string;
	/** The sampled ids; they need not fit the text. */
	ids?: number[];
	/** Spelled logprobs (JSON numbers), one an id. */
	logprobs?: string[];
	/** Replaces the whole message. */
	message?: unknown;
	/** Fields of meta_info to add or replace. */
	metaInfo?: Record<string, unknown>;
}

/** What matching looks at. */
export interface Arrival {
	path: string;
	generation: boolean;
	/** Names and values in turn, as they came. */
	rawHeaders: readonly string[];
	body: Buffer;
}

function answers(match: ScriptMatch | undefined, arrival: Arrival): boolean {
	if (match?.path === undefined ? !arrival.generation : match.path !== arrival.path) return false;
	if (match?.body !== undefined && !arrival.body.includes(match.body)) return false;
	const wanted = match?.header;
	if (!wanted) return true;
	for (let at = 0; at + 1 < arrival.rawHeaders.length; at += 2) {
		const name = (arrival.rawHeaders[at] as string).toLowerCase();
		if (name === wanted.name.toLowerCase() && (arrival.rawHeaders[at + 1] as string).includes(wanted.value)) {
			return true;
		}
	}
	return false;
}

/** Scripted answers in the order in which they were given. */
export class Script {
	#items: Array<{ answer: ScriptedAnswer; left: number }> = [];

	/** @throws ConfigError when an answer names an unknown fault */
	push(answer: ScriptedAnswer): void {
		if (answer.fault !== undefined && !FAULT_KINDS.includes(answer.fault)) {
			throw new ConfigError(`unknown fault ${answer.fault}; one of ${FAULT_KINDS.join(", ")}`);
		}
		this.#items.push({ answer, left: answer.times ?? 1 });
	}

	/** The first answer that fits, used up by one. */
	take(arrival: Arrival): ScriptedAnswer | null {
		if (this.#items.length === 0) return null;
		const at = this.#items.findIndex((item) => answers(item.answer.match, arrival));
		const item = this.#items[at];
		if (!item) return null;
		item.left--;
		if (item.left <= 0) this.#items.splice(at, 1);
		return item.answer;
	}

	get length(): number {
		return this.#items.length;
	}

	clear(): void {
		this.#items = [];
	}
}
