// One on-off kwarg under several names becomes the one name a family renders with. Pure.
import { writeJson } from "../json/parse.js";
import type { JsonObject, JsonValue } from "../json/value.js";
import type { KwargAliases, TemplateKwargs } from "./tito.js";

/** A value that an alias does not take; the message is for whoever sent it. */
export interface AliasFault {
	name: string;
	/** States the value and the ones allowed; the sender's label goes before it. */
	reason: string;
}

/**
 * Lays one layer of kwargs over those beneath. A layer that has any name of the group, even with null, speaks for the
 * whole group: what lower layers said of it is dropped first. The effective boolean stands as `aliases.flag`.
 * `merged` is changed in place.
 */
export function resolveAliases(
	merged: TemplateKwargs,
	layer: JsonObject,
	aliases: KwargAliases,
): AliasFault | null {
	const { names, flag, absent } = aliases;
	const given = names.filter(({ name }) => layer.has(name));
	if (given.length === 0) {
		if (!merged.has(flag)) merged.set(flag, absent);
		return null;
	}
	for (const { name } of names) merged.delete(name);
	let effective: boolean | null = null;
	for (const alias of given) {
		const value = layer.get(alias.name) ?? null;
		if (value === null) continue;
		if (value !== alias.on && value !== alias.off) return fault(alias, value);
		effective ??= value === alias.on;
	}
	merged.set(flag, effective ?? absent);
	return null;
}

function fault({ name, on, off }: KwargAliases["names"][number], value: JsonValue): AliasFault {
	const reason = `${name}=${writeJson(value)} is not one of ${writeJson(on)}, ${writeJson(off)}`;
	return { name, reason };
}
