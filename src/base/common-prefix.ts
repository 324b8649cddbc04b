// How far two byte strings are alike. Pure.

/**
 * Length of the longest common prefix of `a` from `aFrom` on and `b` from `bFrom` on, `limit` at most; found by halving over
 * native comparisons. Makes no view.
 */
export function commonPrefix(
	a: Buffer,
	b: Buffer,
	aFrom = 0,
	bFrom = 0,
	limit = Math.min(a.length - aFrom, b.length - bFrom),
): number {
	const same = (from: number, to: number) =>
		a.compare(b, bFrom + from, bFrom + to, aFrom + from, aFrom + to) === 0;
	if (same(0, limit)) return limit;
	let equal = 0;
	let different = limit;
	while (different - equal > 1) {
		const middle = (equal + different) >>> 1;
		if (same(equal, middle)) equal = middle;
		else different = middle;
	}
	return equal;
}
