// What the engine says of itself: models, model_info, server_info with its release. No generation.
import { type Handler, json, type ServiceAnswer } from "./service-answer.js";
import type { SimState } from "./state.js";

export const MODEL_PREFIX = "/v1/models/";

/** What SGLang reports for a model that sets no limit of its own. */
const DEFAULT_CONTEXT_LENGTH = 131_072;

/** Longest prompt plus reply that the engine names; the simulator itself need not have one. */
export function contextLengthOf({ tunables }: SimState): number {
	return tunables.contextLength === 0 ? DEFAULT_CONTEXT_LENGTH : tunables.contextLength;
}

function modelCard(state: SimState): Record<string, unknown> {
	const id = state.tunables.modelName;
	return {
		id,
		object: "model",
		created: Math.floor(Date.now() / 1000),
		owned_by: "sglang",
		root: id,
		parent: null,
		max_model_len: contextLengthOf(state),
	};
}

/** `GET /v1/models/{id}`; 404 in OpenAI's form for another name, as SGLang has it. */
export function oneModel(state: SimState, name: string): ServiceAnswer {
	if (name === state.tunables.modelName) return json(modelCard(state));
	const message = `The model '${name}' does not exist`;
	const error = { message, type: "invalid_request_error", param: "model", code: "model_not_found" };
	return json({ error }, 404);
}

function modelInfo(state: SimState): ServiceAnswer {
	const name = state.tunables.modelName;
	return json({
		model_path: name,
		served_model_name: name,
		tokenizer_path: name,
		is_generation: true,
		preferred_sampling_params: null,
		weight_version: state.weightVersion,
		load_format: "auto",
		reasoning_parser: state.tunables.reasoning ? "qwen3" : null,
		tool_call_parser: "qwen",
		disaggregation_mode: "null",
		has_image_understanding: false,
		has_audio_understanding: false,
		model_type: "qwen3",
		architectures: ["Qwen3ForCausalLM"],
	});
}

/** The real one lists every server argument; here are those that a client may look at. */
function serverInfo(state: SimState): ServiceAnswer {
	const name = state.tunables.modelName;
	return json({
		model_path: name,
		tokenizer_path: name,
		served_model_name: name,
		context_length: state.tunables.contextLength === 0 ? null : state.tunables.contextLength,
		reasoning_parser: state.tunables.reasoning ? "qwen3" : null,
		tool_call_parser: "qwen25",
		enable_return_routed_experts: true,
		enable_cache_report: false,
		weight_version: state.weightVersion,
		max_running_requests: state.tunables.maxRunning === 0 ? null : state.tunables.maxRunning,
		internal_states: [{}],
		version: state.model.release.version,
	});
}

/** There is no `/version`, as in SGLang. */
export const INFORMATION_ROUTES: ReadonlyArray<readonly [string, Handler]> = [
	["GET /v1/models", (state) => json({ object: "list", data: [modelCard(state)] })],
	["GET /get_model_info", modelInfo],
	["GET /model_info", modelInfo],
	["GET /get_server_info", serverInfo],
	["GET /server_info", serverInfo],
];
