// The functions every template can call: Jinja's own and those that transformers adds.
import { intArgument } from "./arguments.js";
import { str } from "./spelling.js";
import { strftime } from "./strftime.js";
import {
	type CallArguments,
	type Callable,
	isDict,
	iterate,
	Namespace,
	TemplateError,
	TemplateRefusal,
	type Value,
} from "./values.js";

/** The sandbox's limit on `range()`. */
const MAX_RANGE = 100_000;

function range(args: CallArguments): Value {
	const [first = 0, second, third] = args.positional;
	const [start, stop] =
		second === undefined ? [0, intArgument(first, 0)] : [intArgument(first, 0), intArgument(second, 0)];
	const step = intArgument(third, 1);
	if (step === 0) throw new TemplateError("range() arg 3 must not be zero");
	const length = Math.max(0, Math.ceil((stop - start) / step));
	if (length > MAX_RANGE)
		throw new TemplateError(`Range too big. The sandbox blocks ranges larger than ${MAX_RANGE}.`);
	return Array.from({ length }, (_, at) => start + at * step);
}

function entries(args: CallArguments): Map<Value, Value> {
	const [source] = args.positional;
	const dict = new Map<Value, Value>();
	if (source !== undefined && isDict(source)) for (const [key, value] of source) dict.set(key, value);
	else if (source !== undefined)
		for (const pair of iterate(source)) {
			const [key = null, value = null] = iterate(pair);
			dict.set(key, value);
		}
	for (const [key, value] of args.named) dict.set(key, value);
	return dict;
}

function namespace(args: CallArguments): Value {
	const made = new Namespace();
	for (const [key, value] of entries(args)) made.attributes.set(str(key), value);
	return made;
}

function raiseException(args: CallArguments): Value {
	throw new TemplateRefusal(str(args.positional[0] ?? args.named.get("message") ?? ""));
}

/** `now` gives the time that `strftime_now` prints, in the process's time zone. */
export function globals(now: () => Date): ReadonlyMap<string, Callable> {
	return new Map<string, Callable>([
		["range", range],
		["dict", entries],
		["namespace", namespace],
		["raise_exception", raiseException],
		["strftime_now", (args) => strftime(now(), str(args.positional[0] ?? ""))],
	]);
}
