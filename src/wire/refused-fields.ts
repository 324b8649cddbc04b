// Which fields of a chat are refused because the record could not tell the truth with them, or the client would get less
// than it asked for. Pure; reads no more of a value than shows whether it asks for anything.
import { RollpinError } from "../base/errors.js";
import { parseJson } from "../json/parse.js";
import type { JsonObject, JsonValue } from "../json/value.js";
import { JsonNumber } from "../json/value.js";
import type { ChatBody } from "./chat-body.js";

interface Rule {
	/** Values that ask for nothing; null and a missing field never do. */
	neutral: (value: JsonValue) => boolean;
	/** Completes "<field> ..." with the rule and the remedy. */
	why: string;
}

export interface FieldRules {
	r3: "off" | "full" | "incremental";
	samplingReplay: boolean;
}

const never = (): boolean => false;
const number = (wanted: number) => (value: JsonValue) =>
	value instanceof JsonNumber && value.value === wanted;
const off = (value: JsonValue): boolean => value === false;
const empty = (value: JsonValue): boolean =>
	(Array.isArray(value) && value.length === 0) || (value instanceof Map && value.size === 0);
const textOnly = (value: JsonValue): boolean =>
	Array.isArray(value) && value.every((modality) => modality === "text");

const BOOTSTRAP =
	"is the gateway's to set: the engine would read its prompt's state from another place; leave it out";

/** By field of SGLang 0.5.23's ChatCompletionRequest, or of OpenAI's where SGLang ignores it. */
const RULES: ReadonlyArray<readonly [field: string, Rule]> = [
	[
		"input_ids",
		{
			neutral: never,
			why: "are the session's: it sends the stored ids and the new messages'; leave them out",
		},
	],
	["best_of", { neutral: number(1), why: "must be 1: a session records one generation per turn" }],
	["echo", { neutral: off, why: "is not possible: a reply holds the answer alone; leave it out" }],
	[
		"session_params",
		{
			neutral: empty,
			why: "would put the engine's own session before the ids that are sent; leave them out",
		},
	],
	["bootstrap_host", { neutral: never, why: BOOTSTRAP }],
	["bootstrap_port", { neutral: never, why: BOOTSTRAP }],
	["bootstrap_room", { neutral: never, why: BOOTSTRAP }],
	[
		"task",
		{ neutral: never, why: "changes the engine's own rendering, which a session replaces; leave it out" },
	],
	["functions", { neutral: empty, why: "are shown to no model here: send them as tools" }],
	["modalities", { neutral: textOnly, why: 'must be ["text"]: a session records text' }],
];

const START_LEN: Rule = {
	neutral: number(0),
	why: "must be 0: the record would lack rows without saying so; --r3 incremental asks for the missing ones only",
};

const PENALTY = "cannot be replayed with a sampling mask (--sampling-replay): it shifts the logits";
/** What a trainer that has the sampling support alone cannot reproduce. */
const SAMPLING_RULES: ReadonlyArray<readonly [field: string, Rule]> = [
	["frequency_penalty", { neutral: number(0), why: `must be 0: it ${PENALTY}` }],
	["presence_penalty", { neutral: number(0), why: `must be 0: it ${PENALTY}` }],
	["repetition_penalty", { neutral: number(1), why: `must be 1: it ${PENALTY}` }],
	["logit_bias", { neutral: empty, why: `must be empty: it ${PENALTY}` }],
];

/** A value that is longer asks for something: no neutral one is. */
const NEUTRAL_BYTES = 256;

/** @throws RollpinError `invalid_request` naming the first field that is refused, the rule and the remedy */
export function refuseFields({ body, scan }: Pick<ChatBody, "body" | "scan">, rules: FieldRules): void {
	const known = ruleTable(rules);
	// In the rules' order, so that the first of several is always the same one; most requests have none.
	if (!scan.fields.some(({ key }) => known.has(key))) return;
	const spelled = new Map(scan.fields.map((field) => [field.key, field]));
	for (const [field, rule] of known) {
		const range = spelled.get(field);
		if (range === undefined) continue;
		const small = range.valueEnd - range.valueStart <= NEUTRAL_BYTES;
		const value = small ? parseJson(body.subarray(range.valueStart, range.valueEnd)) : undefined;
		refuse(field, field, rule, value);
	}
}

/** The same for fields that a session pins. @throws RollpinError `invalid_request` */
export function refuseOverrides(overrides: JsonObject, rules: FieldRules): void {
	for (const [field, rule] of rulesFor(rules)) {
		if (overrides.has(field)) refuse(field, `request_overrides.${field}`, rule, overrides.get(field));
	}
}

/** Every field that some setting refuses, with the rule in words, for the docs. */
export function refusedFieldRules(): Array<readonly [field: string, why: string]> {
	return rulesFor({ r3: "off", samplingReplay: true }).map(([field, { why }]) => [field, why]);
}

const tables = new Map<string, ReadonlyMap<string, Rule>>();

/** The same, made once for each combination of settings. */
function ruleTable(rules: FieldRules): ReadonlyMap<string, Rule> {
	const key = `${rules.r3} ${rules.samplingReplay}`;
	let table = tables.get(key);
	if (table === undefined) {
		table = new Map(rulesFor(rules));
		tables.set(key, table);
	}
	return table;
}

function rulesFor({ r3, samplingReplay }: FieldRules): Array<readonly [string, Rule]> {
	return [
		...RULES,
		// With --r3 on it is ours to set, and a client's own is replaced.
		...(r3 === "off" ? [["routed_experts_start_len", START_LEN] as const] : []),
		...(samplingReplay ? SAMPLING_RULES : []),
	];
}

function refuse(field: string, param: string, rule: Rule, value: JsonValue | undefined): void {
	if (value === null || (value !== undefined && rule.neutral(value))) return;
	throw new RollpinError("invalid_request", `${field} ${rule.why}`, { param });
}
