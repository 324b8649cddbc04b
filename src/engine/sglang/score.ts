// Has an engine score ids that it did not sample: one prefill by POST /generate. Records nothing.
import type { Scores } from "../engine.js";
import { ask, failureOf, member } from "../http/ask.js";

/** `EngineDialect.score`. */
export async function score(url: string, ids: string, signal: AbortSignal): Promise<Scores> {
	const body = `{"input_ids":[${ids}],"sampling_params":{"max_new_tokens":1,"temperature":0},"return_logprob":true,"logprob_start_len":0}`;
	try {
		const reply = await ask(url, "/generate", signal, body);
		const entries = member(member(reply.body, "meta_info"), "input_token_logprobs");
		if (reply.status !== 200 || !Array.isArray(entries))
			return { error: `/generate answered ${reply.status}: ${reply.text.slice(0, 200)}` };
		const lists = entries.map((entry: unknown) => (Array.isArray(entry) ? entry : []));
		return { ids: lists.map((entry) => entry[1]), logprobs: lists.map((entry) => entry[0]) };
	} catch (error) {
		return { error: `/generate: ${failureOf(error, signal)}` };
	}
}
