// What the agents were told: every acknowledged turn, every failed attempt. Checks a session's records against it. Pure.
import type { AgentTurn } from "../../src/demo/agent.js";
import { type SessionRecords, verifySession } from "../../src/demo/verify.js";

/** One answer with status 200, as the agent saw it. */
export interface Ack extends AgentTurn {
	/** The engine's id of the reply: one per generation. */
	responseId: string;
	/** Choice 0's message, as JSON text. */
	message: string;
	attempts: number;
}

export interface FailedAttempt {
	/** Empty for the making of a session. */
	sessionId: string;
	method: string;
	/** The session's owner; null where any worker may have had it. */
	worker: number | null;
	startMs: number;
	endMs: number;
	/** HTTP status, or 0 when the connection failed. */
	status: number;
	code: string;
}

export interface SessionLedger {
	id: string;
	worker: number;
	acks: Ack[];
	deleted: boolean;
}

export interface Verdict {
	/** Acknowledged turns that the cluster does not have. */
	lost: number;
	/** Turns that are there twice, or that no agent was told of. */
	doubled: number;
	/** Everything that is wrong, in words. */
	problems: string[];
}

/** The replay payload, base64, that the engine must have sent for these ids; null: not checked. */
export type PayloadOf = ((ids: Int32Array) => string) | null;

interface Records extends SessionRecords {
	records: Array<
		SessionRecords["records"][number] & { response: { id: string; choices: Array<{ message: unknown }> } }
	>;
}

/** @param told the reply to GET /sessions/{id}; an idle session's: no turn may be unacknowledged */
export function judge(ledger: SessionLedger, told: unknown, payloadOf: PayloadOf = null): Verdict {
	const session = told as Records;
	const problems: string[] = [];
	const records = session.records.map(({ response }) => ({
		id: response.id,
		message: JSON.stringify(response.choices[0]?.message),
	}));
	const acked = new Set(ledger.acks.map(({ responseId }) => responseId));
	const present = new Set(records.map(({ id }) => id));
	const lost = ledger.acks.filter(({ responseId }) => !present.has(responseId)).length;
	const doubled = records.length - present.size + [...present].filter((id) => !acked.has(id)).length;
	if (lost > 0) problems.push(`${lost} acknowledged turns are not there`);
	if (doubled > 0) problems.push(`${doubled} turns are there that no agent was told of, or twice`);
	ledger.acks.forEach(({ responseId, message }, index) => {
		const record = records[index];
		if (record?.id !== responseId)
			problems.push(`turn ${index} is ${record?.id}, the agent was told ${responseId}`);
		else if (record.message !== message)
			problems.push(`turn ${index}: the recorded message is not the agent's`);
	});
	if (payloadOf !== null) problems.push(...wrongPayloads(session, payloadOf));
	// Prompts continue exactly from the tokens before them; the agent's ids are the recorded ones.
	problems.push(...verifySession(session, ledger.acks));
	return { lost, doubled, problems: problems.map((problem) => `${ledger.id}: ${problem}`) };
}

/** Payloads are a pure function of the ids that the engine saw, so each of them can be made once more. */
function wrongPayloads({ records }: Records, payloadOf: (ids: Int32Array) => string): string[] {
	return records.flatMap(({ request, response }, index) => {
		const meta = response.choices[0]?.meta_info as { routed_experts?: string } | undefined;
		const sampled = response.choices[0]?.meta_info.output_token_logprobs.map((entry) => entry[1]) ?? [];
		const expected = payloadOf(Int32Array.from([...request.input_ids, ...sampled]));
		return meta?.routed_experts === expected
			? []
			: [`turn ${index}: the recorded replay payload is not the engine's`];
	});
}
