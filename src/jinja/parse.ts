// Template text to nodes, through the parser library; what that library cannot read is rewritten here first.
import { parse, tokenize } from "@huggingface/jinja";
import type { Node } from "./ast.js";
import { refuseChainedComparisons } from "./chains.js";

type Token = ReturnType<typeof tokenize>[number];

/** A test with arguments travels through the parser as a filter of this name, which no template can spell. */
export const TEST_PREFIX = "is ";
export const NEGATED_TEST_PREFIX = "is not ";

/** Nodes of a template under transformers' settings. @throws SyntaxError */
export function parseTemplate(source: string): Node[] {
	try {
		const tokens = tokenize(source.replace(/\r\n?/g, "\n"), { trim_blocks: true, lstrip_blocks: true });
		refuseChainedComparisons(tokens);
		return (parse(rewriteTests(tokens)) as unknown as { body: Node[] }).body;
	} catch (error) {
		// The library throws several kinds of error for a text that ends too early.
		throw new SyntaxError(error instanceof Error ? error.message : String(error), { cause: error });
	}
}

/** `x is name(args)`, which the library's parser refuses, as `x | "is name"(args)`. */
function rewriteTests(tokens: readonly Token[]): Token[] {
	const written: Token[] = [];
	for (let at = 0; at < tokens.length; at++) {
		const token = tokens[at] as Token;
		const negated = isWord(tokens[at + 1], "not");
		const nameAt = at + (negated ? 2 : 1);
		const name = tokens[nameAt];
		const end = isWord(token, "is") && name?.type === "Identifier" ? argumentEnd(tokens, nameAt + 1) : 0;
		if (end === 0 || name === undefined) {
			written.push(token);
			continue;
		}
		const args = tokens.slice(nameAt + 1, end);
		const bare = args[0]?.type !== "OpenParen";
		written.push(
			{ type: "Pipe", value: "|" } as Token,
			{ type: "Identifier", value: (negated ? NEGATED_TEST_PREFIX : TEST_PREFIX) + name.value } as Token,
			...(bare ? [{ type: "OpenParen", value: "(" } as Token] : []),
			...rewriteTests(args),
			...(bare ? [{ type: "CloseParen", value: ")" } as Token] : []),
		);
		at = end - 1;
	}
	return written;
}

function isWord(token: Token | undefined, word: string): boolean {
	return token?.type === "Identifier" && token.value === word;
}

const NO_ARGUMENT = new Set(["else", "or", "and", "is", "if", "not", "in"]);

/** Where the argument of a test ends; 0 when it has none. */
function argumentEnd(tokens: readonly Token[], start: number): number {
	const first = tokens[start];
	if (first === undefined) return 0;
	if (first.type === "OpenParen" || first.type === "OpenSquareBracket") return matchingEnd(tokens, start);
	const literal = first.type === "StringLiteral" || first.type === "NumericLiteral";
	if (!literal && (first.type !== "Identifier" || NO_ARGUMENT.has(first.value))) return 0;
	let end = start + 1;
	while (tokens[end]?.type === "Dot") end += 2;
	return end;
}

function matchingEnd(tokens: readonly Token[], start: number): number {
	let depth = 0;
	for (let at = start; at < tokens.length; at++) {
		const type = tokens[at]?.type ?? "";
		if (type === "OpenParen" || type === "OpenSquareBracket") depth++;
		if (type === "CloseParen" || type === "CloseSquareBracket") depth--;
		if (depth === 0) return at + 1;
	}
	return 0;
}
