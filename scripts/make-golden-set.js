// Makes test/fixtures/golden from the full checkpoints and goldens: the same goldens over tokenizers cut down to them.
// node scripts/make-golden-set.js <folder with checkpoints/ and golden/>      Changes nothing else.
import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const from = process.argv[2];
if (from === undefined) throw new Error("usage: make-golden-set.js <folder with checkpoints/ and golden/>");
const to = join(dirname(fileURLToPath(import.meta.url)), "..", "test", "fixtures", "golden");

/** Checkpoints whose licence lets anybody pass them on, with their templates. SOURCES.md says which licence. */
const CHECKPOINTS = {
	qwen3: ["", ".3.5-think", ".coder", ".instruct-2507"],
	"glm-4.7": ["", ".glm-5.2"],
	"kimi-k2": ["", ".thinking"],
	"deepseek-v3.1": ["", ".v3.2"],
};
/** Only their templates are used. */
const TEMPLATES = ["glm-4.6/chat_template.jinja", "minimax-m2/chat_template.jinja"];
/** Added tokens that no prompt has. */
const UNUSED = /place.?holder|reserved/;

const json = (...path) => JSON.parse(readFileSync(join(from, ...path), "utf8"));
const copy = (path) => cpSync(join(from, path), join(to, path), { recursive: true });

/** Byte to character as byte-level BPE spells bytes (openai/gpt-2, src/encoder.py, `bytes_to_unicode`). */
const SPELLED = (() => {
	const printable = (byte) => (byte > 32 && byte < 127) || (byte > 160 && byte !== 173);
	let next = 256;
	return Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(printable(byte) ? byte : next++));
})();

/**
 * The tokenizer without what the texts can't need. A merge of two pieces can only happen where both stand side by side, so
 * the merges whose result is part of a text, in their order, give every text the ids it had. Ids stay as they are.
 */
function trimmed(tokenizer, texts) {
	const spelled = texts
		.flatMap((text) => [text, text.normalize("NFC")])
		.map((text) => Array.from(Buffer.from(text), (byte) => SPELLED[byte]).join(""))
		.join("\0");
	const needed = new Map();
	const isNeeded = (piece) => {
		if (!needed.has(piece)) needed.set(piece, spelled.includes(piece));
		return needed.get(piece);
	};
	const added = tokenizer.added_tokens.filter(
		({ content }) => !UNUSED.test(content) || texts.some((text) => text.includes(content)),
	);
	const { vocab, merges } = tokenizer.model;
	const kept = Object.entries(vocab).filter(([piece]) => SPELLED.includes(piece) || isNeeded(piece));
	// An added token that the vocabulary does not name would get the next free id of a vocabulary of this size.
	for (const { content, id } of added) kept.push([content, id]);
	return {
		...tokenizer,
		added_tokens: added,
		model: {
			...tokenizer.model,
			vocab: Object.fromEntries(kept.sort(([, a], [, b]) => a - b)),
			merges: merges.filter((merge) => isNeeded((Array.isArray(merge) ? merge : merge.split(" ")).join(""))),
		},
	};
}

for (const part of ["checkpoints", "golden"]) rmSync(join(to, part), { recursive: true, force: true });
for (const [name, templates] of Object.entries(CHECKPOINTS)) {
	const goldens = json("golden/templates", `${name}.json`);
	// As they are: parsed and written again, 1.0 would be 1.
	copy(`golden/templates/${name}.json`);
	const texts = goldens.cases.flatMap(({ text }) => text ?? []);
	copy(`checkpoints/${name}/tokenizer_config.json`);
	const tokenizer = trimmed(json("checkpoints", name, "tokenizer.json"), texts);
	writeFileSync(join(to, "checkpoints", name, "tokenizer.json"), `${JSON.stringify(tokenizer)}\n`);
	for (const template of templates) copy(`checkpoints/${name}/chat_template${template}.jinja`);
}
for (const template of TEMPLATES) copy(`checkpoints/${template}`);
copy("golden/samples");
rmSync(join(to, "golden/samples/README.md"));
