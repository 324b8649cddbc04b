// What `a.b`, `a["b"]` and `a[1:2]` mean: Python's lookups inside Jinja's immutable sandbox. Changes no value.
import { intArgument } from "./arguments.js";
import { equals } from "./operators.js";
import { repr } from "./spelling.js";
import { STRING_METHODS } from "./strings.js";
import {
	Attributes,
	type CallArguments,
	type Callable,
	codePoints,
	type Dict,
	isDict,
	isList,
	Namespace,
	TemplateError,
	Tuple,
	tuple,
	typeName,
	Undefined,
	type Value,
} from "./values.js";

type Method<T> = (self: T, args: CallArguments) => Value;

/** Those that would change the dict are refused by the sandbox, but still hide a key of their name. */
const REFUSED_DICT_METHODS = new Set(["clear", "pop", "popitem", "setdefault", "update"]);
const REFUSED_LIST_METHODS = new Set([
	"append",
	"clear",
	"extend",
	"insert",
	"pop",
	"remove",
	"reverse",
	"sort",
]);

const DICT_METHODS: ReadonlyMap<string, Method<Dict>> = new Map<string, Method<Dict>>([
	["items", (dict) => [...dict].map(([key, value]) => tuple(key, value))],
	["keys", (dict) => [...dict.keys()]],
	["values", (dict) => [...dict.values()]],
	["get", getEntry],
	["copy", (dict) => new Map(dict)],
]);

const LIST_METHODS: ReadonlyMap<string, Method<Value[]>> = new Map<string, Method<Value[]>>([
	["count", (list, args) => list.filter((item) => equals(item, args.positional[0] ?? null)).length],
	["index", (list, args) => indexIn(list, args.positional[0] ?? null)],
	["copy", (list) => [...list]],
]);

function getEntry(dict: Dict, args: CallArguments): Value {
	const key = args.positional[0] ?? null;
	return dict.has(key) ? (dict.get(key) as Value) : (args.positional[1] ?? null);
}

function indexIn(list: readonly Value[], wanted: Value): number {
	const at = list.findIndex((item) => equals(item, wanted));
	if (at === -1) throw new TemplateError(`${repr(wanted)} is not in list`);
	return at;
}

/** `value.name`: a method of the type hides a key of the same name, as in Python. */
export function getAttribute(value: Value, name: string): Value {
	const own = ownAttribute(value, name);
	if (own !== undefined) return own;
	if (isDict(value)) {
		const item = value.get(name);
		if (item !== undefined) return item;
	}
	return missing(value, name);
}

/** `value[key]`: an item first, then an attribute. */
export function getItem(value: Value, key: Value): Value {
	if (isDict(value)) {
		const item = value.get(key);
		if (item !== undefined) return item;
	}
	if ((isList(value) || typeof value === "string") && (typeof key === "number" || typeof key === "boolean")) {
		const items = typeof value === "string" ? codePoints(value) : value;
		const at = Number(key) < 0 ? items.length + Number(key) : Number(key);
		const item = items[at];
		if (item !== undefined) return item;
	}
	if (typeof key === "string") {
		const own = ownAttribute(value, key);
		if (own !== undefined) return own;
	}
	return missing(value, key);
}

function missing(value: Value, key: Value): Undefined {
	if (value instanceof Undefined) throw new TemplateError(`${value.hint} is undefined`);
	return new Undefined(
		typeof key === "string"
			? `'${typeName(value)} object' has no attribute ${repr(key)}`
			: `${typeName(value)} object has no element ${repr(key)}`,
	);
}

function ownAttribute(value: Value, name: string): Value | undefined {
	if (typeof value === "string") return bound(STRING_METHODS, value, name);
	if (value instanceof Namespace) return value.attributes.get(name);
	if (value instanceof Attributes) return value.get(name);
	if (isDict(value)) {
		if (REFUSED_DICT_METHODS.has(name)) return refused("dict", name);
		return bound(DICT_METHODS, value, name);
	}
	if (isList(value)) {
		if (!(value instanceof Tuple) && REFUSED_LIST_METHODS.has(name)) return refused("list", name);
		return bound(LIST_METHODS, value, name);
	}
	return undefined;
}

function refused(type: string, name: string): Undefined {
	return new Undefined(`access to attribute '${name}' of '${type}' object is unsafe; it`);
}

function bound<T>(methods: ReadonlyMap<string, Method<T>>, self: T, name: string): Callable | undefined {
	const method = methods.get(name);
	return method === undefined ? undefined : (args) => method(self, args);
}

/** `value[start:stop:step]`. */
export function slice(value: Value, start: Value, stop: Value, step: Value): Value {
	if (!isList(value) && typeof value !== "string") return missing(value, "slice");
	const items: ArrayLike<Value> = typeof value === "string" ? codePoints(value) : value;
	const stride = intArgument(step, 1);
	if (stride === 0) throw new TemplateError("slice step cannot be zero");
	const forward = stride > 0;
	const [low, high] = forward ? [0, items.length] : [-1, items.length - 1];
	const place = (at: number) => Math.min(high, Math.max(low, at < 0 ? at + items.length : at));
	const first = start === null ? (forward ? low : high) : place(intArgument(start, 0));
	const last = stop === null ? (forward ? high : low) : place(intArgument(stop, 0));
	const sliced: Value[] = [];
	for (let at = first; forward ? at < last : at > last; at += stride) sliced.push(items[at] as Value);
	if (typeof value === "string") return sliced.join("");
	return value instanceof Tuple ? tuple(...sliced) : sliced;
}
