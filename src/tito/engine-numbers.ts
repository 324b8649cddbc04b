// Numbers as SGLang's JSON reader leaves them: an integer beyond 64 bits is a float there. Pure.
import { doubleText } from "../jinja/spelling.js";
import { JsonNumber, type JsonValue } from "../json/value.js";

/** Orjson's integers; it reads a longer one as a float (https://github.com/ijl/orjson, "int"). */
const LEAST = -(2n ** 63n);
const MOST = 2n ** 64n - 1n;
/** Shorter ones are certainly in that range. */
const CERTAIN_DIGITS = 18;

/** @param refused makes the error for a number that no double can hold, which orjson refuses */
export function numberAsEngineReads(number: JsonNumber, refused: (what: string) => Error): JsonNumber {
	const { text } = number;
	if (number.isInteger && text.length <= CERTAIN_DIGITS) return number;
	if (!Number.isFinite(number.value))
		throw refused(`holds ${shortened(text)}, more than a double can hold; send it as text`);
	if (!number.isInteger) return number;
	const exact = BigInt(text);
	return exact >= LEAST && exact <= MOST ? number : new JsonNumber(doubleText(number.value));
}

/** The same for every number in a value. */
export function asEngineReads(value: JsonValue, refused: (what: string) => Error): JsonValue {
	if (value instanceof JsonNumber) return numberAsEngineReads(value, refused);
	if (Array.isArray(value)) return value.map((item) => asEngineReads(item, refused));
	if (!(value instanceof Map)) return value;
	return new Map([...value].map(([key, item]) => [key, asEngineReads(item, refused)]));
}

function shortened(text: string): string {
	return text.length <= 24 ? text : `${text.slice(0, 20)}...`;
}
