// POST /sessions/{id}/verify: the truth check now, and the session's own ids scored by the engine once more. Changes nothing.
import type { ServerResponse } from "node:http";
import type { SessionId } from "../base/ids.js";
import { accumulatedTokens, planRead } from "../reads/records.js";
import type { WorkerContext } from "./context.js";
import { checkEngine } from "./engine-check.js";
import { checkParts } from "./open-engines.js";
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
		const { dialect, url } = context.engines.of(id).client;
		const check = await checkEngine(checkParts(context.config, context.tito, { dialect, url }));
		const tokens = await accumulatedTokens(context.store, await planRead(session));
		const ids = tokens.text().toString("latin1");
		session.refuseWhenClosing();
		const rescore =
			ids === ""
				? { error: "the session has no turns" }
				: await dialect.score(url, ids, AbortSignal.timeout(RESCORE_TIMEOUT_MS));
		sendJson(response, 200, JSON.stringify({ engine_check: check, rescore }));
	} finally {
		done();
	}
}
