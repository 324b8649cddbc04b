// The demo: many agents at once against a running cluster, then a check of every token that was recorded.
import OpenAI from "openai";
import { ConfigError, RollpinError } from "../base/errors.js";
import { type AgentTurn, runAgent } from "./agent.js";
import { noCluster } from "./no-cluster.js";
import { percentile, table } from "./report.js";
import { type SessionRecords, verifySession } from "./verify.js";

export interface DemoOptions {
	/** The cluster's front URL. */
	url: string;
	sessions: number;
	turns: number;
	maxTokens: number;
	/** Every n-th session asks for streamed replies; 0: none. */
	streamEvery: number;
	authToken: string | null;
	/** Leave all sessions on the cluster, not only the one to look at. */
	keep: boolean;
}

export interface DemoResult {
	turns: number;
	problems: string[];
	report: string;
	/** The first agent's session, which stays on the cluster to be looked at. */
	lookAt: string;
}

interface SessionRun {
	id: string;
	worker: number;
	turns: AgentTurn[];
}

const PROGRESS_MS = 250;

/**
 * Runs the demo to its end.
 * @param progress called now and then with a line for people
 * @throws ConfigError when no cluster answers at `url`
 */
export async function runDemo(options: DemoOptions, progress: (line: string) => void): Promise<DemoResult> {
	const headers: Record<string, string> =
		options.authToken === null ? {} : { authorization: `Bearer ${options.authToken}` };
	await checkHealth(options.url);
	const runs: SessionRun[] = [];
	let lookAt = "";
	let done = 0;
	const total = options.sessions * options.turns;
	const startedMs = performance.now();
	const timer = setInterval(() => progress(`${done}/${total} turns`), PROGRESS_MS);
	try {
		await Promise.all(
			Array.from({ length: options.sessions }, async (_, session) => {
				const created = await api<{ session_id: string; worker: number }>(options.url, "/sessions", {
					method: "POST",
					headers,
				});
				const run: SessionRun = { id: created.session_id, worker: created.worker, turns: [] };
				runs.push(run);
				if (session === 0) lookAt = run.id;
				const client = new OpenAI({
					baseURL: `${options.url}/sessions/${run.id}/v1`,
					apiKey: options.authToken ?? "none",
					maxRetries: 0,
				});
				const stream = options.streamEvery > 0 && session % options.streamEvery === options.streamEvery - 1;
				const { turns, maxTokens } = options;
				await runAgent(client, { session, turns, maxTokens, stream }, (turn) => {
					run.turns.push(turn);
					done++;
				}).catch((error: unknown) => {
					throw failedChat(error, run.id);
				});
			}),
		);
	} finally {
		clearInterval(timer);
	}
	const elapsedS = (performance.now() - startedMs) / 1000;
	progress(`${done}/${total} turns, reading ${runs.length} sessions back`);
	const problems: string[] = [];
	const tokens = { prompt: 0, completion: 0 };
	for (const run of runs) {
		const session = await api<SessionRecords>(options.url, `/sessions/${run.id}`, { headers });
		for (const problem of verifySession(session, run.turns)) problems.push(`${run.id}: ${problem}`);
		for (const record of session.records) {
			tokens.prompt += record.request.input_ids.length;
			tokens.completion += record.response.choices[0]?.meta_info.output_token_logprobs.length ?? 0;
		}
		if (!options.keep && run.id !== lookAt) {
			const deleted = await fetch(`${options.url}/sessions/${run.id}`, { method: "DELETE", headers });
			if (deleted.status !== 204) problems.push(`${run.id}: DELETE answered ${deleted.status}`);
		}
	}
	return { turns: done, problems, report: report(runs, elapsedS, tokens), lookAt };
}

function report(
	runs: readonly SessionRun[],
	elapsedS: number,
	tokens: { prompt: number; completion: number },
): string {
	const workers = [...new Set(runs.map((run) => run.worker))].sort((a, b) => a - b);
	const row = (name: string, of: readonly SessionRun[]) => {
		const turns = of.flatMap((run) => run.turns);
		const latencies = turns.map((turn) => turn.latencyMs);
		return [
			name,
			of.length,
			turns.length,
			turns.reduce((sum, turn) => sum + turn.toolCalls, 0),
			Number((turns.length / elapsedS).toFixed(1)),
			Number(percentile(latencies, 0.5).toFixed(1)),
			Number(percentile(latencies, 0.99).toFixed(1)),
		];
	};
	const rows = [
		["", "sessions", "turns", "tool calls", "turns/s", "p50 ms", "p99 ms"],
		...workers.map((worker) =>
			row(
				`worker ${worker}`,
				runs.filter((run) => run.worker === worker),
			),
		),
		row("all", runs),
	];
	return `${table(rows)}\n\ntokens: ${tokens.prompt} in prompts, ${tokens.completion} sampled, in ${elapsedS.toFixed(2)} s`;
}

async function checkHealth(url: string): Promise<void> {
	let status: number;
	try {
		status = (await fetch(`${url}/health`)).status;
	} catch (error) {
		throw noCluster(url, error);
	}
	if (status !== 200)
		throw new ConfigError(`the cluster at ${url} is not ready (health says ${status}); try again soon`);
}

/** One line for a chat that the cluster refused: the client's own error has the reply's text. */
function failedChat(error: unknown, id: string): unknown {
	if (!(error instanceof Error) || !("status" in error)) return error;
	return new RollpinError("upstream_invalid", `a chat of session ${id} failed: ${error.message}`, {
		cause: error,
	});
}

async function api<T>(base: string, path: string, init: RequestInit): Promise<T> {
	const response = await fetch(base + path, init);
	const text = await response.text();
	if (response.status === 401) {
		throw new ConfigError(`the cluster at ${base} asks for a bearer token; give it with --auth-token-file`);
	}
	if (response.status !== 200)
		throw new Error(`${init.method ?? "GET"} ${path} answered ${response.status}: ${text}`);
	return JSON.parse(text) as T;
}
