// What of a message reaches the prompt: found out by rendering two small conversations and comparing. Keeps no conversation.
import { RollpinError } from "../base/errors.js";
import type { JsonObject } from "../json/value.js";
import type { ConversationRenderer } from "./family.js";
import {
	call,
	callMessage,
	FIRST,
	JOINED_WITH,
	result,
	SECOND,
	spoken,
	textPart,
	user,
} from "./probe-messages.js";
import type { TemplateKwargs } from "./tito.js";

/** Not what a template trims, strips or looks for. */
const VALUE = "probeqv";
/** Stands for every name that the template's source does not spell. */
const UNKNOWN_FIELD = "probeq_field";
/** Fields of a call, as a field of the message: see `Tito.shows`. */
const CALL_FIELD = /^tool_calls\[\]\.(.+)$/;

export class MessageProbe {
	readonly #renderer: ConversationRenderer;
	readonly #kwargs: TemplateKwargs;
	readonly #names: ReadonlySet<string>;
	readonly #separators = new Map<string, string>();
	readonly #shown = new Map<string, boolean>();

	/**
	 * @param names every field name that the prompt format can ask for by name: no more fields than these are ever probed,
	 * whatever a client sends
	 */
	constructor(renderer: ConversationRenderer, kwargs: TemplateKwargs, names: ReadonlySet<string>) {
		this.#renderer = renderer;
		this.#kwargs = kwargs;
		this.#names = names;
	}

	partSeparator(role: string, calling: boolean): string {
		const key = `${role} ${calling}`;
		const known = this.#separators.get(key);
		if (known !== undefined) return known;
		const separator =
			this.#probedSeparator(role, calling, false) ??
			this.#probedSeparator(role, calling, true) ??
			JOINED_WITH;
		this.#separators.set(key, separator);
		return separator;
	}

	shows(role: string, field: string): boolean {
		const asked = this.#names.has(CALL_FIELD.exec(field)?.[1] ?? field) ? field : unknownIn(field);
		const key = `${role} ${asked}`;
		let shown = this.#shown.get(key);
		if (shown === undefined) {
			shown = this.#probedField(role, asked);
			this.#shown.set(key, shown);
		}
		return shown;
	}

	/** Null where the texts are not in the prompt: some templates refuse a conversation of a system message alone. */
	#probedSeparator(role: string, calling: boolean, followed: boolean): string | null {
		const change = (message: JsonObject) => {
			message.set("content", [textPart(FIRST), textPart(SECOND)]);
			if (!calling) message.delete("tool_calls");
		};
		const text = this.#prompt(role, change, followed);
		const start = text?.indexOf(FIRST) ?? -1;
		const end = text?.indexOf(SECOND, start) ?? -1;
		return text === null || start === -1 || end === -1 ? null : text.slice(start + FIRST.length, end);
	}

	/** Also where a message is followed by others: some templates show a field of the last message only, some never there. */
	#probedField(role: string, field: string): boolean {
		return [false, true].some((followed) => {
			const plain = this.#prompt(role, () => {}, followed);
			return plain !== this.#prompt(role, (message) => setField(message, field), followed);
		});
	}

	/** Null when the template refuses it. */
	#prompt(role: string, change: (message: JsonObject) => void, followed: boolean): string | null {
		const message = role === "tool" ? result("probe") : spoken(role, "probe");
		if (role === "assistant") message.set("tool_calls", [call()]);
		change(message);
		const messages = [...before(role), message, ...(followed ? [user("and then")] : [])];
		try {
			return this.#renderer.comparable({ messages, tools: undefined, kwargs: this.#kwargs }, true);
		} catch (error) {
			if (error instanceof RollpinError) return null;
			throw error;
		}
	}
}

/** Every word of a template's source: a field that it asks for by name is among them. */
export function wordsOf(source: string): Set<string> {
	return new Set(source.match(/[A-Za-z_]\w*/g) ?? []);
}

function unknownIn(field: string): string {
	return CALL_FIELD.test(field) ? `tool_calls[].${UNKNOWN_FIELD}` : UNKNOWN_FIELD;
}

function setField(message: JsonObject, field: string): void {
	const inCall = CALL_FIELD.exec(field)?.[1];
	if (inCall === undefined) {
		message.set(field, VALUE);
		return;
	}
	const calls = message.get("tool_calls");
	const first = Array.isArray(calls) ? calls[0] : undefined;
	const called = first instanceof Map ? first.get("function") : undefined;
	if (first instanceof Map) first.set(inCall, VALUE);
	// `name` and `arguments` of a function are always compared; anything else in it is asked about with the call's own.
	if (called instanceof Map && !called.has(inCall)) called.set(inCall, VALUE);
}

function before(role: string): JsonObject[] {
	if (role === "system" || role === "developer") return [];
	if (role !== "tool") return [user("first")];
	return [user("first"), callMessage(call())];
}
