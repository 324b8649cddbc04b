// The simulated engine's options: names, units, defaults and bounds in one table. Reads nothing, checks nothing.
import { ENGINE_VERSIONS } from "./engine-release.js";

/** One tunable of the simulated engine, described for the command line and the docs. */
export interface SimOption {
	name: keyof SimTunables;
	/** Unit of the value; "" for a count, a name or a switch. */
	unit: "" | "ms" | "tokens" | "tokens/s" | "bytes" | "fraction" | "requests" | "turns";
	default: number | string | boolean;
	description: string;
	/** The only values of a name that has such. */
	choices?: readonly string[];
	/** Bounds of a number, both inclusive. */
	min?: number;
	max?: number;
}

export interface SimTunables {
	seed: number;
	engineVersion: string;
	misbehave: string;
	modelName: string;
	weightVersion: string;
	endOfTurnToken: string;
	defaultMaxTokens: number;
	replyTokensMin: number;
	replyTokensMax: number;
	contextLength: number;
	toolCallEvery: number;
	respellOneIn: number;
	reasoning: boolean;
	prefillTokensPerSecond: number;
	decodeTokensPerSecond: number;
	latencyMs: number;
	jitter: number;
	maxRunning: number;
	maxQueued: number;
	r3Layers: number;
	r3TopK: number;
	r3BytesPerToken: number;
	r3Experts: number;
	indexerLayers: number;
	indexerTopK: number;
	prefixCacheTokens: number;
	keepAliveTimeoutMs: number;
	lostClientMs: number;
	requestLogEntries: number;
	requestLogBytes: number;
}

const MAX = 2 ** 31 - 1;

/** Every tunable, in the order in which help shows them. */
export const SIM_OPTIONS: readonly SimOption[] = [
	{ name: "seed", unit: "", default: 1, min: 0, max: MAX, description: "seed of all sampling" },
	{
		name: "engineVersion",
		unit: "",
		default: "0.5.23",
		choices: ENGINE_VERSIONS,
		description: "release of SGLang whose replies, prompts and errors it imitates",
	},
	{
		name: "misbehave",
		unit: "",
		default: "",
		description:
			"what it does as some gateway does: sglang-router, smg, or names such as drops-input-ids, comma-separated (docs/simulated-engine.md)",
	},
	{
		name: "modelName",
		unit: "",
		default: "rollpin-sim",
		description: "model name in replies and /v1/models",
	},
	{ name: "weightVersion", unit: "", default: "default", description: "weight_version in replies" },
	{
		name: "endOfTurnToken",
		unit: "",
		default: "",
		description: "token that ends a turn; empty: <|im_end|> where the vocabulary has it, else the eos token",
	},
	{
		name: "defaultMaxTokens",
		unit: "tokens",
		default: 4096,
		min: 1,
		max: MAX,
		description: "reply limit of a request that names none",
	},
	{
		name: "replyTokensMin",
		unit: "tokens",
		default: 12,
		min: 1,
		max: MAX,
		description: "shortest sampled reply (the length is uniform between the two)",
	},
	{
		name: "replyTokensMax",
		unit: "tokens",
		default: 48,
		min: 1,
		max: MAX,
		description: "longest sampled reply",
	},
	{
		name: "contextLength",
		unit: "tokens",
		default: 0,
		min: 0,
		max: MAX,
		description: "longest prompt plus reply; 0: unlimited",
	},
	{
		name: "toolCallEvery",
		unit: "turns",
		default: 2,
		min: 0,
		max: MAX,
		description: "with tools, every n-th turn calls one, starting with the first; 0: never",
	},
	{
		name: "respellOneIn",
		unit: "",
		default: 4,
		min: 0,
		max: MAX,
		description:
			"n: one tool call in n is sampled in another JSON spelling than the message has it in; 0: none",
	},
	{ name: "reasoning", unit: "", default: false, description: "replies open with a <think> block" },
	{
		name: "prefillTokensPerSecond",
		unit: "tokens/s",
		default: 0,
		min: 0,
		max: MAX,
		description: "prefill rate of tokens not in the prefix cache; 0: instant",
	},
	{
		name: "decodeTokensPerSecond",
		unit: "tokens/s",
		default: 0,
		min: 0,
		max: MAX,
		description: "decode rate of one request; 0: instant",
	},
	{
		name: "latencyMs",
		unit: "ms",
		default: 0,
		min: 0,
		max: 86_400_000,
		description: "added to every generation",
	},
	{
		name: "jitter",
		unit: "fraction",
		default: 0,
		min: 0,
		max: 1,
		description: "random part of a generation's duration, up or down",
	},
	{
		name: "maxRunning",
		unit: "requests",
		default: 0,
		min: 0,
		max: MAX,
		description: "generations that run at once, the rest queue; 0: no limit",
	},
	{
		name: "maxQueued",
		unit: "requests",
		default: 0,
		min: 0,
		max: MAX,
		description: "queue bound; a request over it gets 503; 0: no limit",
	},
	{
		name: "r3Layers",
		unit: "",
		default: 4,
		min: 1,
		max: 4096,
		description: "layers of a routed_experts row",
	},
	{
		name: "r3TopK",
		unit: "",
		default: 8,
		min: 1,
		max: 4096,
		description: "experts per layer of a routed_experts row",
	},
	{
		name: "r3BytesPerToken",
		unit: "bytes",
		default: 0,
		min: 0,
		max: 1_048_576,
		description:
			"size of a routed_experts row before base64, a multiple of 4; wins over layers and top-k; 0: off",
	},
	{ name: "r3Experts", unit: "", default: 128, min: 1, max: MAX, description: "expert ids are below this" },
	{
		name: "indexerLayers",
		unit: "",
		default: 2,
		min: 1,
		max: 4096,
		description: "layers of an indexer_topk row",
	},
	{
		name: "indexerTopK",
		unit: "",
		default: 8,
		min: 1,
		max: 4096,
		description: "entries per layer of an indexer_topk row",
	},
	{
		name: "prefixCacheTokens",
		unit: "tokens",
		default: 8_000_000,
		min: 0,
		max: MAX,
		description: "size of the prefix cache that cached_tokens comes from; 0: off",
	},
	{
		name: "keepAliveTimeoutMs",
		unit: "ms",
		default: 75_000,
		min: 1,
		max: MAX,
		description: "an idle connection is closed after this",
	},
	{
		name: "lostClientMs",
		unit: "ms",
		default: 0,
		min: 0,
		max: MAX,
		description:
			"how long a generation runs on when its client has left, unless /abort_request ends it; SGLang looks every 2 s",
	},
	{
		name: "requestLogEntries",
		unit: "requests",
		default: 1000,
		min: 0,
		max: 1_000_000,
		description: "requests kept in the control plane's log, newest last",
	},
	{
		name: "requestLogBytes",
		unit: "bytes",
		default: 67_108_864,
		min: 0,
		max: MAX,
		description: "bytes of request bodies kept in that log",
	},
];
