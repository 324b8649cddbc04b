// Types of verdict.js, for the tests.
export interface Counts {
	sent: number;
	answered: number;
	refusals: string[];
}
export interface LoopEnd {
	mode: "linear" | "tree";
	rewrites: string | null;
	error: string | null;
}
export interface ReadSession {
	records: Array<{
		request: { input_ids: number[] };
		response: {
			choices: Array<{ meta_info: { output_token_logprobs: Array<[number, number, unknown]> } }>;
		};
	}>;
	metadata: { tree?: { nodes: unknown[] } };
}
export function verdict(counts: Counts, session: ReadSession, end: LoopEnd): { text: string; good: boolean };
