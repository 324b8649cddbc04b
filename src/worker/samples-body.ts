// Validates the body of a request for samples. Pure.
import { RollpinError } from "../base/errors.js";
import { parseJson, writeJson } from "../json/parse.js";
import { JsonNumber, type JsonValue } from "../json/value.js";
import type { SamplesRequest } from "../reads/samples-job.js";
import { SAMPLES_WIRES, type SamplesWire } from "../samples/wire.js";

/** JSON values and keys: they are read in one go, and nobody else is served meanwhile. */
const MAX_VALUES = 100_000;

/**
 * Unknown keys are ignored. Throws RollpinError `invalid_request`, JsonSyntaxError.
 * @param defaultWire for a body that names none
 */
export function parseSamplesBody(body: Buffer, maxDepth: number, defaultWire: SamplesWire): SamplesRequest {
	if (body.length === 0) return { maxSeqLen: null, agentJson: null, wire: defaultWire };
	const value = parseJson(body, { maxDepth, budget: { values: MAX_VALUES } });
	if (!(value instanceof Map)) {
		throw new RollpinError("invalid_request", "the body must be a JSON object, or empty");
	}
	const limit = value.get("max_seq_len") ?? null;
	const valid = limit === null || (limit instanceof JsonNumber && limit.isInteger && limit.value >= 0);
	if (!valid) {
		throw new RollpinError("invalid_request", "max_seq_len must be a whole number of tokens or null", {
			param: "max_seq_len",
		});
	}
	const wire = value.get("samples_wire") ?? defaultWire;
	if (!isWire(wire)) {
		throw new RollpinError(
			"invalid_request",
			`samples_wire must be one of ${SAMPLES_WIRES.join(", ")}, or left out`,
			{ param: "samples_wire" },
		);
	}
	const metadata = value.get("metadata") ?? null;
	return {
		maxSeqLen: limit === null ? null : limit.value,
		agentJson: metadata === null ? null : writeJson(metadata),
		wire,
	};
}

function isWire(value: JsonValue): value is SamplesWire {
	return (SAMPLES_WIRES as readonly JsonValue[]).includes(value);
}
