// Tells whether a text has only characters that V8 and the tokenizers library class and compose alike. Pure.
import { SETTLED_RUNS } from "./settled-ranges.js";

/** Runs of settled code points, first and last; holes between them are unsettled. */
export function settledRanges(): [first: number, last: number][] {
	const ranges: [number, number][] = [];
	let at = 0;
	for (const [index, run] of SETTLED_RUNS.trim().split(/\s+/).entries()) {
		const length = Number.parseInt(run, 36);
		if (index % 2 === 0) ranges.push([at, at + length - 1]);
		at += length;
	}
	return ranges;
}

const spelled = (point: number) => `\\u{${point.toString(16)}}`;
const CLASS = settledRanges()
	.map(([first, last]) => (first === last ? spelled(first) : `${spelled(first)}-${spelled(last)}`))
	.join("");
const UNSETTLED = new RegExp(`[^${CLASS}]`, "u");

/** Half of a surrogate pair is not settled. */
export function isSettled(text: string): boolean {
	return !UNSETTLED.test(text);
}
