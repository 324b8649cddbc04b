// The runnable blocks of a page of the docs, and how each is marked. Pure.

const LANGUAGES = new Set(["sh", "bash", "python", "js"]);

/**
 * Blocks fenced as sh, bash, python or js. What follows the language is the mark:
 * `cluster` runs beside a cluster at http://127.0.0.1:8080, `starts` starts one itself, `skip: <reason>` is not run.
 * A block without a mark has the mark "": docs:check calls that a failure.
 * @param {string} markdown
 * @returns {Array<{ line: number, language: string, mark: string, reason: string, text: string }>}
 */
export function blocksOf(markdown) {
	const blocks = [];
	for (const match of markdown.matchAll(/^```(\w+)[ \t]*(.*)\n([\s\S]*?)\n```$/gm)) {
		const [, language = "", info = "", text = ""] = match;
		if (!LANGUAGES.has(language)) continue;
		const [mark = "", reason = ""] = info.split(/:\s*(.*)/s);
		const line = markdown.slice(0, match.index).split("\n").length;
		blocks.push({ line, language, mark: mark.trim(), reason: reason.trim(), text });
	}
	return blocks;
}
