// How much room text takes on a terminal, and the part of it that fits. Pure; the text is printable already.
import { eastAsianWidth } from "get-east-asian-width";

const characters = new Intl.Segmenter(undefined, { granularity: "grapheme" });
const PLAIN = /^[ -~]*$/;
const EMOJI_STYLE = "\ufe0f";

/** Columns that a terminal gives it. */
export function widthOf(text: string): number {
	if (PLAIN.test(text)) return text.length;
	let width = 0;
	for (const { segment } of characters.segment(text)) width += characterWidth(segment);
	return width;
}

/** Its beginning, of at most so many columns, with an ellipsis as the last of them where something is left out. */
export function fitted(text: string, columns: number): string {
	if (PLAIN.test(text)) {
		return text.length <= columns ? text : `${text.slice(0, Math.max(0, columns - 1))}…`;
	}
	let width = 0;
	let room = 0;
	for (const { index, segment } of characters.segment(text)) {
		width += characterWidth(segment);
		if (width > columns) return `${text.slice(0, room)}…`;
		// The ellipsis must still find a column after it.
		if (width < columns) room = index + segment.length;
	}
	return text;
}

function characterWidth(character: string): number {
	if (character.includes(EMOJI_STYLE)) return 2;
	return eastAsianWidth(character.codePointAt(0) ?? 0);
}
