// Spells JSON values as Python's json.dumps(..., ensure_ascii=False) does, which is how SGLang's tool parsers write arguments.
import { JsonNumber, type JsonValue } from "../../json/value.js";
import { pythonFloat } from "./python-number.js";

/** A space after colon and comma; floats by repr, integers of any size digit by digit, text unescaped beyond ASCII. */
export function pythonJson(value: JsonValue): string {
	if (value === null || typeof value === "boolean") return String(value);
	if (typeof value === "string") return JSON.stringify(value);
	if (value instanceof JsonNumber) return pythonNumber(value);
	if (Array.isArray(value)) return `[${value.map(pythonJson).join(", ")}]`;
	const pairs = [...value].map(([key, item]) => `${JSON.stringify(key)}: ${pythonJson(item)}`);
	return `{${pairs.join(", ")}}`;
}

function pythonNumber(number: JsonNumber): string {
	if (!number.isInteger) return pythonFloat(number.value);
	return number.text === "-0" ? "0" : number.text;
}
