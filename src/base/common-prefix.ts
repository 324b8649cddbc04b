// How far two byte strings are alike. Pure.

/** Length of the longest common prefix, found by halving over native comparisons. */
export function commonPrefix(a: Buffer, b: Buffer): number {
	const limit = Math.min(a.length, b.length);
	if (a.compare(b, 0, limit, 0, limit) === 0) return limit;
	let equal = 0;
	let different = limit;
	while (different - equal > 1) {
		const middle = (equal + different) >>> 1;
		if (a.compare(b, equal, middle, equal, middle) === 0) equal = middle;
		else different = middle;
	}
	return equal;
}
