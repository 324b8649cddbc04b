// SGLang's dialect: native server, and smg in front of it. Only names the parts; each stands in a file of its own.
import type { EngineDialect } from "../engine.js";
import { modelNameOf, ownPrompt } from "./own-prompt.js";
import { engineIdentity } from "./release.js";
import { readReply } from "./reply.js";
import { spliceRequest, upstreamFields } from "./request-body.js";
import { score } from "./score.js";
import { readIdentity } from "./server-info.js";
import { SGLANG_SITES } from "./sites.js";

export const sglang: EngineDialect = {
	name: "sglang",
	chatPath: "/v1/chat/completions",
	sites: SGLANG_SITES,
	request: (body, scan, turn) => spliceRequest(body, scan, upstreamFields(turn)),
	readReply,
	// It aborts every request whose id begins with the given one: ids must be of one length.
	abortRequest: (attemptId) => ({ path: "/abort_request", body: JSON.stringify({ rid: attemptId }) }),
	identify: async (url) => engineIdentity(await readIdentity(url)),
	modelName: modelNameOf,
	ownPrompt,
	score,
};
