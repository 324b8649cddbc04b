// Invents arguments that a JSON schema accepts, spelled as Python's json.dumps would. Never executes anything.
import type { Random } from "./hash.js";
import { pythonFloat } from "./python-number.js";

type Schema = Readonly<Record<string, unknown>>;

const WORDS = ["alpha", "river", "paris", "main.py", "two words", "café", "0042", "a/b", 'quo"te', "last"];
const MAX_DEPTH = 6;

function asSchema(value: unknown): Schema {
	return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Schema) : {};
}

function numberOr(value: unknown, fallback: number): number {
	return typeof value === "number" && Number.isFinite(value) ? value : fallback;
}

/** json.dumps with Python's separators for values that came from a schema (`enum`, `const`, `default`). */
function pythonJson(value: unknown): string {
	if (Array.isArray(value)) return `[${value.map(pythonJson).join(", ")}]`;
	if (typeof value === "object" && value !== null) {
		const pairs = Object.entries(value).map(([key, item]) => `${JSON.stringify(key)}: ${pythonJson(item)}`);
		return `{${pairs.join(", ")}}`;
	}
	return JSON.stringify(value) ?? "null";
}

/**
 * JSON text of a value that `schema` accepts. Understood: type (also a list of types), enum, const, anyOf, oneOf,
 * allOf, local `$ref`, bounds of numbers, strings and arrays, properties, required.
 */
export function argumentsFor(schema: unknown, random: Random): string {
	return valueFor(asSchema(schema), asSchema(schema), random, 0, "object");
}

function valueFor(schema: Schema, root: Schema, random: Random, depth: number, fallbackType: string): string {
	const ref = schema.$ref;
	if (typeof ref === "string" && depth < MAX_DEPTH) {
		return valueFor(resolveRef(root, ref), root, random, depth + 1, fallbackType);
	}
	if ("const" in schema) return pythonJson(schema.const);
	const choices = schema.enum;
	if (Array.isArray(choices) && choices.length > 0) return pythonJson(choices[random.below(choices.length)]);
	const parts = schema.allOf;
	if (Array.isArray(parts) && parts.length > 0) {
		const merged: Schema = Object.assign({}, schema, ...parts.map(asSchema));
		return valueFor({ ...merged, allOf: undefined }, root, random, depth + 1, fallbackType);
	}
	for (const key of ["anyOf", "oneOf"]) {
		const variants = schema[key];
		if (!Array.isArray(variants) || variants.length === 0) continue;
		return valueFor(asSchema(variants[random.below(variants.length)]), root, random, depth + 1, "string");
	}
	switch (typeOf(schema, random, fallbackType)) {
		case "object":
			return objectFor(schema, root, random, depth);
		case "array":
			return arrayFor(schema, root, random, depth);
		case "integer":
			return String(integerFor(schema, random));
		case "number":
			return numberFor(schema, random);
		case "boolean":
			return random.below(2) === 0 ? "true" : "false";
		case "null":
			return "null";
		default:
			return JSON.stringify(stringFor(schema, random));
	}
}

function typeOf(schema: Schema, random: Random, fallback: string): string {
	const type = schema.type;
	if (Array.isArray(type) && type.length > 0) return String(type[random.below(type.length)]);
	if (typeof type === "string") return type;
	if (schema.properties !== undefined) return "object";
	if (schema.items !== undefined) return "array";
	return fallback;
}

function resolveRef(root: Schema, ref: string): Schema {
	if (!ref.startsWith("#/")) return {};
	let at: unknown = root;
	for (const part of ref.slice(2).split("/")) {
		const key = part.replaceAll("~1", "/").replaceAll("~0", "~");
		const holder = asSchema(at);
		at = Object.hasOwn(holder, key) ? holder[key] : undefined;
	}
	return asSchema(at);
}

function objectFor(schema: Schema, root: Schema, random: Random, depth: number): string {
	const required = new Set(Array.isArray(schema.required) ? schema.required.map(String) : []);
	const pairs: string[] = [];
	const properties = asSchema(schema.properties);
	for (const [name, property] of Object.entries(properties)) {
		const wanted = random.below(2) === 0 && depth < MAX_DEPTH;
		if (!required.has(name) && !wanted) continue;
		const value = valueFor(asSchema(property), root, random, depth + 1, "string");
		pairs.push(`${JSON.stringify(name)}: ${value}`);
	}
	for (const name of required) {
		if (!Object.hasOwn(properties, name)) pairs.push(`${JSON.stringify(name)}: "${WORDS[0]}"`);
	}
	return `{${pairs.join(", ")}}`;
}

function arrayFor(schema: Schema, root: Schema, random: Random, depth: number): string {
	const min = numberOr(schema.minItems, 0);
	const max = Math.max(min, Math.min(numberOr(schema.maxItems, min + 2), min + 2));
	const count = depth < MAX_DEPTH ? min + random.below(max - min + 1) : min;
	const items: string[] = [];
	while (items.length < count) {
		items.push(valueFor(asSchema(schema.items), root, random, depth + 1, "string"));
	}
	return `[${items.join(", ")}]`;
}

function integerFor(schema: Schema, random: Random): number {
	const exclusiveMin = numberOr(schema.exclusiveMinimum, Number.NEGATIVE_INFINITY);
	const exclusiveMax = numberOr(schema.exclusiveMaximum, Number.POSITIVE_INFINITY);
	const hardMin = Math.max(Math.ceil(numberOr(schema.minimum, -Infinity)), Math.floor(exclusiveMin) + 1);
	const hardMax = Math.min(Math.floor(numberOr(schema.maximum, Infinity)), Math.ceil(exclusiveMax) - 1);
	const min = Number.isFinite(hardMin) ? hardMin : Math.min(0, hardMax);
	const max = Math.min(hardMax, min + 100);
	const step = Math.max(1, Math.trunc(numberOr(schema.multipleOf, 1)));
	const firstMultiple = Math.ceil(min / step) * step;
	return firstMultiple + step * random.below(Math.max(1, Math.floor((max - firstMultiple) / step) + 1));
}

function numberFor(schema: Schema, random: Random): string {
	const min = numberOr(schema.minimum, numberOr(schema.exclusiveMinimum, 0));
	const max = numberOr(schema.maximum, numberOr(schema.exclusiveMaximum, min + 10));
	// Quarters of the range, never its ends: exact in binary, and inside exclusive bounds too.
	return pythonFloat(min + ((max - min) * (1 + random.below(3))) / 4);
}

function stringFor(schema: Schema, random: Random): string {
	let text = WORDS[random.below(WORDS.length)] as string;
	const min = numberOr(schema.minLength, 0);
	while (text.length < min) text += ` ${WORDS[random.below(WORDS.length)]}`;
	const max = schema.maxLength;
	return typeof max === "number" ? text.slice(0, max) : text;
}
