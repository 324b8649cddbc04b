// Reads the arguments of a call the way a Python signature does. No defaults beyond what the caller passes.
import { type CallArguments, TemplateError, typeName, type Value } from "./values.js";

/** The argument at a position or under a name; undefined when absent. */
export function argument(args: CallArguments, index: number, name: string): Value | undefined {
	const positional = args.positional[index];
	return positional === undefined ? args.named.get(name) : positional;
}

/** @throws TemplateError unless it is an int (or bool, as in Python) */
export function intArgument(value: Value | undefined, fallback: number): number {
	if (value === undefined || value === null) return fallback;
	if (typeof value === "number" || typeof value === "boolean") return Number(value);
	throw new TemplateError(`'${typeName(value)}' object cannot be interpreted as an integer`);
}

/** @throws TemplateError unless it is a string */
export function textArgument(value: Value | undefined): string {
	if (typeof value === "string") return value;
	throw new TemplateError(`expected str, got ${value === undefined ? "nothing" : typeName(value)}`);
}
