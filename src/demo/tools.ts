// The demo agent's tools: small, deterministic, and real enough that their results vary with their arguments.
import type OpenAI from "openai";

export const TOOLS: OpenAI.Chat.Completions.ChatCompletionFunctionTool[] = [
	{
		type: "function",
		function: {
			name: "search_docs",
			description: "Search the documentation for a phrase",
			parameters: {
				type: "object",
				properties: { query: { type: "string" }, limit: { type: "integer", minimum: 1, maximum: 5 } },
				required: ["query"],
			},
		},
	},
	{
		type: "function",
		function: {
			name: "run_tests",
			description: "Run the test suite of a package",
			parameters: {
				type: "object",
				properties: { package: { type: "string" }, verbose: { type: "boolean" } },
				required: ["package"],
			},
		},
	},
];

/** The result text of one tool call; for unknown tools and bad arguments it is a text for the model, nothing is thrown. */
export function runTool(name: string, args: string): string {
	let input: unknown;
	try {
		input = JSON.parse(args);
	} catch {
		return JSON.stringify({ error: "arguments are not JSON" });
	}
	const fields = new Map(Object.entries(typeof input === "object" && input !== null ? input : {}));
	if (name === "search_docs") {
		const query = String(fields.get("query") ?? "");
		const limit = Number(fields.get("limit") ?? 2);
		return JSON.stringify({
			hits: Array.from({ length: Math.min(5, Math.max(1, limit)) }, (_, i) => ({
				title: `${query.slice(0, 40)} (part ${i + 1})`,
				score: 1 / (i + 1),
			})),
		});
	}
	if (name === "run_tests") {
		const target = String(fields.get("package") ?? "");
		return `${target}: ${target.length + 3} passed, ${target.length % 2} failed\n`;
	}
	return JSON.stringify({ error: `unknown tool ${name}` });
}

/** What the user says next; every session gets a conversation of its own. */
export function userMessage(session: number, turn: number): string {
	const asks = [
		"Find out why the rollout stopped early and tell me in one sentence.",
		"Now check the packages it touched.",
		"Is the trainer still reading the right tokens? Please verify.",
		"Summarize what you did so far.",
		"Thanks. What would you do next?",
	];
	return `[agent ${session}, step ${turn}] ${asks[(session + turn) % asks.length]}`;
}
