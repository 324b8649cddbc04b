// Finds chained comparisons (`a < b < c`), which the parser library would read as `(a < b) < c`. Rewrites nothing.

interface Token {
	type: string;
	value: string;
}

const OPENS = new Set([
	"OpenParen",
	"OpenSquareBracket",
	"OpenCurlyBracket",
	"OpenStatement",
	"OpenExpression",
]);
const CLOSES = new Set([
	"CloseParen",
	"CloseSquareBracket",
	"CloseCurlyBracket",
	"CloseStatement",
	"CloseExpression",
]);
const SEPARATES = new Set(["Comma", "Colon", "Equals"]);
const SEPARATING_WORDS = new Set(["and", "or", "if", "else", "elif", "for", "set"]);

/** @throws SyntaxError for two comparisons in one operand, which must be written with `and` */
export function refuseChainedComparisons(tokens: readonly Token[]): void {
	/** Whether a comparison was seen in the operand at hand, per open bracket. */
	const seen: boolean[] = [false];
	for (const [at, token] of tokens.entries()) {
		if (OPENS.has(token.type)) seen.push(false);
		else if (CLOSES.has(token.type)) seen.pop();
		else if (separates(tokens, at)) seen[seen.length - 1] = false;
		else if (compares(tokens, at)) {
			if (seen.at(-1) === true)
				throw new SyntaxError(`chained comparison at "${token.value}"; write the comparisons with "and"`);
			seen[seen.length - 1] = true;
		}
	}
}

function separates(tokens: readonly Token[], at: number): boolean {
	const token = tokens[at];
	if (token === undefined) return false;
	if (token.type !== "Identifier") return SEPARATES.has(token.type);
	return SEPARATING_WORDS.has(token.value) && tokens[at - 1]?.type !== "Dot";
}

function compares(tokens: readonly Token[], at: number): boolean {
	const token = tokens[at];
	if (token?.type === "ComparisonBinaryOperator") return true;
	const before = tokens[at - 1];
	if (token?.type !== "Identifier" || token.value !== "in" || before?.type === "Dot") return false;
	// The test `is in`, and the word of a loop, are no comparison.
	const test = isWord(before, "is") || (isWord(before, "not") && isWord(tokens[at - 2], "is"));
	return !test && !isLoopHead(tokens, at);
}

function isWord(token: Token | undefined, word: string): boolean {
	return token?.type === "Identifier" && token.value === word;
}

function isLoopHead(tokens: readonly Token[], at: number): boolean {
	let start = at - 1;
	while (start > 0 && tokens[start]?.type !== "OpenStatement" && !isWord(tokens[start], "in")) start--;
	return tokens[start]?.type === "OpenStatement" && isWord(tokens[start + 1], "for");
}
