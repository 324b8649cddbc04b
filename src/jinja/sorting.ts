// Order of `sort`, `dictsort`, `min` and `max`: stable, case ignored unless asked otherwise. Pure.
import { getItem } from "./attributes.js";
import { compare } from "./operators.js";
import { type CallArguments, truthy, type Value } from "./values.js";

/** Arguments read by name or in `sort`'s order: reverse, case_sensitive, attribute. */
export function sortItems(items: readonly Value[], args: CallArguments, reversed: boolean): Value[] {
	const caseSensitive = truthy(args.positional[1] ?? args.named.get("case_sensitive") ?? false);
	const attribute = args.positional[2] ?? args.named.get("attribute") ?? null;
	const sign = reversed ? -1 : 1;
	const keyed = items.map((item) => ({ item, key: sortKey(item, attribute, caseSensitive) }));
	return keyed.sort((a, b) => sign * compare(a.key, b.key)).map(({ item }) => item);
}

function sortKey(item: Value, attribute: Value, caseSensitive: boolean): Value {
	if (attribute === null) return folded(item, caseSensitive);
	if (typeof attribute !== "string") return folded(getItem(item, attribute), caseSensitive);
	const keys = attribute.split(",").map((path) => {
		let found = item;
		for (const part of path.split(".")) found = getItem(found, /^\d+$/.test(part) ? Number(part) : part);
		return folded(found, caseSensitive);
	});
	return keys.length === 1 ? (keys[0] as Value) : keys;
}

function folded(value: Value, caseSensitive: boolean): Value {
	return typeof value === "string" && !caseSensitive ? value.toLowerCase() : value;
}
