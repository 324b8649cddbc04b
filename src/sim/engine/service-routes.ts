// The engine's small routes: health, embeddings, weights, abort, pause, metrics, and where the others are. No generation.
import { parseBody, SimRefusal } from "./chat-request.js";
import { COUNTER_NAMES } from "./counters.js";
import { hashIds, Random } from "./hash.js";
import { INFORMATION_ROUTES, MODEL_PREFIX, oneModel } from "./information-routes.js";
import { type Handler, json, plain, type ServiceAnswer } from "./service-answer.js";
import type { SimState } from "./state.js";
import { TOKENIZE_ROUTES } from "./tokenize-routes.js";

function fieldsOf(body: Buffer): Readonly<Record<string, unknown>> {
	return body.length === 0 ? {} : parseBody(body).fields;
}

async function embeddings(state: SimState, body: Buffer): Promise<ServiceAnswer> {
	const fields = fieldsOf(body);
	const inputs = Array.isArray(fields.input) ? fields.input : [fields.input];
	let promptTokens = 0;
	const data: unknown[] = [];
	for (const [index, input] of inputs.entries()) {
		if (typeof input !== "string") throw new SimRefusal(400, "input must be a text or a list of texts");
		const ids = await state.model.vocabulary.encode(input);
		promptTokens += ids.length;
		const random = new Random(hashIds(state.tunables.seed, ids));
		const embedding = Array.from({ length: 16 }, () => random.fraction() * 2 - 1);
		data.push({ object: "embedding", index, embedding });
	}
	return json({
		object: "list",
		data,
		model: state.tunables.modelName,
		usage: { prompt_tokens: promptTokens, total_tokens: promptTokens },
	});
}

function abortRequest(state: SimState, body: Buffer): ServiceAnswer {
	const fields = fieldsOf(body);
	const rid = fields.rid;
	if (fields.abort_all === true) state.scheduler.abort(null);
	else if (typeof rid === "string") state.scheduler.abort(rid);
	return plain("");
}

function pause(state: SimState, body: Buffer): ServiceAnswer {
	const mode = fieldsOf(body).mode ?? "abort";
	if (mode !== "abort" && mode !== "retract" && mode !== "in_place") {
		throw new SimRefusal(400, "mode must be abort, retract or in_place");
	}
	state.scheduler.pause();
	if (mode === "abort") state.scheduler.abort(null);
	return json({ message: "Generation paused successfully.", status: "ok" });
}

function resume(state: SimState): ServiceAnswer {
	state.scheduler.resume();
	return json({ message: "Generation continued successfully.", status: "ok" });
}

function updateWeightVersion(state: SimState, body: Buffer): ServiceAnswer {
	const fields = fieldsOf(body);
	const version = fields.new_version;
	if (typeof version !== "string") throw new SimRefusal(400, "new_version must be a text");
	if (fields.abort_all_requests === true) state.scheduler.abort(null);
	state.weightVersion = version;
	return json({ success: true, message: `Weight version updated to ${version}`, new_version: version });
}

function flushCache(state: SimState): ServiceAnswer {
	state.cache.clear();
	state.otherCache.clear();
	return plain(
		"Cache flushed.\nPlease check backend logs for more details. " +
			"(When there are running or waiting requests, the operation will not be performed.)\n",
	);
}

function metrics(state: SimState): ServiceAnswer {
	const counters = state.counters.snapshot();
	const levels = new Set(["inFlight", "maxInFlight", "running", "queued"]);
	const lines: string[] = [];
	for (const name of COUNTER_NAMES) {
		const snake = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
		const metric = levels.has(name) ? `rollpin_sim_${snake}` : `rollpin_sim_${snake}_total`;
		lines.push(`# TYPE ${metric} ${levels.has(name) ? "gauge" : "counter"}`, `${metric} ${counters[name]}`);
	}
	return plain(`${lines.join("\n")}\n`);
}

const ROUTES: ReadonlyMap<string, Handler> = new Map<string, Handler>([
	["GET /health", () => plain("")],
	["GET /health_generate", () => plain("")],
	["GET /metrics", metrics],
	...INFORMATION_ROUTES,
	...TOKENIZE_ROUTES,
	["POST /v1/embeddings", embeddings],
	["POST /abort_request", abortRequest],
	["POST /pause_generation", pause],
	["POST /continue_generation", resume],
	["POST /update_weight_version", updateWeightVersion],
	["POST /flush_cache", flushCache],
	["GET /flush_cache", flushCache],
]);

/** @throws SimRefusal 400 for a bad body */
export async function answerService(
	state: SimState,
	method: string,
	path: string,
	body: Buffer,
): Promise<ServiceAnswer> {
	const asked = method === "HEAD" ? "GET" : method;
	if (asked === "GET" && path.startsWith(MODEL_PREFIX)) {
		return oneModel(state, decodeURIComponent(path.slice(MODEL_PREFIX.length)));
	}
	const handler = ROUTES.get(`${asked} ${path}`);
	if (!handler) return json({ detail: "Not Found" }, 404);
	return await handler(state, body);
}
