// The one table of `rollpin serve` options. Flags, environment variables, config-file keys, --help and the
// docs are all made from it (the limits stand in limit-options.ts); nothing else may describe an option.
import { NEWEST_WIRE, SAMPLES_WIRES } from "../samples/wire.js";
import { LIMIT_OPTIONS } from "./limit-options.js";
import {
	checkEngineUrl,
	checkHost,
	checkInstanceId,
	checkModelName,
	checkPassThroughPath,
} from "./option-checks.js";
import { choice, decimal, integer, jsonObject, list, onOff, path, text } from "./option-types.js";

const CLUSTER = "Cluster";
const ENGINE = "Engine";
const TOKENS = "Tokens";
const SESSIONS = "Sessions";
const STORAGE = "Storage";
const SECURITY = "Security";
const LOGS = "Logs";

/** Longest lifetime: timers of the platform end at 2^31-1 ms. */
const MAX_LIFETIME_S = 2_147_483;

export const SERVE_OPTIONS = {
	backends: integer({
		group: CLUSTER,
		description: "session-server workers",
		min: 1,
		max: 64,
		fallback: null,
		defaultText: "min(4, cores)",
	}),
	host: text({
		group: CLUSTER,
		description: "front address; one that is not loopback needs --auth-token-file",
		placeholder: "address",
		rule: "a host name or an IP address without brackets",
		check: checkHost,
		fallback: "127.0.0.1",
	}),
	port: integer({
		group: CLUSTER,
		description: "front port; 0 takes any free one",
		placeholder: "port",
		min: 0,
		max: 65535,
		fallback: 8080,
	}),
	drainTimeout: decimal({
		group: CLUSTER,
		description: "how long running turns may take to end after SIGTERM or SIGINT",
		unit: "s",
		min: 0,
		max: 86_400,
		fallback: 30,
	}),
	instanceId: text({
		group: CLUSTER,
		description: "name of this launch, shown by /health",
		placeholder: "id",
		rule: "1 to 128 of A-Z a-z 0-9 . _ -",
		check: checkInstanceId,
		fallback: null,
		defaultText: "32 random hex digits",
	}),

	upstream: text({
		group: ENGINE,
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
		description: "hand the client's authorization header on to the engine",
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

	checkpoint: path({
		group: TOKENS,
		description: "Hugging Face checkpoint directory with the tokenizer; required with --upstream",
		placeholder: "dir",
		fallback: null,
		defaultText: "the toy checkpoint that ships with rollpin",
	}),
	titoModel: choice({
		group: TOKENS,
		description: "model family: how a stored turn is continued",
		placeholder: "family",
		choices: [
			"default",
			"qwen3",
			"qwen35",
			"qwen36",
			"qwen38small",
			"qwen4exp",
			"qwennext",
			"glm47",
			"glm53",
			"nemotron3",
			"kimi25",
			"kimi26",
			"minimax_m25",
			"minimax_m27",
			"deepseekv32",
			"deepseekv4",
			"inkling",
		],
		fallback: null,
		defaultText: "chosen by the checkpoint: its model_type and template",
	}),
	toolSchemaVersion: choice({
		group: TOKENS,
		description:
			"how the engine spells tools to the chat template. auto: as its release does; 3: SGLang 0.5.23 and newer (the client's key order), 2: 0.5.13 to 0.5.22, 1: without defer_loading",
		placeholder: "version",
		choices: ["auto", "1", "2", "3"],
		fallback: "auto",
	}),
	chatTemplate: path({
		group: TOKENS,
		description: "Jinja file that replaces the checkpoint's template; only with the default family",
		placeholder: "file",
		fallback: null,
		defaultText: "the checkpoint's own",
	}),
	chatTemplateKwargs: jsonObject({
		group: TOKENS,
		description: "JSON object handed to every render and to the engine; a request may add to it",
		fallback: "{}",
	}),

	mode: choice({
		group: SESSIONS,
		description:
			"linear: one line of turns, the newest may be retried; tree: requests branch, nothing is discarded",
		placeholder: "mode",
		choices: ["linear", "tree"],
		fallback: "linear",
	}),
	messageMatcher: choice({
		group: SESSIONS,
		description:
			"when a message sent again counts as the stored one; echo: an answer in any spelling, other messages with the same text to the model",
		placeholder: "matcher",
		choices: ["echo", "strict", "loose_tool_call", "role_content_only"],
		fallback: "echo",
	}),
	onAlteredAnswer: choice({
		group: SESSIONS,
		description:
			"linear mode, a request whose history is not the stored one: refuse it with a 400, or replace the newest turn",
		placeholder: "what",
		choices: ["refuse", "replace"],
		fallback: "refuse",
	}),
	sessionTtl: integer({
		group: SESSIONS,
		description: "lifetime of a session that asks for none",
		unit: "s",
		min: 1,
		max: MAX_LIFETIME_S,
		fallback: null,
		defaultText: "86400, or --max-session-ttl if that is less",
	}),
	maxSessionTtl: integer({
		group: SESSIONS,
		description: "longest lifetime a client may ask for",
		unit: "s",
		min: 1,
		max: MAX_LIFETIME_S,
		fallback: 86_400,
	}),
	sessionIdleTtl: integer({
		group: SESSIONS,
		description: "a session unused for this long expires; 0 is off",
		unit: "s",
		min: 0,
		max: MAX_LIFETIME_S,
		fallback: 7200,
	}),
	tombstones: integer({
		group: SESSIONS,
		description: "deleted and expired ids each worker remembers, oldest out first",
		min: 1,
		max: 10_000_000,
		fallback: 10_000,
	}),

	samplePicker: path({
		group: SESSIONS,
		description: "ES module whose default export picks the leaves that become samples; tree mode",
		placeholder: "file",
		fallback: null,
		defaultText: "drop_retries",
	}),
	samplePostprocessor: path({
		group: SESSIONS,
		description: "ES module whose default export finishes the picked samples; tree mode",
		placeholder: "file",
		fallback: null,
		defaultText: "a shared turn trains once",
	}),

	dataDir: path({
		group: STORAGE,
		description: "directory of the durable state; made if absent",
		placeholder: "dir",
		fallback: "./rollpin-data",
	}),
	store: choice({
		group: STORAGE,
		description: "lmdb: sessions survive restarts; memory: they die with their worker",
		placeholder: "kind",
		choices: ["lmdb", "memory"],
		fallback: "lmdb",
	}),
	durability: choice({
		group: STORAGE,
		description: "what an answered turn survives: kill -9 of any process, or loss of power (slower)",
		placeholder: "level",
		choices: ["process", "power"],
		fallback: "process",
	}),
	evictDump: path({
		group: STORAGE,
		description: "directory an expiring session is written to before it goes",
		placeholder: "dir",
		fallback: null,
		defaultText: "off",
	}),

	authTokenFile: path({
		group: SECURITY,
		description: "file with the bearer token that every request must carry",
		placeholder: "file",
		fallback: null,
		defaultText: "no token",
	}),
	insecure: onOff({
		group: SECURITY,
		description: "allow a --host that is not loopback without a token",
		fallback: false,
	}),

	...LIMIT_OPTIONS,

	heartbeatInterval: decimal({
		group: LOGS,
		description: "time between two heartbeat records of each worker",
		unit: "s",
		min: 0.1,
		max: 86_400,
		fallback: 30,
	}),
	logFormat: choice({
		group: LOGS,
		description: "json: one object a line on stdout; pretty: for people",
		placeholder: "format",
		choices: ["json", "pretty"],
		fallback: null,
		defaultText: "pretty on a terminal, else json",
	}),
	logLevel: choice({
		group: LOGS,
		description: "least level that is logged",
		placeholder: "level",
		choices: ["trace", "debug", "info", "warn", "error", "fatal"],
		fallback: "info",
	}),
	logContent: onOff({
		group: LOGS,
		description: "log the text of messages too",
		fallback: false,
	}),
};

type ServeOptions = typeof SERVE_OPTIONS;
export type OptionKey = keyof ServeOptions;
export const OPTION_KEYS = Object.keys(SERVE_OPTIONS) as OptionKey[];

/** Every option's value, as its type reads it; null where it was left out and has no default of its own. */
export type OptionValues = {
	[Key in OptionKey]: Exclude<ReturnType<ServeOptions[Key]["parse"]>, undefined>;
};
