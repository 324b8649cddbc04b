// What a template computes with: Python's values as JavaScript ones. Knows nothing of syntax, files or tokens.
import { JsonNumber, type JsonValue } from "../json/value.js";

/** A Python float; plain numbers and bigints are Python ints. */
export class PyFloat {
	readonly value: number;

	constructor(value: number) {
		this.value = value;
	}
}

/** A Python tuple: a list that prints with parentheses and never equals a list. */
export class Tuple extends Array<Value> {
	/** What map, filter and slice give is a list. */
	static override get [Symbol.species](): ArrayConstructor {
		return Array;
	}
}

export function tuple(...items: readonly Value[]): Tuple {
	const made = new Tuple();
	for (const item of items) made.push(item);
	return made;
}

/** Jinja's `namespace()`: the one thing a template may assign attributes to. */
export class Namespace {
	readonly attributes = new Map<string, Value>();
}

/** An object with fixed attributes, such as `loop`. */
export class Attributes {
	readonly name: string;
	readonly get: (attribute: string) => Value | undefined;

	constructor(name: string, get: (attribute: string) => Value | undefined) {
		this.name = name;
		this.get = get;
	}
}

/** Jinja's Undefined: prints as nothing, is false and empty, and refuses everything else. */
export class Undefined {
	readonly hint: string;

	constructor(hint: string) {
		this.hint = hint;
	}
}

export interface CallArguments {
	positional: readonly Value[];
	named: ReadonlyMap<string, Value>;
}

export type Callable = (args: CallArguments) => Value;

export type Dict = Map<Value, Value>;

export type Value =
	| null
	| boolean
	| number
	| bigint
	| string
	| PyFloat
	| Undefined
	| Namespace
	| Attributes
	| Callable
	| Dict
	| Value[];

/** The template cannot be rendered for this input: a Python exception would have left it. */
export class TemplateError extends Error {
	constructor(message: string) {
		super(message);
		this.name = "TemplateError";
	}
}

/** The template itself called `raise_exception`. */
export class TemplateRefusal extends TemplateError {
	constructor(message: string) {
		super(message);
		this.name = "TemplateRefusal";
	}
}

/** As `json.loads` would give it: ints exact, everything else numeric a float. */
export function fromJson(value: JsonValue): Value {
	if (value instanceof JsonNumber) {
		if (!value.isInteger) return new PyFloat(value.value);
		return Number.isSafeInteger(value.value) ? value.value + 0 : BigInt(value.text);
	}
	if (Array.isArray(value)) return value.map(fromJson);
	if (value instanceof Map) {
		const dict: Dict = new Map();
		for (const [key, item] of value) dict.set(key, fromJson(item));
		return dict;
	}
	return value;
}

export function isList(value: Value): value is Value[] {
	return Array.isArray(value);
}

export function isDict(value: Value): value is Dict {
	return value instanceof Map;
}

export function isNumber(value: Value): value is number | bigint | boolean | PyFloat {
	return (
		typeof value === "number" ||
		typeof value === "bigint" ||
		typeof value === "boolean" ||
		value instanceof PyFloat
	);
}

/** Python's `bool(value)`. */
export function truthy(value: Value): boolean {
	if (value === null || value instanceof Undefined) return false;
	if (value instanceof PyFloat) return value.value !== 0;
	if (isList(value)) return value.length > 0;
	if (isDict(value)) return value.size > 0;
	if (typeof value === "object" || typeof value === "function") return true;
	return Boolean(value);
}

/** Python's name of the type, for messages. */
export function typeName(value: Value): string {
	if (value === null) return "NoneType";
	if (typeof value === "boolean") return "bool";
	if (typeof value === "number" || typeof value === "bigint") return "int";
	if (typeof value === "string") return "str";
	if (typeof value === "function") return "function";
	if (value instanceof PyFloat) return "float";
	if (value instanceof Tuple) return "tuple";
	if (value instanceof Undefined) return "Undefined";
	if (value instanceof Namespace) return "Namespace";
	if (value instanceof Attributes) return value.name;
	return isDict(value) ? "dict" : "list";
}

/** @throws TemplateError for an undefined value, as every use of Jinja's Undefined but printing and testing. */
export function refuseUndefined(value: Value): void {
	if (value instanceof Undefined) throw new TemplateError(`${value.hint} is undefined`);
}

const SURROGATES = /[\ud800-\udfff]/;

/** Code points of a string, Python's units of length and index. */
export function codePoints(text: string): ArrayLike<string> & Iterable<string> {
	return SURROGATES.test(text) ? Array.from(text) : text;
}

/** What a `for` loop or `list()` sees. */
export function iterate(value: Value): Value[] {
	if (isList(value)) return value;
	if (typeof value === "string") return Array.from(value);
	if (isDict(value)) return [...value.keys()];
	if (value instanceof Undefined) return [];
	throw new TemplateError(`'${typeName(value)}' object is not iterable`);
}

export function lengthOf(value: Value): number {
	if (isList(value)) return value.length;
	if (typeof value === "string") return codePoints(value).length;
	if (isDict(value)) return value.size;
	if (value instanceof Undefined) return 0;
	throw new TemplateError(`object of type '${typeName(value)}' has no len()`);
}
