// The template kwargs of a path are those of its first turn: another turn's may not differ. A pure decision.
import { RollpinError } from "../../base/errors.js";
import { parseJson, writeJson } from "../../json/parse.js";
import type { JsonObject } from "../../json/value.js";

/** Canonical text of effective kwargs, as a turn's header keeps it: equal for equal kwargs in whatever order. */
export function kwargsText(kwargs: JsonObject): string {
	return writeJson(new Map([...kwargs].sort(([a], [b]) => (a < b ? -1 : 1))));
}

/**
 * What was rendered with one set of kwargs cannot be continued with another: the whole conversation would read
 * otherwise than the ids that are stored.
 * @param pinned `kwargsText` of the turn built upon; undefined: not known (a turn of an older version)
 * @throws RollpinError `invalid_request` naming the first key that differs and both values
 */
export function refuseOtherKwargs(pinned: string | undefined, kwargs: JsonObject): void {
	if (pinned === undefined || pinned === kwargsText(kwargs)) return;
	const before = parseJson(pinned) as JsonObject;
	const names = [...new Set([...before.keys(), ...kwargs.keys()])].sort();
	for (const name of names) {
		const [was, is] = [shown(before, name), shown(kwargs, name)];
		if (was === is) continue;
		throw new RollpinError(
			"invalid_request",
			`chat_template_kwargs: ${name} is ${short(is)}, but the turns before have ${short(was)}; template arguments stay what a session's first turn made them: send the same ones, or start another session`,
			{ param: `chat_template_kwargs.${name}` },
		);
	}
}

function shown(kwargs: JsonObject, name: string): string {
	const value = kwargs.get(name);
	if (value === undefined) return "not set";
	return writeJson(value);
}

const SHOWN_CHARACTERS = 80;

function short(text: string): string {
	return text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}...` : text;
}
