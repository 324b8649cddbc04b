// One session against a running cluster, by plain HTTP, read back and checked. Deletes what it made.
import { ConfigError, RollpinError } from "../base/errors.js";
import type { Mismatch } from "../tito/mismatch.js";
import type { AgentTurn } from "./agent.js";
import { ledger, type Span } from "./ledger.js";
import { noCluster } from "./no-cluster.js";
import { table } from "./report.js";
import { runTool, TOOLS, userMessage } from "./tools.js";
import { type SessionRecords, verifySession } from "./verify.js";
import { type EngineVerdict, engineReport } from "./verify-engine.js";

export interface VerifyOptions {
	url: string;
	turns: number;
	maxTokens: number;
	authToken: string | null;
	/** Leave the session on the cluster. */
	keep: boolean;
}

export interface VerifyResult {
	/** For people. */
	report: string;
	/** Whether every check held and the report has nothing but an assistant's own text. */
	sound: boolean;
}

type ReadSession = SessionRecords & {
	metadata: { tito_session_mismatch?: Mismatch[]; tito_mismatch_error?: string };
};

interface Message {
	role: string;
	content: string | null;
	tool_calls?: Array<{ id: string; function: { name: string; arguments: string } }>;
	[key: string]: unknown;
}

interface ChatReply {
	choices: Array<{
		message: Message;
		finish_reason: string | null;
		prompt_token_ids?: number[];
		meta_info?: { output_token_logprobs: Array<[number, number, string | null]> };
	}>;
}

/** @throws ConfigError when no cluster answers; RollpinError when the cluster refuses something */
export async function verifyCluster(options: VerifyOptions): Promise<VerifyResult> {
	const call = caller(options);
	const { session_id: id } = (await call("POST", "/sessions", {})) as { session_id: string };
	try {
		const run = await chat(options, call, id);
		const session = (await call("GET", `/sessions/${id}`)) as ReadSession;
		const verdict = (await call("POST", `/sessions/${id}/verify`, {})) as EngineVerdict;
		const ours = report(id, session, run);
		const engines = engineReport(verdict, session);
		return {
			report: [ours.report, "", ...engines.lines].join("\n"),
			sound: ours.sound && engines.sound,
		};
	} finally {
		if (!options.keep) await call("DELETE", `/sessions/${id}`);
	}
}

interface Run {
	turns: AgentTurn[];
	/** Messages sent, by role. */
	sent: Map<string, number>;
}

type Call = (method: string, path: string, body?: object) => Promise<unknown>;

async function chat({ turns, maxTokens }: VerifyOptions, call: Call, id: string): Promise<Run> {
	const messages: Message[] = [
		{ role: "system", content: "You are a careful engineer on a rollout cluster. Use tools when they help." },
		{ role: "user", content: userMessage(0, 0) },
	];
	const run: Run = { turns: [], sent: new Map() };
	for (let turn = 0; turn < turns; turn++) {
		const startedMs = performance.now();
		const body = {
			model: "default",
			messages,
			tools: TOOLS,
			max_tokens: maxTokens,
			return_prompt_token_ids: true,
		};
		const reply = (await call("POST", `/sessions/${id}/v1/chat/completions`, body)) as ChatReply;
		const choice = reply.choices[0];
		if (choice === undefined) throw new RollpinError("upstream_invalid", "the engine's reply has no choices");
		const calls = choice.message.tool_calls ?? [];
		run.turns.push({
			latencyMs: performance.now() - startedMs,
			promptIds: choice.prompt_token_ids ?? null,
			completionIds: choice.meta_info?.output_token_logprobs.map((entry) => entry[1]) ?? null,
			toolCalls: calls.length,
			finishReason: choice.finish_reason,
		});
		messages.push(choice.message);
		for (const { id: callId, function: called } of calls) {
			const content = runTool(called.name, called.arguments);
			messages.push({ role: "tool", tool_call_id: callId, content });
		}
		if (calls.length === 0) messages.push({ role: "user", content: userMessage(0, turn + 1) });
		if (turn === turns - 1) break;
		for (const { role } of messages.slice(messages.lastIndexOf(choice.message) + 1)) {
			run.sent.set(role, (run.sent.get(role) ?? 0) + 1);
		}
	}
	return run;
}

function report(id: string, session: ReadSession, run: Run): VerifyResult {
	const problems = verifySession(session, run.turns);
	const spans = ledger(session);
	const count = (turn: number, kind: Span["kind"]) =>
		spans.find((span) => span.turn === turn && span.kind === kind)?.ids.length ?? 0;
	const rows = session.records.map((_, turn) => [
		turn,
		count(turn, "kept"),
		count(turn, "trimmed"),
		count(turn, "appended"),
		count(turn, "sampled"),
		run.turns[turn]?.finishReason ?? "",
	]);
	const sent = [...run.sent].map(([role, messages]) => `${messages} ${role}`).join(", ");
	const mismatches = session.metadata.tito_session_mismatch;
	const hard = mismatches?.filter(({ type }) => type !== "assistant_text") ?? [];
	const lines = [
		`session ${id}: ${run.turns.length} turns on worker ${session.session.worker}; appended after the first: ${sent}`,
		"",
		table([["turn", "kept", "trimmed", "appended", "sampled", "finish"], ...rows]),
		"",
		problems.length === 0
			? `every recorded token is what was sent and sampled: ${session.metadata.accumulated_token_ids.length} ids`
			: problems.map((problem) => `PROBLEM ${problem}`).join("\n"),
		...(hard.some(({ type }) => type.startsWith("special_token"))
			? [boundaryRemedy(run.turns.some(({ finishReason }) => finishReason === "length"))]
			: []),
		...mismatchLines(mismatches, session.metadata.tito_mismatch_error),
	];
	return {
		report: lines.join("\n"),
		sound: problems.length === 0 && mismatches !== undefined && hard.length === 0,
	};
}

/** @param cut an answer was cut by length: without its end token it can't be what the template writes */
function boundaryRemedy(cut: boolean): string {
	return cut
		? "an answer was cut by length, so its end token is missing and boundary tokens differ, whatever the family: raise --max-tokens and run it again"
		: "boundary tokens differ: --tito-model does not fit the checkpoint's template; see docs/tito.md";
}

function mismatchLines(mismatches: Mismatch[] | undefined, error: string | undefined): string[] {
	if (mismatches === undefined) return [`PROBLEM no mismatch report: ${error ?? "the session has none"}`];
	if (mismatches.length === 0) return ["mismatch report: empty; a render of the whole gives the same tokens"];
	return mismatches.flatMap(({ type, segment_index, expected_text, actual_text, detail }) => [
		type === "assistant_text"
			? `mismatch ${type} in segment ${segment_index}: the model's own spelling; kept as sampled, no fault`
			: `PROBLEM mismatch ${type} in segment ${segment_index}${detail === "" ? "" : `: ${detail}`}`,
		`  rendered: ${JSON.stringify(expected_text)}`,
		`  recorded: ${JSON.stringify(actual_text)}`,
	]);
}

function caller({ url, authToken }: VerifyOptions): Call {
	return async (method, path, body) => {
		const headers: Record<string, string> = { "content-type": "application/json" };
		if (authToken !== null) headers["authorization"] = `Bearer ${authToken}`;
		let response: Response;
		try {
			response = await fetch(url + path, {
				method,
				headers,
				...(body === undefined ? {} : { body: JSON.stringify(body) }),
			});
		} catch (error) {
			throw noCluster(url, error);
		}
		const text = await response.text();
		if (response.status === 401) {
			throw new ConfigError(`the cluster at ${url} asks for a bearer token; give it with --auth-token-file`);
		}
		if (!response.ok) {
			throw new RollpinError(
				"upstream_invalid",
				`${method} ${path} answered ${response.status}: ${text.slice(0, 500)}`,
			);
		}
		return text === "" ? null : JSON.parse(text);
	};
}
