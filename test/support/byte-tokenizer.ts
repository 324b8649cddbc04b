// Writes the smallest checkpoint there is: one token a byte, one end-of-turn token. For tests of processes.
import { writeFileSync } from "node:fs";
import { join } from "node:path";

const END_OF_TURN = "<|im_end|>";

/** GPT-2's spelling of bytes as printable characters: printable Latin-1 stays, the rest moves to 256 and up. */
function byteSpellings(): string[] {
	let moved = 256;
	return Array.from({ length: 256 }, (_, byte) => {
		const printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
		return String.fromCharCode(printable ? byte : moved++);
	});
}

export function writeByteTokenizer(dir: string): void {
	const vocab = Object.fromEntries(byteSpellings().map((spelling, byte) => [spelling, byte]));
	const byteLevel = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false };
	const special = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
	const tokenizer = {
		version: "1.0",
		truncation: null,
		padding: null,
		added_tokens: [{ id: 256, content: END_OF_TURN, ...special }],
		normalizer: null,
		pre_tokenizer: byteLevel,
		post_processor: null,
		decoder: byteLevel,
		model: { type: "BPE", vocab, merges: [] },
	};
	const config = {
		eos_token: END_OF_TURN,
		chat_template: `{% for message in messages %}{{ message.content }}${END_OF_TURN}{% endfor %}`,
	};
	writeFileSync(join(dir, "tokenizer.json"), JSON.stringify(tokenizer));
	writeFileSync(join(dir, "tokenizer_config.json"), JSON.stringify(config));
}
