// Looks for the text of every message in the prompt that was rendered from them: one forward search. Changes nothing.
import { compareText, str } from "../jinja/spelling.js";
import { fromJson } from "../jinja/values.js";
import { JsonNumber, type JsonObject, type JsonValue } from "../json/value.js";
import type { NamedMessage } from "./messages.js";
import { notRendered } from "./not-rendered.js";

/** What a template is known to do with texts, so that a text written otherwise does not count as left out. */
export interface Spelling {
	/** Other characters than ASCII's are escaped. */
	asciiOnly: boolean;
	/**
	 * By what a call is written, if it is: some templates write its id, which has the name in it; and whether its arguments
	 * stand in the order of their names.
	 */
	calls: { by: "name" | "id" | null; sorted: boolean; sortedWithin: boolean };
	/** Results stand in the order of the calls, not in their own. */
	resultsInCallOrder: boolean;
	/** Whether a message in that place is written: what a text of a few letters in the prompt does not prove. */
	writes(role: string, calling: boolean, leading: boolean): boolean;
}

/** Longest text that is looked for in one piece: no comparison costs more than this for each character. */
const PIECE = 48;
/** Shorter texts are found anywhere: for them it is asked whether such a message is written at all. */
const CERTAIN_LENGTH = 16;

/** Characters that JSON, Python's repr or HTML spell otherwise. What stands between them is the same in every spelling. */
const ESCAPED = /["'\\<>&]|[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}]|(?! )\p{Zs}/u;
const NOT_PLAIN_ASCII = /["'\\<>&]|[^\x20-\x7e]/;

/** Where templates part an assistant's reasoning from its content: what stands before is reasoning, which may be cleared. */
const THOUGHT_ENDS = /<\/(?:\w{1,20}:)?think(?:ing)?>|\[\/THINK\]/;
const THOUGHT_BEGINS = /<(?:\w{1,20}:)?think(?:ing)?>|\[THINK\]/;

/**
 * Contents, names of called tools and values of their arguments, each kind in its order: a template may put system
 * messages first, or a call's name after its arguments. A text that is cut into pieces is there when all pieces are, one
 * after the other; each is found at its leftmost place, so one pass finds them if they are there. Takes time in
 * proportion to the prompt, whatever the texts are.
 * @param leads whether the first of `messages` begins the conversation
 * @throws RollpinError `not_rendered` naming the first message, call or argument that is not there
 */
export function checkRendered(
	text: string,
	messages: readonly NamedMessage[],
	spelling: Spelling,
	leads: boolean,
	lastCalls: JsonValue | undefined,
): void {
	const apart = spelling.asciiOnly ? NOT_PLAIN_ASCII : ESCAPED;
	const lane = () => new Lane(text, apart);
	const [systems, contents, names, values] = [lane(), lane(), lane(), lane()];
	for (const { message, where } of inWrittenOrder(messages, spelling, lastCalls)) {
		const role = String(message.get("role"));
		const calls = role === "assistant" ? message.get("tool_calls") : undefined;
		const called = Array.isArray(calls) ? calls : [];
		const leading = leads && where === messages[0]?.where;
		const written = () => spelling.writes(role, called.length > 0, leading);
		const found = role === "system" || role === "developer" ? systems : contents;
		for (const [at, said] of textsOf(message, role).entries()) {
			const place = Array.isArray(message.get("content")) ? `${where}.content[${at}]` : `${where}.content`;
			const short = said.trim().length < CERTAIN_LENGTH;
			if (!found.has(said) || (short && said.trim() !== "" && !written())) throw leftOut(place, role);
		}
		for (const [at, call] of called.entries()) {
			const { id, name, args, place } = partsOf(call, `${where}.tool_calls[${at}]`);
			const { by } = spelling.calls;
			if (by === null || !names.has(by === "id" ? id : name)) throw leftOut(place, role);
			for (const value of leaves(args, spelling.calls, 0))
				if (!values.has(value)) throw leftOut(`${place}.arguments`, role);
		}
	}
}

class Lane {
	readonly #text: string;
	readonly #apart: RegExp;
	#at = 0;

	constructor(text: string, apart: RegExp) {
		this.#text = text;
		this.#apart = apart;
	}

	has(wanted: string): boolean {
		for (const run of wanted.split(this.#apart)) {
			// Templates trim; at the ends of a run that may be white space next to characters that are trimmed too.
			const plain = run.trim();
			for (let from = 0; from < plain.length; from += PIECE) {
				const piece = plain.slice(from, from + PIECE);
				const found = this.#text.indexOf(piece, this.#at);
				if (found === -1) return false;
				this.#at = found + piece.length;
			}
		}
		return true;
	}
}

function textsOf(message: JsonObject, role: string): string[] {
	const content = message.get("content");
	const parts = Array.isArray(content) ? content : [content ?? ""];
	return parts.map((part) => {
		const text = part instanceof Map ? part.get("text") : part;
		if (typeof text !== "string") return "";
		if (role !== "assistant") return text;
		return text.split(THOUGHT_ENDS).at(-1)?.split(THOUGHT_BEGINS)[0] ?? "";
	});
}

function partsOf(call: JsonValue, where: string) {
	const inner = call instanceof Map ? call.get("function") : undefined;
	const called = inner instanceof Map ? inner : call;
	const text = (holder: JsonValue | undefined, key: string) => {
		const value = holder instanceof Map ? holder.get(key) : undefined;
		return typeof value === "string" ? value : "";
	};
	return {
		id: text(call, "id"),
		name: text(called, "name"),
		args: called instanceof Map ? (called.get("arguments") ?? null) : null,
		place: called === inner ? `${where}.function` : where,
	};
}

/** Values as every spelling of them has them: Python's True and JSON's true have `rue` in common, None and null nothing. */
function* leaves(value: JsonValue, order: Spelling["calls"], depth: number): Generator<string> {
	if (typeof value === "string") yield value;
	else if (typeof value === "boolean") yield value ? "rue" : "alse";
	else if (value instanceof JsonNumber) yield str(fromJson(value));
	else if (Array.isArray(value)) for (const item of value) yield* leaves(item, order, depth + 1);
	else if (value instanceof Map) {
		const members = [...value];
		if (depth === 0 ? order.sorted : order.sortedWithin) members.sort(([a], [b]) => compareText(a, b));
		for (const [, item] of members) yield* leaves(item, order, depth + 1);
	}
}

/** The messages as the template puts them: results after a reply in the order of its calls, where it does that. */
function inWrittenOrder(
	messages: readonly NamedMessage[],
	{ resultsInCallOrder }: Spelling,
	lastCalls: JsonValue | undefined,
): readonly NamedMessage[] {
	if (!resultsInCallOrder) return messages;
	const ordered: NamedMessage[] = [];
	let group: NamedMessage[] = [];
	let places = placesOf(lastCalls);
	const place = ({ message }: NamedMessage) => places.get(message.get("tool_call_id") ?? null) ?? places.size;
	const close = () => {
		ordered.push(...group.sort((a, b) => place(a) - place(b)));
		group = [];
	};
	for (const named of messages) {
		if (named.message.get("role") === "tool") {
			group.push(named);
			continue;
		}
		close();
		ordered.push(named);
		if (named.message.get("role") === "assistant") places = placesOf(named.message.get("tool_calls"));
	}
	close();
	return ordered;
}

function placesOf(calls: JsonValue | undefined): Map<JsonValue, number> {
	const list = Array.isArray(calls) ? calls : [];
	return new Map(list.map((call, at) => [call instanceof Map ? (call.get("id") ?? null) : null, at]));
}

function leftOut(where: string, role: string) {
	return notRendered(
		where,
		`is not in the prompt: this model's chat template leaves it out of a message of role ${role}, so the model would never see it; leave it out of the request, or send it where the template shows it`,
	);
}
