// The engine's small routes: health, models, tokenize, weights, abort, pause, metrics. No generation.
import { parseBody, SimRefusal } from "./chat-request.js";
import { COUNTER_NAMES } from "./counters.js";
import { hashIds, Random } from "./hash.js";
import type { SimState } from "./state.js";

export interface ServiceAnswer {
	status: number;
	contentType: string;
	body: string;
}

type Handler = (state: SimState, body: Buffer) => ServiceAnswer | Promise<ServiceAnswer>;

function json(value: unknown): ServiceAnswer {
	return { status: 200, contentType: "application/json", body: JSON.stringify(value) };
}

function plain(body: string): ServiceAnswer {
	return { status: 200, contentType: "text/plain; charset=utf-8", body };
}

function fieldsOf(body: Buffer): Readonly<Record<string, unknown>> {
	return body.length === 0 ? {} : parseBody(body).fields;
}

function models(state: SimState): ServiceAnswer {
	const maxLength = state.tunables.contextLength === 0 ? null : state.tunables.contextLength;
	const id = state.tunables.modelName;
	return json({
		object: "list",
		data: [{ id, object: "model", created: 0, owned_by: "sglang", root: id, max_model_len: maxLength }],
	});
}

function modelInfo(state: SimState): ServiceAnswer {
	return json({
		model_path: state.tunables.modelName,
		tokenizer_path: state.tunables.modelName,
		is_generation: true,
		weight_version: state.weightVersion,
	});
}

async function tokenize(state: SimState, body: Buffer): Promise<ServiceAnswer> {
	const fields = fieldsOf(body);
	const prompt = fields.prompt ?? fields.text;
	if (typeof prompt !== "string") throw new SimRefusal(400, "prompt must be a text");
	const ids = await state.model.vocabulary.encode(prompt);
	return json({ tokens: [...ids], count: ids.length, max_model_len: state.tunables.contextLength });
}

function detokenize(state: SimState, body: Buffer): ServiceAnswer {
	const fields = fieldsOf(body);
	const tokens = fields.tokens;
	if (!Array.isArray(tokens) || !tokens.every((id) => Number.isInteger(id) && id >= 0)) {
		throw new SimRefusal(400, "tokens must be a list of token ids");
	}
	return json({ text: state.model.vocabulary.decode(tokens, fields.skip_special_tokens !== false) });
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
	else if (typeof rid === "string" && rid !== "") state.scheduler.abort(rid);
	else throw new SimRefusal(400, "give rid, or abort_all: true");
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
	return plain("Cache flushed.\n");
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
	["GET /v1/models", models],
	["GET /get_model_info", modelInfo],
	["GET /model_info", modelInfo],
	["GET /metrics", metrics],
	["POST /tokenize", tokenize],
	["POST /v1/tokenize", tokenize],
	["POST /detokenize", detokenize],
	["POST /v1/detokenize", detokenize],
	["POST /v1/embeddings", embeddings],
	["POST /abort_request", abortRequest],
	["POST /pause_generation", pause],
	["POST /continue_generation", resume],
	["POST /update_weight_version", updateWeightVersion],
	["POST /flush_cache", flushCache],
	["GET /flush_cache", flushCache],
]);

/** @throws SimRefusal 404 for an unknown route, 400 for a bad body */
export async function answerService(
	state: SimState,
	method: string,
	path: string,
	body: Buffer,
): Promise<ServiceAnswer> {
	const handler = ROUTES.get(`${method === "HEAD" ? "GET" : method} ${path}`);
	if (!handler) throw new SimRefusal(404, `no route ${method} ${path}`);
	return await handler(state, body);
}
