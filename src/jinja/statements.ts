// Renders the statements of a template: output, loops, assignments, macros, with Jinja's scopes.
import type { CallBlock, For, Identifier, List, Node, Parameter, SetNode } from "./ast.js";
import { call, callArguments, evaluate, filter } from "./expressions.js";
import { equals } from "./operators.js";
import { Scope } from "./scope.js";
import { str } from "./spelling.js";
import {
	Attributes,
	type CallArguments,
	type Callable,
	iterate,
	Namespace,
	TemplateError,
	truthy,
	tuple,
	Undefined,
	type Value,
} from "./values.js";

/** How a block ended: normally, or by a loop control. */
type Outcome = "done" | "break" | "continue";

/** Text of a block in a scope. @throws TemplateError */
export function renderText(body: readonly Node[], scope: Scope): string {
	const out: string[] = [];
	renderBlock(body, scope, out);
	return out.join("");
}

/**
 * As `renderText`, with a rest after each step of a loop that lies in no other one: the messages of a long conversation.
 * @throws TemplateError
 */
export function* renderSteps(body: readonly Node[], scope: Scope): Generator<undefined, string, void> {
	const out: string[] = [];
	yield* blockSteps(body, scope, out);
	return out.join("");
}

function* blockSteps(
	body: readonly Node[],
	scope: Scope,
	out: string[],
): Generator<undefined, Outcome, void> {
	for (const node of body) {
		const outcome =
			node.type === "For"
				? yield* forSteps(node, scope, out)
				: node.type === "If"
					? yield* blockSteps(truthy(evaluate(node.test, scope)) ? node.body : node.alternate, scope, out)
					: renderNode(node, scope, out);
		if (outcome !== "done") return outcome;
	}
	return "done";
}

function* forSteps(node: For, scope: Scope, out: string[]): Generator<undefined, Outcome, void> {
	const items = loopItems(node, scope);
	if (items.length === 0) return renderBlock(node.defaultBlock, new Scope(scope), out);
	const changes: Changes = { last: undefined };
	for (let at = 0; at < items.length; at++) {
		if (renderBlock(node.body, stepScope(node, items, at, changes, scope), out) === "break") break;
		yield;
	}
	return "done";
}

function renderBlock(body: readonly Node[], scope: Scope, out: string[]): Outcome {
	for (const node of body) {
		const outcome = renderNode(node, scope, out);
		if (outcome !== "done") return outcome;
	}
	return "done";
}

function renderNode(node: Node, scope: Scope, out: string[]): Outcome {
	switch (node.type) {
		case "If":
			return renderBlock(truthy(evaluate(node.test, scope)) ? node.body : node.alternate, scope, out);
		case "For":
			return renderFor(node, scope, out);
		case "Break":
			return "break";
		case "Continue":
			return "continue";
		case "Comment":
			return "done";
		case "Set":
			assign(node, scope);
			return "done";
		case "Macro":
			scope.set(node.name.value, macro(node.name.value, node.args, node.body, scope));
			return "done";
		case "CallStatement":
			out.push(str(callBlock(node, scope)));
			return "done";
		case "FilterStatement":
			out.push(str(filter(renderText(node.body, new Scope(scope)), node.filter, scope)));
			return "done";
		default:
			out.push(str(evaluate(node, scope)));
			return "done";
	}
}

function renderFor(node: For, scope: Scope, out: string[]): Outcome {
	const items = loopItems(node, scope);
	if (items.length === 0) return renderBlock(node.defaultBlock, new Scope(scope), out);
	const changes: Changes = { last: undefined };
	for (let at = 0; at < items.length; at++) {
		if (renderBlock(node.body, stepScope(node, items, at, changes, scope), out) === "break") break;
	}
	return "done";
}

/** What `loop.changed` was last asked about in a loop. */
interface Changes {
	last: Value | undefined;
}

/** A fresh scope each time: what one iteration sets, the next does not see. */
function stepScope(node: For, items: readonly Value[], at: number, changes: Changes, scope: Scope): Scope {
	const inner = new Scope(scope);
	inner.set("loop", loopContext(items, at, changes));
	bind(node.loopvar, items[at] as Value, inner);
	return inner;
}

function loopItems(node: For, scope: Scope): Value[] {
	if (node.iterable.type !== "SelectExpression") return [...iterate(evaluate(node.iterable, scope))];
	const { lhs, test } = node.iterable;
	return iterate(evaluate(lhs, scope)).filter((item) => {
		const inner = new Scope(scope);
		bind(node.loopvar, item, inner);
		return truthy(evaluate(test, inner));
	});
}

function loopContext(items: readonly Value[], at: number, changes: Changes): Attributes {
	return new Attributes("LoopContext", (name) => {
		switch (name) {
			case "index":
				return at + 1;
			case "index0":
				return at;
			case "revindex":
				return items.length - at;
			case "revindex0":
				return items.length - at - 1;
			case "first":
				return at === 0;
			case "last":
				return at === items.length - 1;
			case "length":
				return items.length;
			case "depth":
				return 1;
			case "depth0":
				return 0;
			case "previtem":
				return items[at - 1] ?? new Undefined("there is no previous item; it");
			case "nextitem":
				return items[at + 1] ?? new Undefined("there is no next item; it");
			case "cycle":
				return (args: CallArguments) => args.positional[at % args.positional.length] ?? null;
			case "changed":
				return (args: CallArguments) => {
					const now = tuple(...args.positional);
					const changed = changes.last === undefined || !equals(changes.last, now);
					changes.last = now;
					return changed;
				};
			default:
				return undefined;
		}
	});
}

function bind(target: Identifier | List, value: Value, scope: Scope): void {
	if (target.type === "Identifier") {
		scope.set(target.value, value);
		return;
	}
	const items = iterate(value);
	if (items.length !== target.value.length)
		throw new TemplateError(`cannot unpack ${items.length} values into ${target.value.length} names`);
	for (const [at, part] of target.value.entries()) {
		if (part.type !== "Identifier" && part.type !== "TupleLiteral")
			throw new TemplateError(`cannot assign to ${part.type}`);
		bind(part, items[at] as Value, scope);
	}
}

function assign(node: SetNode, scope: Scope): void {
	const value = node.value === null ? renderText(node.body, new Scope(scope)) : evaluate(node.value, scope);
	const { assignee } = node;
	if (assignee.type === "Identifier" || assignee.type === "TupleLiteral") {
		bind(assignee, value, scope);
		return;
	}
	if (assignee.type !== "MemberExpression" || assignee.property.type !== "Identifier")
		throw new TemplateError(`cannot assign to ${assignee.type}`);
	const object = evaluate(assignee.object, scope);
	if (!(object instanceof Namespace))
		throw new TemplateError("cannot assign attribute on non-namespace object");
	object.attributes.set(assignee.property.value, value);
}

function macro(
	name: string,
	parameters: readonly Parameter[],
	body: readonly Node[],
	outer: Scope,
): Callable {
	const uses = (special: string) => mentions(body, special);
	return (args) => {
		const scope = new Scope(outer);
		bindParameters(name, parameters, args, scope, uses);
		return renderText(body, scope);
	};
}

function bindParameters(
	name: string,
	parameters: readonly Parameter[],
	args: CallArguments,
	scope: Scope,
	uses: (special: string) => boolean,
): void {
	const named = new Map(args.named);
	const caller = named.get("caller");
	named.delete("caller");
	if (caller !== undefined) scope.set("caller", caller);
	for (const [at, parameter] of parameters.entries()) {
		const key = parameter.type === "Identifier" ? parameter.value : parameter.key.value;
		const given = args.positional[at] ?? named.get(key);
		named.delete(key);
		if (given !== undefined) scope.set(key, given);
		else if (parameter.type === "Identifier")
			scope.set(key, new Undefined(`parameter '${key}' was not provided; it`));
		else scope.set(key, evaluate(parameter.value, scope));
	}
	const rest = args.positional.slice(parameters.length);
	if (rest.length > 0 && !uses("varargs"))
		throw new TemplateError(`macro '${name}' takes not more than ${parameters.length} argument(s)`);
	const [unknown] = named.keys();
	if (unknown !== undefined && !uses("kwargs"))
		throw new TemplateError(`macro '${name}' takes no keyword argument '${unknown}'`);
	scope.set("varargs", tuple(...rest));
	scope.set("kwargs", named);
}

/** Whether a name stands anywhere in a body. */
function mentions(part: unknown, name: string): boolean {
	if (Array.isArray(part)) return part.some((item) => mentions(item, name));
	if (part instanceof Map) return mentions([...part].flat(), name);
	if (typeof part !== "object" || part === null) return false;
	const node = part as Node;
	return (node.type === "Identifier" && node.value === name) || mentions(Object.values(node), name);
}

function callBlock(node: CallBlock, scope: Scope): Value {
	const args = callArguments(node.call.args, scope);
	const caller = macro("caller", node.callerArgs ?? [], node.body, scope);
	return call(evaluate(node.call.callee, scope), {
		positional: args.positional,
		named: new Map(args.named).set("caller", caller),
	});
}
