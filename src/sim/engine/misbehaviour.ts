// The ways in which a gateway or another engine departs from SGLang, by name, and which program has which. Pure.
import { ConfigError } from "../../base/errors.js";

/** One departure; each can be switched on by itself. */
export const MISBEHAVIOURS = [
	"drops-input-ids",
	"drops-unknown-fields",
	"drops-rid",
	"rewrites-request-json",
	"refuses-default-model",
	"splits-sessions",
	"generates-twice",
	"buffers",
	"hides-engine-routes",
	"hides-engine-version",
	"strips-prompt-token-ids",
	"strips-prompt-tokens",
	"wrong-prompt-tokens",
	"strips-meta-info",
	"null-tool-calls",
	"null-content",
	"rewrites-reply-id",
	"rewrites-reply-json",
] as const;
export type Misbehaviour = (typeof MISBEHAVIOURS)[number];

/** What a program does with its default settings, as seen in front of two simulated engines. */
const PROGRAMS: ReadonlyMap<string, readonly Misbehaviour[]> = new Map<string, readonly Misbehaviour[]>([
	[
		"sglang-router",
		["drops-unknown-fields", "hides-engine-routes", "hides-engine-version", "splits-sessions"],
	],
	["smg", ["rewrites-request-json", "refuses-default-model", "hides-engine-routes", "splits-sessions"]],
]);

/**
 * The departures that a list of names means; a program's name means all of its own.
 * @throws ConfigError naming a name that is neither
 */
export function misbehavioursOf(names: readonly string[]): ReadonlySet<Misbehaviour> {
	const active = new Set<Misbehaviour>();
	for (const name of names) {
		const known = MISBEHAVIOURS.find((candidate) => candidate === name);
		const meant = known === undefined ? PROGRAMS.get(name) : [known];
		if (meant === undefined) {
			const choices = [...PROGRAMS.keys(), ...MISBEHAVIOURS].join(", ");
			throw new ConfigError(`sim option misbehave has ${name}; it must be made of ${choices}`);
		}
		for (const one of meant) active.add(one);
	}
	return active;
}

/** A comma-separated text as names; "" has none. */
export function misbehaviourNames(text: string): string[] {
	return text
		.split(",")
		.map((name) => name.trim())
		.filter((name) => name !== "");
}
