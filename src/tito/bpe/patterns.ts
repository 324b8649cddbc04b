// The splitting patterns that are known, each with a JavaScript one that splits alike. A pattern that is not here is not split.

/** How a text is cut into the pieces that are encoded each for itself. */
export interface Splitting {
	/** What is cut out first, before the pattern sees the parts; null where there is no such thing. */
	cuts: RegExp | null;
	/** Sticky: what begins at `lastIndex`. It matches anywhere, also what the checkpoint's pattern leaves over. */
	piece: RegExp;
}

/** White space by Unicode's property, which Oniguruma's `\s` is; JavaScript's has U+FEFF and lacks U+0085. */
const SPACE = "\\t-\\r \\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const SPACES = `[${SPACE}]`;
const NO_SPACE = `[^${SPACE}]`;
const END = `${SPACES}+(?!${NO_SPACE})|${SPACES}+`;
/** `(?i:'s|'t|'re|'ve|'m|'ll|'d)`; U+017F is an s in another case. */
const CONTRACTION = "'(?:[sS\\u017f]|[tT]|[rR][eE]|[vV][eE]|[mM]|[lL]{2}|[dD])";

/** GPT-4's pattern, with runs of digits of that length. */
const gpt4 = (digits: string) =>
	`${CONTRACTION}|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|${digits}| ?[^${SPACE}\\p{L}\\p{N}]+[\\r\\n]*|${SPACES}*[\\r\\n]+|${END}`;

const UPPER = "\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}";
const LOWER = "\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}";
/** GPT-4o's: words end where a capital begins. */
const cased = (upper: string, lower: string, contraction: string, digits: string, ends: string) =>
	`[^\\r\\n\\p{L}\\p{N}]?${upper}*${lower}+${contraction}|[^\\r\\n\\p{L}\\p{N}]?${upper}+${lower}*${contraction}` +
	`|${digits}| ?[^${SPACE}\\p{L}\\p{N}]+${ends}*|${SPACES}*[\\r\\n]+|${END}`;

const ASCII_MARKS = "!\"#$%&'()*+,\\-.\\/:;<=>?@\\[\\\\\\]^_`{\\|}~";
const DEEPSEEK =
	`[${ASCII_MARKS}][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*` +
	`|${SPACES}*[\\r\\n]+|${END}`;
/** A run at whose every place the pattern matches nothing is a piece too. */
const withRest = (pattern: string) => `${pattern}|(?:(?!${pattern})[^])+`;

/** GPT-2's, that of a `ByteLevel` pre-tokenizer with `use_regex`. */
export const BYTE_LEVEL_PATTERN =
	"'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

interface Known {
	/** Of the `Split` pre-tokenizers, in order. */
	patterns: readonly string[];
	cuts?: string;
	piece: string;
	/** `v` for a set that is taken from another. */
	flag?: "u" | "v";
}

const I_CONTRACTION = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
const GPT4_END = " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const KIMI_UPPER = "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}&&[^\\p{Han}]]";
const KIMI_LOWER = "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}&&[^\\p{Han}]]";
const HAN = "\\p{Script=Han}";

const KNOWN: readonly Known[] = [
	{
		// Qwen2 to Qwen3
		patterns: [`${I_CONTRACTION}|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}|${GPT4_END}`],
		piece: gpt4("\\p{N}"),
	},
	{
		// GPT-4, Llama 3, GLM-4
		patterns: [`${I_CONTRACTION}|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}|${GPT4_END}`],
		piece: gpt4("\\p{N}{1,3}"),
	},
	{
		// Kimi K2
		patterns: [
			`[\\p{Han}]+|[^\\r\\n\\p{L}\\p{N}]?${KIMI_UPPER}*${KIMI_LOWER}+${I_CONTRACTION}?|[^\\r\\n\\p{L}\\p{N}]?` +
				`${KIMI_UPPER}+${KIMI_LOWER}*${I_CONTRACTION}?|\\p{N}{1,3}|${GPT4_END}`,
		],
		piece: `${HAN}+|${cased(
			`[[${UPPER}]--${HAN}]`,
			`[[${LOWER}]--${HAN}]`,
			`(?:${CONTRACTION})?`,
			"\\p{N}{1,3}",
			"[\\r\\n]",
		)}`,
		flag: "v",
	},
	{
		// Mistral's Tekken, Nemotron
		patterns: [
			`[^\\r\\n\\p{L}\\p{N}]?[${UPPER}]*[${LOWER}]+|[^\\r\\n\\p{L}\\p{N}]?[${UPPER}]+[${LOWER}]*|\\p{N}` +
				"| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
		],
		piece: cased(`[${UPPER}]`, `[${LOWER}]`, "", "\\p{N}", "[\\r\\n\\/]"),
	},
	{
		// DeepSeek V3. The first two cut disjoint sets out, so that one pattern does both; the third sees each part alone.
		patterns: [
			"\\p{N}{1,3}",
			"[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+",
			"[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\r\n]*" +
				"|\\s*[\r\n]+|\\s+(?!\\S)|\\s+",
		],
		cuts: "\\p{N}{1,3}|[\\u4e00-\\u9fa5\\u3040-\\u309f\\u30a0-\\u30ff]+",
		piece: withRest(DEEPSEEK),
	},
	{
		patterns: [BYTE_LEVEL_PATTERN],
		piece: `'(?:[stmd]|re|ve|ll)| ?\\p{L}+| ?\\p{N}+| ?[^${SPACE}\\p{L}\\p{N}]+|${END}`,
	},
	{
		// The toy checkpoint
		patterns: [
			"'(?:s|t|re|ve|m|ll|d)|\\n| ?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+|[^\\S\\n]+(?!\\S)|[^\\S\\n]+",
		],
		piece:
			`'(?:[stmd]|re|ve|ll)|\\n| ?\\p{L}+|\\p{N}| ?[^${SPACE}\\p{L}\\p{N}]+` +
			`|(?:(?!\\n)${SPACES})+(?!${NO_SPACE})|(?:(?!\\n)${SPACES})+`,
	},
];

/** Null for patterns that are not known. @param patterns of the checkpoint's `Split` pre-tokenizers, in order */
export function splittingFor(patterns: readonly string[]): Splitting | null {
	const known = KNOWN.find(
		(row) => row.patterns.length === patterns.length && row.patterns.every((p, at) => p === patterns[at]),
	);
	if (known === undefined) return null;
	const flag = known.flag ?? "u";
	return {
		cuts: known.cuts === undefined ? null : new RegExp(known.cuts, `${flag}g`),
		piece: new RegExp(known.piece, `${flag}y`),
	};
}
