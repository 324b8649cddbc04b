// The `echo` matcher: an answer is recognised in any spelling, a prompt message must be the same text to the model.
import { writeJson } from "../../json/parse.js";
import type { JsonObject, JsonValue } from "../../json/value.js";
import {
	ANSWER_TEXTS,
	blankAsEmpty,
	PROMPT_TEXTS,
	reasoningTexts,
	textsOf,
} from "../../tito/message-texts.js";
import {
	type AnswerForm,
	answerForm,
	CARRIED,
	callsOf,
	canonicalJson,
	FUNCTION,
	functionOf,
	idOf,
	nameOf,
	type PromptForm,
	promptContent,
	promptForm,
	REASONING,
	roleOf,
	type ShownMessages,
	sameAnswer,
	sameContent,
	separatorOf,
	trimmed,
} from "../path/canonical.js";
import { type StoredMessage, valueOnce } from "../path/path-state.js";
import { parsedArguments } from "../path/tool-arguments.js";
import { type Difference, difference, differingPlace, type Side } from "./difference.js";
import type { MessageMatcher } from "./matcher.js";

/** @param shown what the template in use shows of messages */
export function echoMatcher(shown: ShownMessages): MessageMatcher {
	return {
		matches(stored, incoming) {
			const form = storedForm(stored, shown);
			return typeof form === "string"
				? form === promptForm(incoming, shown)
				: sameAnswer(form, answerForm(incoming, shown));
		},
		difference(stored, incoming) {
			const value = valueOnce(stored);
			const found = stored.generated
				? answerDifference(value, incoming, shown)
				: promptDifference(value, incoming, shown);
			return found ?? difference("", incoming, value);
		},
	};
}

/** Made when a spelling first has to be compared, and kept: most messages come back byte for byte. */
export function storedForm(stored: StoredMessage, shown: ShownMessages): PromptForm | AnswerForm {
	stored.form ??= stored.generated
		? answerForm(valueOnce(stored), shown)
		: promptForm(valueOnce(stored), shown);
	return stored.form;
}

function answerDifference(stored: JsonObject, incoming: JsonObject, shown: ShownMessages): Difference | null {
	if (roleOf(stored) !== roleOf(incoming)) return difference("role", roleOf(incoming), roleOf(stored));
	const own = answerForm(stored, shown);
	const other = answerForm(incoming, shown);
	if (!sameContent(own, other)) return contentDifference(stored, incoming, ANSWER_TEXTS, shown);
	return (
		carriedDifference(stored, incoming) ??
		answerReasoningDifference(stored, incoming) ??
		answerCallsDifference(stored, incoming)
	);
}

function answerReasoningDifference(stored: JsonObject, incoming: JsonObject): Difference | null {
	const known = reasoningOf(stored).map(({ text }) => text);
	for (const { path, text, raw } of reasoningOf(incoming)) {
		if (text !== null && trimmed(text) === "") continue;
		if (text === null || !known.some((own) => own !== null && trimmed(own) === trimmed(text)))
			return difference(path, text ?? raw, known[0] ?? undefined);
	}
	return null;
}

function reasoningOf(message: JsonObject) {
	return reasoningTexts(message, textsOf(message.get("content"), ANSWER_TEXTS, true));
}

function answerCallsDifference(stored: JsonObject, incoming: JsonObject): Difference | null {
	const own = callsOf(stored);
	const other = callsOf(incoming);
	if (own.length !== other.length) return difference("tool_calls", incoming.get("tool_calls"), [...own]);
	return pairedDifference(own, other, ({ call, called, inner, known, knownCalled, path }) => {
		const [id, knownId] = [idOf(call), idOf(known)];
		if (id !== null && knownId !== null && id !== knownId)
			return difference(`${path}.id`, call.get("id"), known.get("id"));
		return argumentsDifference(inner, called, knownCalled, sameCanonically);
	});
}

interface CallPair {
	/** Where the call is, and where its name and arguments are. */
	path: string;
	inner: string;
	call: JsonObject;
	known: JsonObject;
	called: JsonObject;
	knownCalled: JsonObject;
}

/** The first difference of two lists of as many calls: a name, or what `rest` finds in a pair. */
function pairedDifference(
	own: readonly JsonObject[],
	other: readonly JsonObject[],
	rest: (pair: CallPair) => Difference | null,
): Difference | null {
	for (const [at, call] of other.entries()) {
		const known = own[at] as JsonObject;
		const path = `tool_calls[${at}]`;
		const [called, knownCalled] = [functionOf(call), functionOf(known)];
		const inner = called === call ? path : `${path}.function`;
		if (nameOf(called) !== nameOf(knownCalled))
			return difference(`${inner}.name`, called.get("name"), knownCalled.get("name"));
		const found = rest({ path, inner, call, known, called, knownCalled });
		if (found !== null) return found;
	}
	return null;
}

const sameCanonically = (a: JsonValue, b: JsonValue) => canonicalJson(a) === canonicalJson(b);
const sameSpelling = (a: JsonValue, b: JsonValue) => writeJson(a) === writeJson(b);

function argumentsDifference(
	path: string,
	called: JsonObject,
	knownCalled: JsonObject,
	same: (a: JsonValue, b: JsonValue) => boolean,
): Difference | null {
	const place = `${path}.arguments`;
	const given = called.get("arguments") ?? null;
	const known = knownCalled.get("arguments") ?? null;
	const [sent, stored] = [parsedArguments(given), parsedArguments(known)];
	if (sent === undefined || stored === undefined) {
		return given === known ? null : difference(place, given, known);
	}
	if (same(sent, stored)) return null;
	return differingPlace(place, sent, stored, same) ?? difference(place, given, known);
}

function carriedDifference(stored: JsonObject, incoming: JsonObject): Difference | null {
	for (const field of CARRIED) {
		const [sent, own] = [blankAsEmpty(incoming.get(field)), blankAsEmpty(stored.get(field))];
		if (writeJson(sent) !== writeJson(own)) return difference(field, orNothing(sent), orNothing(own));
	}
	return null;
}

function orNothing(value: JsonValue): Side {
	return value ?? undefined;
}

function contentDifference(
	stored: JsonObject,
	incoming: JsonObject,
	textTypes: ReadonlySet<string>,
	shown: ShownMessages,
): Difference {
	const side = (message: JsonObject): Side => {
		const content = message.get("content");
		const { others, texts } = textsOf(content, textTypes, roleOf(message) === "assistant");
		return others.length === 0 ? texts.join(separatorOf(message, shown)) : content;
	};
	return difference("content", side(incoming), side(stored));
}

function promptDifference(stored: JsonObject, incoming: JsonObject, shown: ShownMessages): Difference | null {
	const role = roleOf(stored);
	if (role !== roleOf(incoming)) return difference("role", roleOf(incoming), role);
	if (!sameSpelling(promptContent(stored, shown), promptContent(incoming, shown)))
		return contentDifference(stored, incoming, PROMPT_TEXTS, shown);
	const found = carriedDifference(stored, incoming) ?? promptCallsDifference(stored, incoming, shown);
	if (found !== null) return found;
	for (const field of new Set([...incoming.keys(), ...stored.keys()])) {
		if (field === "role" || field === "content" || field === "tool_calls") continue;
		const [sent, own] = [blankAsEmpty(incoming.get(field)), blankAsEmpty(stored.get(field))];
		if (sameSpelling(sent, own)) continue;
		if (REASONING.has(field) || shown.shows(role, field))
			return difference(field, orNothing(sent), orNothing(own));
	}
	return difference("content", incoming.get("content"), stored.get("content"));
}

function promptCallsDifference(
	stored: JsonObject,
	incoming: JsonObject,
	shown: ShownMessages,
): Difference | null {
	const own = callsOf(stored);
	const other = callsOf(incoming);
	if (own.length !== other.length)
		return difference("tool_calls", incoming.get("tool_calls"), stored.get("tool_calls"));
	return pairedDifference(own, other, ({ call, called, inner, known, knownCalled, path }) => {
		const found = argumentsDifference(inner, called, knownCalled, sameSpelling);
		if (found !== null) return found;
		for (const field of new Set([...call.keys(), ...known.keys()])) {
			if (FUNCTION.has(field) || !shown.shows(roleOf(stored), `tool_calls[].${field}`)) continue;
			const place = differingPlace(`${path}.${field}`, call.get(field), known.get(field), sameSpelling);
			if (place !== null) return place;
		}
		return null;
	});
}
