// Writes src/tito/bpe/settled-ranges.ts: the characters that two readings of Unicode see alike, V8's and the tokenizers
// library's. Needs perl with Unicode 14 (5.36). Run it after a change of the library's tables; the tests say when.
// node scripts/make-settled-characters.js
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { nfcNormalizer, Tokenizer } from "tokenizers";

const TARGET = fileURLToPath(new URL("../src/tito/bpe/settled-ranges.ts", import.meta.url));
const END = 0x110000;
/** What patterns ask of a character, as Oniguruma and as JavaScript spell it. */
const CLASSES = [
	...["L", "N", "M", "P", "S", "Lu", "Ll", "Lt", "Lm", "Lo"].map((name) => [`\\p{${name}}`, `\\p{${name}}`]),
	["\\p{Han}", "\\p{Script=Han}"],
	["\\s", "[\\t-\\r \\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]"],
];

/** Assigned as of Unicode 14, which every Node release from 20.18 on knows. */
function assigned() {
	const program =
		'for (0..0x10ffff) { next if $_ >= 0xd800 && $_ <= 0xdfff; print "$_\\n" if chr($_) =~ /\\p{Present_In: 14.0}/ && chr($_) !~ /\\p{Cn}/ }';
	const lines = execFileSync("perl", ["-e", program], { maxBuffer: 1 << 26, encoding: "utf8" });
	return lines.split("\n").filter(Boolean).map(Number);
}

/** Those of `text` that the library's regex engine does not match. */
function unmatchedBy(pattern, text) {
	const split = Tokenizer.fromString(
		JSON.stringify({
			version: "1.0",
			added_tokens: [],
			pre_tokenizer: { type: "Split", pattern: { Regex: pattern }, behavior: "Removed", invert: false },
			model: { type: "BPE", vocab: {}, merges: [] },
		}),
	).getPreTokenizer();
	if (split === null) throw new Error("the library has lost the pre-tokenizer");
	return new Set(split.preTokenizeString(text).flatMap(([piece]) => [...piece]));
}

const rust = nfcNormalizer();
const settled = new Set();
const code = assigned();
for (let at = 0; at < code.length; at += 4096) {
	const characters = code.slice(at, at + 4096).map((point) => String.fromCodePoint(point));
	const text = characters.join("");
	const odd = new Set();
	for (const [theirs, ours] of CLASSES) {
		const unmatched = unmatchedBy(theirs, text);
		const pattern = new RegExp(`^${ours}$`, "u");
		for (const character of characters)
			if (unmatched.has(character) === pattern.test(character)) odd.add(character);
	}
	for (const character of characters) {
		// The last two tell whether a mark's combining class is known: an unknown mark is not sorted.
		const probes = [character, character.normalize("NFD"), `q${character}\u0334`, `q\u0345${character}`];
		if (probes.some((probe) => rust.normalizeString(probe) !== probe.normalize("NFC"))) odd.add(character);
		if (!odd.has(character)) settled.add(character.codePointAt(0));
	}
}

// Lengths of runs in turn, settled or not, beginning with a settled one at 0; base 36.
const runs = [];
let length = 0;
let inside = true;
for (let point = 0; point < END; point++) {
	if (settled.has(point) !== inside) {
		runs.push(length.toString(36));
		length = 0;
		inside = !inside;
	}
	length++;
}
if (inside) runs.push(length.toString(36));
const lines = [];
for (const run of runs) {
	const last = lines.at(-1);
	if (last === undefined || last.length + run.length > 100) lines.push(run);
	else lines[lines.length - 1] = `${last} ${run}`;
}
writeFileSync(
	TARGET,
	`// Written by scripts/make-settled-characters.js, not by hand: which characters every reading of Unicode sees alike.

/**
 * Lengths of runs of code points, base 36, settled and unsettled in turn, the first settled. Settled is what was assigned as
 * of Unicode 14, and has the same classes, and the same normal form C, by V8's tables and by those of the tokenizers library.
 */
export const SETTLED_RUNS = \`
${lines.map((line) => `\t${line}`).join("\n")}
\`;
`,
);
console.log(`${settled.size} of ${code.length} assigned characters are settled, ${runs.length} runs`);
