// Options of the help section Engine: where it is, what it is asked for, what reaches it.
import { NEWEST_WIRE, SAMPLES_WIRES } from "../../samples/wire.js";
import { checkEngineUrl, checkModelName, checkPassThroughPath } from "../option-checks.js";
import { choice, decimal, list, onOff, text } from "../option-types.js";

const ENGINE = "Engine";

export const ENGINE_OPTIONS = {
	upstream: text({
		group: ENGINE,
		reloadable: true,
		description: "base URL of the SGLang gateway or server; without it the simulated engine is started",
		placeholder: "url",
		rule: "an http:// or https:// base URL without credentials, query and a final /v1",
		check: checkEngineUrl,
		fallback: null,
		defaultText: "the simulated engine",
		hint: "give it as in --upstream http://127.0.0.1:30000",
	}),
	upstreamTimeout: decimal({
		group: ENGINE,
		description: "longest wait for a whole reply of the engine",
		unit: "s",
		min: 0.1,
		max: 86_400,
		fallback: 600,
	}),
	r3: choice({
		group: ENGINE,
		description: "ask the engine for routed experts (return_routed_experts) and keep them with each turn",
		placeholder: "mode",
		choices: ["off", "full", "incremental"],
		fallback: "off",
	}),
	r3Keep: choice({
		group: ENGINE,
		description:
			"replay payloads of every record, or of the latest ones only: those that may still be the last of their path",
		placeholder: "which",
		choices: ["all", "latest"],
		fallback: "all",
	}),
	samplingReplay: onOff({
		group: ENGINE,
		description:
			"ask the engine for the tokens that each one was sampled from (return_sampling_mask) and keep them with each turn",
		fallback: false,
	}),
	samplesWire: choice({
		group: ENGINE,
		description:
			"version of the samples a trainer gets that names none (samples_wire in its request); 2026-09 adds the sampling mask",
		placeholder: "version",
		choices: SAMPLES_WIRES,
		fallback: NEWEST_WIRE,
	}),
	servedModel: text({
		group: ENGINE,
		description:
			"model of every chat, whatever the client sends: gateways answer 404 to a name they do not know",
		placeholder: "name",
		rule: "1 to 512 characters without control characters",
		check: checkModelName,
		fallback: null,
		defaultText: "the client's",
	}),
	forwardAuthorization: onOff({
		group: ENGINE,
		description:
			"hand the client's credentials on to the engine: authorization, cookie, x-api-key and their like",
		fallback: false,
	}),
	passThrough: list({
		group: ENGINE,
		description: "paths below a session that go to the engine untouched",
		placeholder: "paths",
		rule: "a comma-separated list of paths such as /v1/models (leading slash, no dots, no query)",
		check: checkPassThroughPath,
		fallback: [
			"/v1/models",
			"/v1/embeddings",
			"/tokenize",
			"/detokenize",
			"/get_model_info",
			"/abort_request",
			"/health",
		],
	}),
	onDisconnect: choice({
		group: ENGINE,
		description: "what becomes of a turn whose client goes away",
		placeholder: "what",
		choices: ["cancel", "commit"],
		fallback: "cancel",
	}),
	replyPromptIds: choice({
		group: ENGINE,
		description:
			"whether an answer brings choices[0].prompt_token_ids. asked: when its request has return_prompt_token_ids; records and samples have them whatever",
		placeholder: "when",
		choices: ["on", "off", "asked"],
		fallback: "asked",
	}),
	controlText: choice({
		group: ENGINE,
		description:
			"text of a message that spells a control token, such as <|im_end|>. allow: it becomes that token, as at the engine, and is logged once a session; refuse: such a message is a 400",
		placeholder: "what",
		choices: ["allow", "refuse"],
		fallback: "allow",
	}),
	engineCheck: choice({
		group: ENGINE,
		description:
			"compare the engine's own ids of short conversations with ours at the start. warn: say what differs; refuse: an engine that differs, or can't be asked, gets no chat; off: don't ask",
		placeholder: "what",
		choices: ["warn", "refuse", "off"],
		fallback: "warn",
	}),
	sseKeepalive: decimal({
		group: ENGINE,
		description: "comment line on a waiting stream, this often; 0 is off",
		unit: "s",
		min: 0,
		max: 3600,
		fallback: 0,
	}),
};
