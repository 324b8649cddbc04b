// How one chat template takes messages: which roles, lists, fields it writes. Found out by rendering small ones; each answer kept.
import type { JsonObject, JsonValue } from "../json/value.js";
import type { MessageForm } from "./messages.js";
import {
	CALL_ID,
	CALLED,
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
import type { Spelling } from "./rendered-text.js";

const THIRD = "probeqc";
const OTHER_ID = "probeqother";
const MADE_UP_ROLE = "probeqrole";

/** Text of a conversation with the generation prompt, with one tool or none; null when the template refuses it. */
export type TryRender = (messages: JsonObject[], withTools?: boolean) => string | null;

export class TemplateForm implements MessageForm, Spelling {
	readonly oddArguments = "refuse";
	readonly #render: TryRender;
	readonly #known = new Map<string, unknown>();

	constructor(render: TryRender) {
		this.#render = render;
	}

	separator(_role: string): string {
		return JOINED_WITH;
	}

	/** Texts of a tool are always joined: SGLang does so whatever the template (`normalize_tool_content`). */
	readsLists(role: string, calling: boolean): boolean {
		if (role === "tool") return false;
		return this.#once(`lists ${role} ${calling}`, () => this.#probedLists(role, calling));
	}

	knowsRole(role: string): boolean {
		return this.#once(`role ${role}`, () => this.#probedRole(role));
	}

	get showsReasoning(): boolean {
		return this.#once("reasoning", () => {
			const thinking = spoken("assistant", FIRST).set("reasoning_content", SECOND);
			return this.#render([user("first"), thinking])?.includes(SECOND) ?? false;
		});
	}

	get calls(): Spelling["calls"] {
		return this.#once("calls", () => {
			const args: JsonObject = new Map<string, JsonValue>([
				["zprobeq", new Map([...named("yprobeq", FIRST), ...named("bprobeq", SECOND)])],
				["aprobeq", `${THIRD}é`],
			]);
			const asked = [user("first"), callMessage(call(args))];
			const text = this.#renderWith(asked, CALLED);
			if (text === null) return { by: "name", sorted: false, sortedWithin: false };
			const [first, second, third] = [FIRST, SECOND, THIRD].map((value) => text.indexOf(value));
			return {
				by: text.includes(CALLED) ? "name" : text.includes(CALL_ID) ? "id" : null,
				sorted: before(third, first),
				sortedWithin: before(second, first),
			};
		});
	}

	get asciiOnly(): boolean {
		return this.#once("ascii", () => {
			const [shown] = probeConversations("tool", false, `${FIRST}é`);
			const text = shown === undefined ? null : this.#renderWith(shown.messages, FIRST);
			return text?.includes(`${FIRST}\\u00e9`) ?? false;
		});
	}

	get resultsInCallOrder(): boolean {
		return this.#once("order", () => {
			const both = callMessage(call(), call(new Map(), OTHER_ID));
			const asked = [user("first"), both, result(FIRST, OTHER_ID), result(SECOND)];
			const text = this.#renderWith(asked, FIRST) ?? "";
			return before(text.indexOf(SECOND), text.indexOf(FIRST));
		});
	}

	/**
	 * Whether the text of a message in that place is written at all. For texts too short to be looked for in a prompt.
	 * @param leading it is the conversation's first message
	 */
	writes(role: string, calling: boolean, leading: boolean): boolean {
		return this.#once(`writes ${role} ${calling} ${leading}`, () => {
			const [shown] = probeConversations(role, calling, FIRST).filter((place) => place.leading === leading);
			const text = shown === undefined ? null : this.#renderWith(shown.messages, FIRST);
			// What is refused here is refused, with the template's own words, where it stands.
			return text?.includes(FIRST) ?? true;
		});
	}

	#probedLists(role: string, calling: boolean): boolean {
		let reads = false;
		for (const { messages, at } of probeConversations(role, calling, FIRST)) {
			const asText = this.#render(messages);
			if (asText?.includes(FIRST) !== true) continue;
			const list = (...texts: string[]) =>
				this.#render(messages.with(at, new Map(messages[at]).set("content", texts.map(textPart))));
			const two = list(FIRST, SECOND);
			const start = two?.indexOf(FIRST) ?? -1;
			if (list(FIRST) !== asText || start === -1 || two?.indexOf(SECOND, start) === -1) return false;
			reads = true;
		}
		return reads;
	}

	/**
	 * A role that is written as a made-up one is not known: its text is left out, stands outside of every turn, or passes
	 * for somebody else's.
	 */
	#probedRole(role: string): boolean {
		const [first, ...others] = probeConversations(role, false, FIRST);
		if (first === undefined || this.#knownIn(first, role) !== true) return false;
		// What the template refuses elsewhere is refused, with its own words, where it stands.
		return others.every((place) => this.#knownIn(place, role) !== false);
	}

	/** Null when the template refuses it there. */
	#knownIn({ messages, at }: ProbeConversation, role: string): boolean | null {
		const asked = (name: string) => this.#render(messages.with(at, new Map(messages[at]).set("role", name)));
		const shown = asked(role);
		if (shown === null) return null;
		if (!shown.includes(FIRST)) return false;
		const madeUp = asked(MADE_UP_ROLE);
		if (shown !== madeUp) return true;
		// A template that tells no roles apart has the same place for all of them.
		return madeUp === asked("user") && madeUp === asked("tool");
	}

	/** Some templates write calls and results only where there are tools. */
	#renderWith(messages: JsonObject[], wanted: string): string | null {
		const text = this.#render(messages);
		return text?.includes(wanted) === true ? text : (this.#render(messages, true) ?? text);
	}

	#once<T>(key: string, probe: () => T): T {
		if (!this.#known.has(key)) this.#known.set(key, probe());
		return this.#known.get(key) as T;
	}
}

interface ProbeConversation {
	messages: JsonObject[];
	/** Index of the message that is asked about. */
	at: number;
	leading: boolean;
}

/** Small conversations with a message of that role in every place where it can stand. */
function probeConversations(role: string, calls: boolean, content: string): ProbeConversation[] {
	const message = role === "tool" ? result(content) : spoken(role, content);
	if (calls) message.set("tool_calls", [call()]);
	const first = (...after: JsonObject[]) => ({ messages: [message, ...after], at: 0, leading: true });
	const within = (before: JsonObject[], ...after: JsonObject[]) => ({
		messages: [...before, message, ...after],
		at: before.length,
		leading: false,
	});
	const answered = [user("first"), spoken("assistant", "second")];
	switch (role) {
		case "system":
		case "developer":
			return [first(user("first")), within(answered, user("third"))];
		case "user":
			return [first(), within(answered)];
		case "assistant":
			return calls ? [within([user("first")], result("done"))] : [within([user("first")], user("third"))];
		default:
			return [within([user("first"), callMessage(call())])];
	}
}

function named(name: string, value: JsonValue): JsonObject {
	return new Map([[name, value]]);
}

/** Whether both stand in the text, the one in front of the other. */
function before(one: number | undefined, other: number | undefined): boolean {
	return one !== undefined && other !== undefined && one !== -1 && one < other;
}
