// The compiled configuration: made once by the CLI, sent to every child. Nothing else reads flags or environment.
export type LogFormat = "json" | "pretty";
export type LogLevel = "trace" | "debug" | "info" | "warn" | "error" | "fatal";

export interface LogConfig {
	/** Absolute path, or null for stdout. The primary writes it. */
	file: string | null;
	format: LogFormat;
	level: LogLevel;
	/** Log message text too (`--log-content`). */
	content: boolean;
}

/** Bounds on what a client may ask for; every one has a flag. */
export interface Limits {
	maxBodyBytes: number;
	maxMessages: number;
	maxJsonDepth: number;
	maxTurnsPerSession: number;
	maxTokensPerSession: number;
	maxSessionsPerWorker: number;
	/** Chats waiting for one session's lock. */
	maxQueuePerSession: number;
	maxInflightPerWorker: number;
	maxInflightBytesPerWorker: number;
	/** Turns of one tree-mode session (docs/reference.md, Trees: 1024). */
	maxTreeNodes: number;
	/** Of one reply of the engine. */
	maxReplyBytes: number;
}

/** The launch as a whole: its port, its processes, its end. Primary and router. */
interface FrontConfig {
	backends: number;
	/** Who chose their number, or what it was chosen by; for people. */
	backendsWhy: string;
	host: string;
	/** 0: any free port. */
	port: number;
	/** Bearer token every request must carry, or null. */
	authToken: string | null;
	/** Names beside its own that a request without a token may call this by. */
	allowedHosts: readonly string[];
	instanceId: string;
	heartbeatIntervalMs: number;
	drainTimeoutMs: number;
}

/** Where the engine is and what passes between it and us. Worker. */
export interface EngineConfig {
	/** Engine base URL without a trailing slash; null: start the simulated engine. */
	upstream: string | null;
	upstreamTimeoutMs: number;
	/** What an engine that renders short conversations otherwise means. */
	engineCheck: "warn" | "refuse" | "off";
	/** Put into every chat as its `model`; null leaves the client's. */
	servedModel: string | null;
	forwardAuthorization: boolean;
	/** Paths (with leading slash, below the session) that pass through to the engine. */
	passThroughPaths: readonly string[];
	/** Cancel the generation when its client goes away, or let it commit. */
	onDisconnect: "cancel" | "commit";
	/** Whether an answer brings the ids of its prompt; records do whatever this says. */
	replyPromptIds: "on" | "off" | "asked";
	/** Comment lines on a waiting SSE reply; 0: off. */
	sseKeepaliveMs: number;
	r3: "off" | "full" | "incremental";
	/** Replay payloads of every record, or only of those that may be a path's last. */
	r3Keep: "all" | "latest";
	/** Ask the engine for each token's sampling support and log probability in it, and keep them with each turn. */
	samplingReplay: boolean;
}

/** How conversations become tokens. Worker. */
interface TokensConfig {
	/** Absolute path of the checkpoint directory. */
	checkpointDir: string;
	/** Absolute path, or null for the checkpoint's own template. */
	chatTemplateFile: string | null;
	/** JSON text of an object. */
	chatTemplateKwargsJson: string;
	titoModel: string;
	/** Who chose it, or what it was chosen by; for people. */
	titoModelWhy: string;
	/** Of the engine: how it spells tools to the chat template; auto: by its release. */
	toolSchemaVersion: 1 | 2 | 3 | "auto";
	/** What becomes of a message that spells a control token. */
	controlText: "allow" | "refuse";
}

/** How requests become turns, and turns become samples. Worker. */
interface SessionsConfig {
	mode: "linear" | "tree";
	/** Linear mode: what becomes of a request with another answer than the stored one. */
	onAlteredAnswer: "refuse" | "replace";
	/** Version of the samples container for a trainer that names none. */
	samplesWire: "2026-08" | "2026-09";
	/** Absolute path of an ES module, or null for drop_retries (tree mode). */
	samplePicker: string | null;
	/** Absolute path of an ES module, or null: shared turns train once (tree mode). */
	samplePostprocessor: string | null;
	evictDumpDir: string | null;
}

/** Where sessions are kept. Worker; the primary for the lock of the data dir. */
export interface StoreConfig {
	/** Absolute path. */
	dataDir: string;
	store: "disk" | "memory";
	durability: "process" | "power";
	tombstones: number;
}

/** What makes sandboxes for agents' commands. The sandbox process. */
export interface SandboxConfig {
	backend: "local" | "docker";
	/** Absolute path of the engine's socket; of use to docker only. */
	dockerSocket: string;
	ttlS: number;
	maxTtlS: number;
	maxExecTimeoutMs: number;
	maxSandboxes: number;
	createConcurrency: number;
	image: string;
	/** Patterns of further images: `*` stands for any characters. */
	allowImages: readonly string[];
	pullPolicy: "never" | "missing";
	/** Of a sandbox that asks for none, and the most that one may ask for. */
	resources: SandboxResources;
	maxResources: SandboxResources;
}

interface SandboxResources {
	/** Cores. */
	cpu: number;
	memoryMib: number;
	pids: number;
	diskMib: number;
}

/** The part that SIGHUP changes in a cluster that runs (reload.ts); everything else is fixed for the launch. */
export interface ReloadableConfig {
	authToken: FrontConfig["authToken"];
	upstream: EngineConfig["upstream"];
	messageMatcher: "echo" | "strict" | "loose_tool_call" | "role_content_only";
	sessionTtlS: number;
	maxSessionTtlS: number;
	/** 0: off. */
	sessionIdleTtlS: number;
	limits: Limits;
	log: Pick<LogConfig, "level">;
}

export interface ClusterConfig
	extends FrontConfig,
		EngineConfig,
		TokensConfig,
		SessionsConfig,
		StoreConfig,
		ReloadableConfig {
	log: LogConfig;
	/** Null: this cluster has no sandboxes. */
	sandbox: SandboxConfig | null;
}
