// Evaluates the expressions of a template in a scope. Prints nothing and assigns nothing.
import type { Binary, Call, Filter, Member, Node } from "./ast.js";
import { getAttribute, getItem, slice } from "./attributes.js";
import { applyFilter } from "./filters.js";
import { binary, toDouble } from "./operators.js";
import { NEGATED_TEST_PREFIX, TEST_PREFIX } from "./parse.js";
import type { Scope } from "./scope.js";
import { str } from "./spelling.js";
import { runTest } from "./tests.js";
import {
	type CallArguments,
	type Dict,
	isDict,
	isNumber,
	iterate,
	PyFloat,
	refuseUndefined,
	TemplateError,
	truthy,
	tuple,
	typeName,
	Undefined,
	type Value,
} from "./values.js";

const CONSTANTS: ReadonlyMap<string, Value> = new Map<string, Value>([
	["true", true],
	["True", true],
	["false", false],
	["False", false],
	["none", null],
	["None", null],
]);

/** @throws TemplateError */
export function evaluate(node: Node, scope: Scope): Value {
	switch (node.type) {
		case "StringLiteral":
		case "IntegerLiteral":
			return node.value;
		case "FloatLiteral":
			return new PyFloat(node.value);
		case "Identifier": {
			const constant = CONSTANTS.get(node.value);
			return constant === undefined ? scope.get(node.value) : constant;
		}
		case "ArrayLiteral":
			return node.value.map((item) => evaluate(item, scope));
		case "TupleLiteral":
			return tuple(...node.value.map((item) => evaluate(item, scope)));
		case "ObjectLiteral":
			return dictionary(node.value, scope);
		case "MemberExpression":
			return member(node, scope);
		case "CallExpression":
			return call(evaluate(node.callee, scope), callArguments(node.args, scope));
		case "FilterExpression":
			return filter(evaluate(node.operand, scope), node.filter, scope);
		case "TestExpression":
			return runTest(node.test.value, evaluate(node.operand, scope), null) !== node.negate;
		case "BinaryExpression":
			return binaryExpression(node, scope);
		case "UnaryExpression":
			return unary(node.operator.value, evaluate(node.argument, scope));
		case "Ternary":
			return evaluate(truthy(evaluate(node.condition, scope)) ? node.trueExpr : node.falseExpr, scope);
		case "SelectExpression":
			if (truthy(evaluate(node.test, scope))) return evaluate(node.lhs, scope);
			return new Undefined("the inline if-expression evaluated to false and no else section was defined; it");
		default:
			throw new TemplateError(`${node.type} cannot stand in an expression`);
	}
}

function dictionary(entries: ReadonlyMap<Node, Node>, scope: Scope): Dict {
	const dict: Dict = new Map();
	for (const [key, value] of entries) dict.set(evaluate(key, scope), evaluate(value, scope));
	return dict;
}

function member(node: Member, scope: Scope): Value {
	const object = evaluate(node.object, scope);
	const { property } = node;
	if (!node.computed) {
		return property.type === "Identifier"
			? getAttribute(object, property.value)
			: getItem(object, evaluate(property, scope));
	}
	if (property.type !== "SliceExpression") return getItem(object, evaluate(property, scope));
	const bound = (part: Node | undefined) => (part === undefined ? null : evaluate(part, scope));
	return slice(object, bound(property.start), bound(property.stop), bound(property.step));
}

export function call(callee: Value, args: CallArguments): Value {
	if (typeof callee === "function") return callee(args);
	refuseUndefined(callee);
	throw new TemplateError(`'${typeName(callee)}' object is not callable`);
}

/** Values of the arguments of a call, unpacking `*list` and `**dict`. */
export function callArguments(nodes: Call["args"], scope: Scope): CallArguments {
	const positional: Value[] = [];
	const named = new Map<string, Value>();
	for (const node of nodes) {
		if (node.type === "SpreadExpression") positional.push(...iterate(evaluate(node.argument, scope)));
		else if (node.type === "KeywordArgumentExpression")
			named.set(node.key.value, evaluate(node.value, scope));
		else if (node.type === "KeywordSpreadExpression") unpack(evaluate(node.argument, scope), named);
		else positional.push(evaluate(node, scope));
	}
	return { positional, named };
}

function unpack(value: Value, named: Map<string, Value>): void {
	if (!isDict(value)) throw new TemplateError(`argument after ** must be a mapping, not ${typeName(value)}`);
	for (const [key, item] of value) named.set(str(key), item);
}

/** Applies a filter, or a test with arguments, which the parser sees as a filter. */
export function filter(value: Value, node: Filter, scope: Scope): Value {
	const name = filterName(node);
	const args = callArguments(node.type === "CallExpression" ? node.args : [], scope);
	if (!name.startsWith(TEST_PREFIX)) return applyFilter(name, value, args);
	const negated = name.startsWith(NEGATED_TEST_PREFIX);
	const test = name.slice(negated ? NEGATED_TEST_PREFIX.length : TEST_PREFIX.length);
	return runTest(test, value, args.positional[0] ?? null) !== negated;
}

function filterName(node: Filter): string {
	const name = node.type === "CallExpression" ? node.callee : node;
	if (name.type === "Identifier") return name.value;
	throw new TemplateError("a filter must be a name");
}

function binaryExpression(node: Binary, scope: Scope): Value {
	const left = evaluate(node.left, scope);
	if (node.operator.value === "and") return truthy(left) ? evaluate(node.right, scope) : left;
	if (node.operator.value === "or") return truthy(left) ? left : evaluate(node.right, scope);
	return binary(node.operator.value, left, evaluate(node.right, scope));
}

function unary(operator: string, value: Value): Value {
	if (operator === "not") return !truthy(value);
	refuseUndefined(value);
	if (!isNumber(value))
		throw new TemplateError(`bad operand type for unary ${operator}: '${typeName(value)}'`);
	if (value instanceof PyFloat) return new PyFloat(operator === "-" ? -toDouble(value) : toDouble(value));
	return binary(operator, 0, value);
}
