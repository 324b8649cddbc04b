// Jinja's tests (`x is defined`, `x is divisibleby(3)`). Pure.
import { compare, contains, equals, toDouble } from "./operators.js";
import {
	isDict,
	isList,
	isNumber,
	PyFloat,
	TemplateError,
	typeName,
	Undefined,
	type Value,
} from "./values.js";

type Test = (value: Value, other: Value) => boolean;

function remainder(value: Value, divisor: number): number {
	if (!isNumber(value)) throw new TemplateError(`unsupported operand type for %: '${typeName(value)}'`);
	return typeof value === "bigint" ? Number(value % BigInt(divisor)) : toDouble(value) % divisor;
}

const isInteger: Test = (value) => typeof value === "number" || typeof value === "bigint";
const isIterable: Test = (value) =>
	typeof value === "string" || isList(value) || isDict(value) || value instanceof Undefined;
const equalTo: Test = (value, other) => equals(value, other);
const notEqual: Test = (value, other) => !equals(value, other);
const less: Test = (value, other) => compare(value, other) < 0;
const atMost: Test = (value, other) => compare(value, other) <= 0;
const greater: Test = (value, other) => compare(value, other) > 0;
const atLeast: Test = (value, other) => compare(value, other) >= 0;

const TESTS: ReadonlyMap<string, Test> = new Map<string, Test>([
	["defined", (value) => !(value instanceof Undefined)],
	["undefined", (value) => value instanceof Undefined],
	["none", (value) => value === null],
	["boolean", (value) => typeof value === "boolean"],
	["true", (value) => value === true],
	["false", (value) => value === false],
	["string", (value) => typeof value === "string"],
	["number", isNumber],
	["integer", isInteger],
	["float", (value) => value instanceof PyFloat],
	["mapping", isDict],
	["sequence", isIterable],
	["iterable", isIterable],
	["callable", (value) => typeof value === "function"],
	["odd", (value) => Math.abs(remainder(value, 2)) === 1],
	["even", (value) => remainder(value, 2) === 0],
	["divisibleby", (value, other) => isNumber(other) && remainder(value, toDouble(other)) === 0],
	[
		"lower",
		(value) => typeof value === "string" && value === value.toLowerCase() && value !== value.toUpperCase(),
	],
	[
		"upper",
		(value) => typeof value === "string" && value === value.toUpperCase() && value !== value.toLowerCase(),
	],
	["in", (value, other) => contains(other, value)],
	["sameas", (value, other) => value === other],
	["equalto", equalTo],
	["eq", equalTo],
	["==", equalTo],
	["ne", notEqual],
	["!=", notEqual],
	["lt", less],
	["<", less],
	["lessthan", less],
	["le", atMost],
	["<=", atMost],
	["gt", greater],
	[">", greater],
	["greaterthan", greater],
	["ge", atLeast],
	[">=", atLeast],
	["escaped", () => false],
]);

/** @throws TemplateError for a test there is no such */
export function runTest(name: string, value: Value, other: Value): boolean {
	const test = TESTS.get(name);
	if (test === undefined) throw new TemplateError(`No test named '${name}'`);
	return test(value, other);
}
