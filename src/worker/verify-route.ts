// POST /sessions/{id}/verify: the truth check now, and the session's own ids scored by the engine once more. Changes nothing.
import type { ServerResponse } from "node:http";
import type { SessionId } from "../base/ids.js";
import { ask, failureOf, member } from "../engine/http/ask.js";
import { accumulatedTokens, planRead } from "../reads/records.js";
import type { WorkerContext } from "./context.js";
import { checkEngine } from "./engine-check.js";
import { checkParts } from "./open-gate.js";
import { sendJson } from "./respond.js";

/** A long session is one prefill. */
const RESCORE_TIMEOUT_MS = 120_000;

/** `{engine_check, rescore: {ids, logprobs}}`, one each for every stored token; or `{error}` in the place of `rescore`. */
export async function verifySession(
	context: WorkerContext,
	id: SessionId,
	response: ServerResponse,
): Promise<void> {
	const session = await context.registry.get(id);
	const done = context.registry.use(session);
	try {
		const check = await checkEngine(checkParts(context.config, context.tito));
		const tokens = await accumulatedTokens(context.store, await planRead(session));
		const ids = tokens.text().toString("latin1");
		session.refuseWhenClosing();
		const rescore = ids === "" ? { error: "the session has no turns" } : await scored(context, ids);
		sendJson(response, 200, JSON.stringify({ engine_check: check, rescore }));
	} finally {
		done();
	}
}

/** @param ids decimal, comma-separated; all of them were checked when they were stored */
async function scored(context: WorkerContext, ids: string): Promise<object> {
	const signal = AbortSignal.timeout(RESCORE_TIMEOUT_MS);
	const body = `{"input_ids":[${ids}],"sampling_params":{"max_new_tokens":1,"temperature":0},"return_logprob":true,"logprob_start_len":0}`;
	try {
		const reply = await ask(context.config.upstream ?? "", "/generate", signal, body);
		const entries = member(member(reply.body, "meta_info"), "input_token_logprobs");
		if (reply.status !== 200 || !Array.isArray(entries))
			return { error: `/generate answered ${reply.status}: ${reply.text.slice(0, 200)}` };
		const lists = entries.map((entry: unknown) => (Array.isArray(entry) ? entry : []));
		return { ids: lists.map((entry) => entry[1]), logprobs: lists.map((entry) => entry[0]) };
	} catch (error) {
		return { error: `/generate: ${failureOf(error, signal)}` };
	}
}
