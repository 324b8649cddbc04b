// Reads a member of a parsed JSON value of unknown shape.

/** Undefined where there is none. An own member only: a missing key must not be found on a prototype. */
export function ownMember(value: unknown, key: string): unknown {
	if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined;
	return (value as Readonly<Record<string, unknown>>)[key];
}
