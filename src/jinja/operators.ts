// Python's operators on template values: equality, order, membership, arithmetic, concatenation. Pure.
import { compareText, str } from "./spelling.js";
import {
	type Dict,
	isDict,
	isList,
	isNumber,
	iterate,
	PyFloat,
	refuseUndefined,
	TemplateError,
	Tuple,
	tuple,
	typeName,
	Undefined,
	type Value,
} from "./values.js";

type Numeric = number | bigint | boolean | PyFloat;

/** The double of any number; ints past 2^53 lose digits. */
export function toDouble(value: Numeric): number {
	return value instanceof PyFloat ? value.value : Number(value);
}

/** An int in its smallest form: a number while that is exact. */
function int(value: bigint): number | bigint {
	return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER)
		? Number(value)
		: value;
}

function toBigInt(value: Exclude<Numeric, PyFloat>): bigint {
	return BigInt(value);
}

/** Python's `==`. */
export function equals(a: Value, b: Value): boolean {
	if (a === b) return true;
	if (isNumber(a) && isNumber(b)) return compareNumbers(a, b) === 0;
	if (a instanceof Undefined && b instanceof Undefined) return true;
	if (isList(a) && isList(b)) {
		if (a instanceof Tuple !== b instanceof Tuple || a.length !== b.length) return false;
		return a.every((item, index) => equals(item, b[index] as Value));
	}
	return isDict(a) && isDict(b) && equalDicts(a, b);
}

function equalDicts(a: Dict, b: Dict): boolean {
	if (a.size !== b.size) return false;
	for (const [key, item] of a) {
		if (!b.has(key) || !equals(item, b.get(key) as Value)) return false;
	}
	return true;
}

function compareNumbers(a: Numeric, b: Numeric): number {
	const exact = typeof a === "bigint" || typeof b === "bigint";
	const left = exact && !(a instanceof PyFloat) ? toBigInt(a) : toDouble(a);
	const right = exact && !(b instanceof PyFloat) ? toBigInt(b) : toDouble(b);
	if (left < right) return -1;
	if (left > right) return 1;
	return Number.isNaN(left) || Number.isNaN(right) ? Number.NaN : 0;
}

/** Negative, zero or positive; NaN where Python finds neither less nor more. @throws TemplateError for a mix */
export function compare(a: Value, b: Value, operator = "<"): number {
	refuseUndefined(a);
	refuseUndefined(b);
	if (isNumber(a) && isNumber(b)) return compareNumbers(a, b);
	if (typeof a === "string" && typeof b === "string") return compareText(a, b);
	if (isList(a) && isList(b) && a instanceof Tuple === b instanceof Tuple) {
		for (let index = 0; index < Math.min(a.length, b.length); index++) {
			const [left, right] = [a[index] as Value, b[index] as Value];
			if (!equals(left, right)) return compare(left, right, operator);
		}
		return a.length - b.length;
	}
	throw new TemplateError(
		`'${operator}' not supported between instances of '${typeName(a)}' and '${typeName(b)}'`,
	);
}

/** Python's `needle in haystack`. */
export function contains(haystack: Value, needle: Value): boolean {
	if (typeof haystack === "string") {
		if (typeof needle === "string") return haystack.includes(needle);
		refuseUndefined(needle);
		throw new TemplateError(`'in <string>' requires string as left operand, not ${typeName(needle)}`);
	}
	if (isDict(haystack)) return haystack.has(needle);
	return iterate(haystack).some((item) => equals(item, needle));
}

export function binary(operator: string, a: Value, b: Value): Value {
	switch (operator) {
		case "==":
			return equals(a, b);
		case "!=":
			return !equals(a, b);
		case "<":
			return compare(a, b, operator) < 0;
		case ">":
			return compare(a, b, operator) > 0;
		case "<=":
			return compare(a, b, operator) <= 0;
		case ">=":
			return compare(a, b, operator) >= 0;
		case "in":
			return contains(b, a);
		case "not in":
			return !contains(b, a);
		case "~":
			return str(a) + str(b);
		default:
			return arithmetic(operator, a, b);
	}
}

function arithmetic(operator: string, a: Value, b: Value): Value {
	refuseUndefined(a);
	refuseUndefined(b);
	if (isNumber(a) && isNumber(b)) {
		if (a instanceof PyFloat || b instanceof PyFloat || operator === "/")
			return floatArithmetic(operator, toDouble(a), toDouble(b));
		return intArithmetic(operator, toBigInt(a), toBigInt(b));
	}
	if (operator === "+") {
		if (typeof a === "string" && typeof b === "string") return a + b;
		if (isList(a) && isList(b) && a instanceof Tuple === b instanceof Tuple)
			return a instanceof Tuple ? tuple(...a, ...b) : [...a, ...b];
	}
	if (operator === "*") {
		if (isSequence(a) && typeof b === "number") return repeat(a, b);
		if (isSequence(b) && typeof a === "number") return repeat(b, a);
	}
	if (operator === "%" && typeof a === "string") return formatPercent(a, b);
	throw new TemplateError(
		`unsupported operand type(s) for ${operator}: '${typeName(a)}' and '${typeName(b)}'`,
	);
}

function isSequence(value: Value): value is string | Value[] {
	return typeof value === "string" || isList(value);
}

function repeat(value: string | Value[], times: number): Value {
	if (typeof value === "string") return value.repeat(Math.max(0, times));
	return Array.from({ length: Math.max(0, times) }, () => value).flat();
}

function floatArithmetic(operator: string, a: number, b: number): PyFloat {
	switch (operator) {
		case "+":
			return new PyFloat(a + b);
		case "-":
			return new PyFloat(a - b);
		case "*":
			return new PyFloat(a * b);
		case "**":
			return new PyFloat(a ** b);
	}
	if (b === 0) throw new TemplateError("division by zero");
	if (operator === "/") return new PyFloat(a / b);
	if (operator === "//") return new PyFloat(Math.floor(a / b));
	const rest = a % b;
	return new PyFloat(rest !== 0 && rest < 0 !== b < 0 ? rest + b : rest);
}

function intArithmetic(operator: string, a: bigint, b: bigint): Value {
	switch (operator) {
		case "+":
			return int(a + b);
		case "-":
			return int(a - b);
		case "*":
			return int(a * b);
		case "**":
			if (b < 0n) return new PyFloat(Number(a) ** Number(b));
			if (b > 4096n) throw new TemplateError("exponent is too large");
			return int(a ** b);
	}
	if (b === 0n) throw new TemplateError("integer division or modulo by zero");
	const rest = a % b;
	const wraps = rest !== 0n && rest < 0n !== b < 0n;
	if (operator === "//") return int(a / b - (wraps ? 1n : 0n));
	return int(wraps ? rest + b : rest);
}

/** `"%s: %d" % values`, for the conversions s, d and %. */
function formatPercent(format: string, operand: Value): string {
	const values = operand instanceof Tuple ? [...operand] : [operand];
	const text = format.replace(/%(.)/gs, (_, conversion: string) => {
		if (conversion === "%") return "%";
		const value = values.shift();
		if (value === undefined) throw new TemplateError("not enough arguments for format string");
		if (conversion === "s") return str(value);
		if (conversion === "d" && isNumber(value)) return String(BigInt(Math.trunc(toDouble(value))));
		throw new TemplateError(`unsupported format '%${conversion}' for ${typeName(value)}`);
	});
	if (values.length > 0 && operand instanceof Tuple)
		throw new TemplateError("not all arguments converted during string formatting");
	return text;
}
