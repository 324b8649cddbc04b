// Compares a fast encoding with the library's on hard texts, before it is trusted.
import type { Tokenizer } from "tokenizers";
import type { BpeDescription } from "./description.js";
import type { FastBpe } from "./fast-bpe.js";
import { settledRanges } from "./settled.js";

/** A longer run of settled characters is one of writing signs that are alike; its ends and some between stand for it. */
const LONG_RUN = 2000;
const AT_ENDS = 64;
const STEP_BETWEEN = 97;

/** So many characters a text, that checking one holds the loop for a few milliseconds. */
const CHECKED_AT_ONCE = 2000;

/**
 * Texts of every settled character, of long runs some, each between others and before digits: a reading of Unicode that has
 * changed, on either side, splits or composes them otherwise.
 */
function* characterTexts(): Generator<string, void, void> {
	let text = "";
	let count = 0;
	for (const [first, last] of settledRanges()) {
		for (let point = first; point <= last; point++) {
			const inside = point - first >= AT_ENDS && last - point >= AT_ENDS;
			if (last - first > LONG_RUN && inside && (point - first) % STEP_BETWEEN !== 0) continue;
			text += String.fromCodePoint(point);
			if (++count % CHECKED_AT_ONCE !== 0) continue;
			yield text;
			text = "";
		}
		text += "12";
	}
	yield text;
}

const HARD = [
	"I'M you'Re he'\u017f we'LL x'd'Ve 'tis 'S'T ''s",
	" \t  \n\n \r\n\r x\u00a0\u3000y\u0085z\u200b\ufeff  end   ",
	"1234567 12 3\u0663\u00bd\u2167 4,567.89e-10 0x1F",
	"camelCaseHTTPServer snake_case kebab-case SHOUTING i\u0307\u01c5\u02b0",
	"e\u0301 \u00e9 \u1100\u1161\u11a8 \uac01 \u212b \ufb01 q\u0323\u0307 \u0915\u093c\u0958",
	"\u4f60\u597d\uff0c\u4e16\u754c\u3007 \u30ab\u30fb\u30bf\u3099 \u{20000}\u{1f9d1}\u200d\u{1f680}\ufe0f\u{1f1e9}\u{1f1ea}",
	'!!! //--==>> {"a":[1,2]}; </p>\n\t\t}\n\n#### **x**(y)\\n$%^&*~`|',
	"\0\u0001\u007f\u0080\u009f\ue000",
	"=".repeat(300) + " ".repeat(300) + "a".repeat(300) + "ab".repeat(100),
	"internationalization antidisestablishmentarianism \u0434\u043e\u0441\u0442\u043e\u043f\u0440\u0438\u043c\u0435\u0447\u0430\u0442\u0435\u043b\u044c\u043d\u043e\u0441\u0442\u044c",
];

/** Texts whose ids must be the library's. @param added texts of the tokenizer's added tokens */
function hardTexts(added: readonly string[]): string[] {
	const tokens = added.flatMap((token) => [
		token,
		`${token}x ${token}\n`,
		`${token.slice(0, -1)} ${token}${token}`,
	]);
	return [...HARD, tokens.join(" "), tokens.join("")];
}

/** A text that the library encodes, composes or splits otherwise; null where all agree. */
export async function firstDifference(
	fast: FastBpe,
	library: Tokenizer,
	{ nfc, added }: BpeDescription,
): Promise<string | null> {
	for (const text of hardTexts(added.map(({ content }) => content))) {
		const expected = (await library.encode(text, null, { addSpecialTokens: false })).getIds();
		if (fast.encodeAtOnce(text)?.join() !== expected.join()) return text;
	}
	const normalizer = library.getNormalizer();
	const splitter = library.getPreTokenizer();
	for (const text of characterTexts()) {
		const normal = nfc ? text.normalize("NFC") : text;
		if (nfc && normalizer?.normalizeString(text) !== normal) return text;
		// The library's pieces have one character a byte.
		const expected = splitter?.preTokenizeString(normal).map(([piece]) => piece.length) ?? [];
		const lengths = fast.split(normal).map((piece) => Buffer.byteLength(piece));
		if (lengths.join() !== expected.join()) return text;
	}
	return null;
}
