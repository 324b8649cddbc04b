// Validates the bodies of create and extend. Pure.
import { RollpinError } from "../base/errors.js";
import { parseJson, writeJson } from "../json/parse.js";
import { JsonNumber, type JsonObject, type JsonValue } from "../json/value.js";
import { MATCHERS } from "../session/place/matchers.js";
import type { SessionMeta } from "../store/store.js";

export interface CreateBody {
	ttlS: number | undefined;
	metadataJson: string | null;
	overridesJson: string | null;
	/** In place of `--mode` and `--message-matcher`, for this session. */
	mode: SessionMeta["mode"];
	messageMatcher: SessionMeta["messageMatcher"];
	/** What its sandbox is to be, or null: it has none. */
	sandboxJson: string | null;
}

type Shape =
	| "number"
	| "integer"
	| "boolean"
	| "string"
	| "string or list of strings"
	| "list of integers"
	| "object";

/**
 * Fields a session may pin for all its turns (docs/reference.md, Session overrides; and the model). Nothing that changes what the
 * conversation is: not messages, n, tools or stream.
 */
export const OVERRIDES: Readonly<Record<string, Shape>> = Object.assign(
	Object.create(null) as Record<string, Shape>,
	{
		model: "string",
		temperature: "number",
		top_p: "number",
		top_k: "integer",
		min_p: "number",
		max_tokens: "integer",
		max_completion_tokens: "integer",
		min_tokens: "integer",
		stop: "string or list of strings",
		stop_token_ids: "list of integers",
		stop_regex: "string or list of strings",
		frequency_penalty: "number",
		presence_penalty: "number",
		repetition_penalty: "number",
		response_format: "object",
		regex: "string",
		ebnf: "string",
		seed: "integer",
		logit_bias: "object",
		ignore_eos: "boolean",
		skip_special_tokens: "boolean",
		custom_params: "object",
	} satisfies Record<string, Shape>,
);

/** Unknown top-level keys are ignored. Throws RollpinError `invalid_json` / `invalid_request`. */
export function parseCreateBody(body: Buffer, maxTtlS: number, maxDepth: number): CreateBody {
	if (body.length === 0) {
		return {
			ttlS: undefined,
			metadataJson: null,
			overridesJson: null,
			mode: undefined,
			messageMatcher: undefined,
			sandboxJson: null,
		};
	}
	const value = parseJson(body, { maxDepth });
	if (!(value instanceof Map)) {
		throw new RollpinError("invalid_json", "session request must be an object, or leave the body empty");
	}
	const metadata = value.get("metadata") ?? null;
	if (metadata !== null && !(metadata instanceof Map)) {
		throw new RollpinError("invalid_request", "metadata must be an object", { param: "metadata" });
	}
	const sandbox = value.get("sandbox") ?? null;
	if (sandbox !== null && !(sandbox instanceof Map)) {
		throw new RollpinError("invalid_request", "sandbox must be an object, as POST /sandboxes takes it", {
			param: "sandbox",
		});
	}
	const overrides = value.get("request_overrides") ?? null;
	if (overrides !== null) checkOverrides(overrides);
	return {
		ttlS: value.has("ttl_seconds") ? parseTtl(value.get("ttl_seconds") ?? null, maxTtlS) : undefined,
		metadataJson: metadata === null ? null : writeJson(metadata),
		overridesJson: overrides === null ? null : writeJson(overrides),
		mode: choiceOf(value, "mode", MODES),
		messageMatcher: choiceOf(value, "message_matcher", MATCHERS),
		sandboxJson: sandbox === null ? null : writeJson(sandbox),
	};
}

const MODES = ["linear", "tree"] as const;

/** Absent and null are the launch's choice. */
function choiceOf<Name extends string>(
	body: JsonObject,
	field: string,
	choices: readonly Name[],
): Name | undefined {
	const value = body.get(field) ?? null;
	if (value === null) return undefined;
	const found = choices.find((choice) => choice === value);
	if (found !== undefined) return found;
	throw new RollpinError("invalid_request", `${field} must be one of ${choices.join(", ")}`, {
		param: field,
	});
}

/** The body of extend: `{"ttl_seconds": n}`. */
export function parseExtendBody(body: Buffer, maxTtlS: number, maxDepth: number): number {
	const value = parseJson(body, { maxDepth });
	if (!(value instanceof Map)) {
		throw new RollpinError("invalid_json", 'the body must be an object: {"ttl_seconds": n}');
	}
	return parseTtl(value.get("ttl_seconds") ?? null, maxTtlS);
}

function parseTtl(value: JsonValue, maxTtlS: number): number {
	if (value instanceof JsonNumber && value.isInteger && value.value >= 1 && value.value <= maxTtlS)
		return value.value;
	throw new RollpinError("invalid_request", `ttl_seconds must be an integer from 1 to ${maxTtlS}`, {
		param: "ttl_seconds",
	});
}

function checkOverrides(overrides: JsonValue): asserts overrides is JsonObject {
	if (!(overrides instanceof Map)) {
		throw new RollpinError("invalid_request", "request_overrides must be an object", {
			param: "request_overrides",
		});
	}
	const unknown = [...overrides.keys()].filter((key) => OVERRIDES[key] === undefined).sort();
	if (unknown.length > 0) {
		const list = unknown.map((key) => `'${key}'`).join(", ");
		throw new RollpinError("invalid_request", `unsupported session request overrides: [${list}]`, {
			param: "request_overrides",
		});
	}
	for (const [key, value] of overrides) {
		const shape = OVERRIDES[key] as Shape;
		if (hasShape(value, shape)) continue;
		throw new RollpinError(
			"invalid_request",
			`invalid session request override '${key}': expected ${shape}, got ${typeName(value)}`,
			{ param: `request_overrides.${key}` },
		);
	}
}

function hasShape(value: JsonValue, shape: Shape): boolean {
	switch (shape) {
		case "number":
			return value instanceof JsonNumber;
		case "integer":
			return value instanceof JsonNumber && value.isInteger;
		case "boolean":
			return typeof value === "boolean";
		case "string":
			return typeof value === "string";
		case "string or list of strings":
			return (
				typeof value === "string" || (Array.isArray(value) && value.every((item) => typeof item === "string"))
			);
		case "list of integers":
			return Array.isArray(value) && value.every((item) => item instanceof JsonNumber && item.isInteger);
		case "object":
			return value instanceof Map;
	}
}

function typeName(value: JsonValue): string {
	if (value === null) return "null";
	if (value instanceof JsonNumber) return value.isInteger ? "integer" : "number";
	if (Array.isArray(value)) return "list";
	return value instanceof Map ? "object" : typeof value;
}
