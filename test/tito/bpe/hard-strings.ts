// Random texts that are hard to split and to merge, the same for the same seed. Knows no tokenizer.

/** A sequence of 32-bit numbers from a seed (mulberry32, public domain: https://gist.github.com/tommyettinger/46a874533244883189143505d203312c). */
function numbersFrom(seed: number): (below: number) => number {
	let state = seed >>> 0;
	return (below) => {
		state = (state + 0x6d2b79f5) >>> 0;
		let mixed = Math.imul(state ^ (state >>> 15), state | 1);
		mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
		return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
	};
}

const WORDS = (
	"the of function return const import self None true error Error HTTPServer getElementById snake_case " +
	"don't I'll YOU'RE we'Ve it's 'S 't 'lL x'd tokenization supercalifragilistic déjà naïve Straße ñandú " +
	"привет мир достопримечательность Ελληνικά 你好世界 人工智能 こんにちは カタカナ・テスト 한국어 สวัสดี नमस्ते مرحبا שלום " +
	"123 4567 0x1F 3.14159 1,000,000 ½ Ⅷ ٣٤ ² e\u0301 q\u0323\u0307 \u1100\u1161\u11a8 \u212b ﬁ İ ſ ǅ ʰ"
).split(" ");
const MARKS = [..."!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~“”‘’…—、。，！？「」€£¥±×÷→∑√∞©®™"];
const SPACES = [
	" ",
	" ",
	" ",
	"  ",
	"\n",
	"\n\n",
	"\t",
	"\r\n",
	"\r",
	" \n ",
	"   \n\n  ",
	"\u00a0",
	"\u3000",
	"\u0085",
	"\u2028",
	"\ufeff",
	"\u200b",
];
const SIGNS = [
	"😀",
	"👩‍🚀",
	"🇩🇪",
	"❤️",
	"\u{1f9ff}",
	"\u{20000}",
	"\u{1d400}",
	"\0",
	"\u0001",
	"\u007f",
	"\ue000",
	"\u{10fffd}",
	"\u0345",
	"\u0334",
	"\u1abf",
	"\u{1e130}",
];
/** Where scripts, signs and marks begin; a character is taken from somewhere after one of them. */
const BLOCKS = [
	0x00, 0x80, 0x250, 0x300, 0x370, 0x400, 0x530, 0x590, 0x600, 0x900, 0xe00, 0x1100, 0x1ab0, 0x1dc0, 0x1e00,
	0x2000, 0x2070, 0x2100, 0x2190, 0x2460, 0x2e80, 0x3000, 0x3040, 0x30a0, 0x3130, 0x4e00, 0x9fa0, 0xa640,
	0xac00, 0xf900, 0xfb00, 0xfe00, 0xff00, 0x10000, 0x10400, 0x11000, 0x16d40, 0x1d100, 0x1d400, 0x1e100,
	0x1f000, 0x1f300, 0x1f900, 0x20000, 0x2ebf0, 0x30000, 0xe0100,
];

/**
 * @param tokens texts of added tokens, which are mixed in, whole and broken
 * @param halves also halves of surrogate pairs
 */
export function hardStrings(seed: number, tokens: readonly string[], halves = false): () => string {
	const below = numbersFrom(seed);
	const of = (list: readonly string[]) => list[below(list.length)] ?? "";
	const anyOf = (block: number, width: number) => {
		const point = block + below(width);
		if (point >= 0xd800 && point < 0xe000) return halves ? String.fromCharCode(point) : "x";
		return String.fromCodePoint(Math.min(point, 0x10ffff));
	};
	const letters = () =>
		Array.from({ length: 1 + below(12) }, () => String.fromCharCode(97 + below(26))).join("");
	const parts: Array<() => string> = [
		() => of(WORDS),
		() => ` ${of(WORDS)}`,
		() => of(WORDS).toUpperCase(),
		() => of(MARKS),
		() => of(MARKS).repeat(1 + below(below(8) === 0 ? 90 : 4)),
		() => of(SPACES),
		() => of(SPACES).repeat(1 + below(below(8) === 0 ? 90 : 3)),
		() => of(SIGNS),
		() => anyOf(BLOCKS[below(BLOCKS.length)] ?? 0, 160),
		() => anyOf(BLOCKS[below(BLOCKS.length)] ?? 0, 4000),
		// Most of these nobody has assigned.
		() => (below(16) === 0 ? anyOf(0, 0x110000) : of(WORDS)),
		() => `${letters()}${anyOf(0x300, 0x70)}`,
		letters,
		() => letters() + letters().toUpperCase() + letters(),
		() => String(below(10 ** (1 + below(9)))),
		() =>
			letters()
				.charAt(0)
				.repeat(1 + below(below(20) === 0 ? 700 : 20)),
		() => of(tokens),
		() => of(tokens).slice(0, 1 + below(12)),
		() => of(tokens).slice(below(4)),
		() => (halves ? String.fromCharCode(0xd800 + below(0x800)) : ""),
	];
	return () => {
		let text = "";
		// Few kinds a text, so that runs of one kind come up too.
		const kinds = Array.from({ length: 1 + below(6) }, () => parts[below(parts.length)] ?? letters);
		for (let count = below(24); count >= 0; count--) text += kinds[below(kinds.length)]?.();
		return text;
	};
}
