// Finds text of messages that spells a control token: the tokenizer makes it that token, as the engine's would. Changes nothing.
import type { JsonObject, JsonValue } from "../json/value.js";

export interface ControlText {
	/** Index among the messages that were looked at. */
	index: number;
	token: string;
}

/** Letters that a token is first looked up by: few begin alike with more. */
const LEAD = 2;

/** Looks for any of a tokenizer's control tokens in linear time, however many there are. */
export class ControlTokens {
	readonly #tokens: ReadonlySet<string>;
	/** Lengths of the tokens that begin so, longest first. */
	readonly #lengths = new Map<string, number[]>();
	readonly #leads: RegExp | null;

	constructor(tokens: Iterable<string>) {
		this.#tokens = new Set([...tokens].filter((token) => token.length > LEAD));
		for (const token of this.#tokens) {
			const lead = token.slice(0, LEAD);
			const lengths = this.#lengths.get(lead) ?? [];
			if (!lengths.includes(token.length)) lengths.push(token.length);
			this.#lengths.set(lead, lengths);
		}
		for (const lengths of this.#lengths.values()) lengths.sort((a, b) => b - a);
		const leads = [...this.#lengths.keys()].map((lead) => lead.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"));
		this.#leads = leads.length === 0 ? null : new RegExp(leads.join("|"), "g");
	}

	/** The first token in the texts of `messages`; null when there is none. */
	find(messages: readonly JsonObject[]): ControlText | null {
		for (const [index, message] of messages.entries()) {
			for (const text of textsOf(message)) {
				const token = this.#firstIn(text);
				if (token !== null) return { index, token };
			}
		}
		return null;
	}

	#firstIn(text: string): string | null {
		if (this.#leads === null) return null;
		this.#leads.lastIndex = 0;
		for (let hit = this.#leads.exec(text); hit !== null; hit = this.#leads.exec(text)) {
			for (const length of this.#lengths.get(hit[0]) ?? []) {
				const token = text.slice(hit.index, hit.index + length);
				if (this.#tokens.has(token)) return token;
			}
			this.#leads.lastIndex = hit.index + 1;
		}
		return null;
	}
}

/** Every text of a message, in whatever field: which of them the template shows makes no difference here. */
function* textsOf(value: JsonValue): Generator<string> {
	if (typeof value === "string") yield value;
	else if (Array.isArray(value)) for (const item of value) yield* textsOf(item);
	else if (value instanceof Map) for (const item of value.values()) yield* textsOf(item);
}
