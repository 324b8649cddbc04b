// Typed values -> ClusterConfig: the rules between options, units and paths. Pure but for the two looks at
// files that `Machine` hands in. Nothing after this step reads flags, environment or the config file.
import { dirname, resolve } from "node:path";
import type { ClusterConfig } from "../config/cluster-config.js";
import type { FamilyChoice } from "../tito/family-choice.js";
import {
	checkCheckpoint,
	checkExposure,
	checkHooks,
	checkLifetimes,
	checkLimits,
	checkReplay,
	checkStorage,
	readToken,
	unusedSettings,
} from "./config-rules.js";

import { defaultWorkers } from "./default-workers.js";
import type { OptionKey, OptionValues } from "./options.js";
import { readValues } from "./read-values.js";
import { checkSandboxes, sandboxConfig, unusedSandboxSettings } from "./sandbox-config.js";
import { labelOf, type RawSettings, type Source } from "./settings.js";
import type { Machine, SettledValues } from "./settled-values.js";

export interface Compiled {
	config: ClusterConfig;
	values: SettledValues;
	/** Settings that do nothing beside the others, a line each. */
	warnings: readonly string[];
	/** Who chose the family, or what it was chosen by. */
	familyWhy: string;
	/** Likewise of the number of workers. */
	backendsWhy: string;
}

const MIB = 1024 * 1024;

/** Throws ConfigError: one line naming the setting, the rule and the remedy. */
export function compileConfig(settings: RawSettings, machine: Machine): Compiled {
	const settled = settle(readValues(settings), settings, machine);
	const label = (key: OptionKey) => labelOf(key, sourceOf(settings, key));
	checkLifetimes(settled, label);
	checkCheckpoint(settled, label, machine);
	const choice = familyOf(settled, sourceOf(settings, "titoModel"), machine);
	const values = { ...settled, titoModel: choice.family };
	checkStorage(values, label, machine);
	checkLimits(values, label);
	checkHooks(values, label, machine);
	checkReplay(values, label);
	const authToken = readToken(values, label, machine);
	checkExposure(values, label, authToken);
	checkSandboxes(values, label);
	const given = (key: OptionKey) => sourceOf(settings, key).from !== "default";
	const warnings = [...unusedSettings(values, label, given), ...unusedSandboxSettings(values, label, given)];
	if (choice.doubtful)
		warnings.push(
			`--tito-model default was chosen for --checkpoint ${values.checkpoint} (${choice.why}): its tokens are kept only if its template merely appends; see docs/families.md, and run rollpin verify`,
		);
	const backendsWhy = given("backends") ? "--backends" : defaultWorkers(machine.cores).why;
	return {
		values,
		config: assemble(values, authToken, { backends: backendsWhy, titoModel: choice.why }, machine),
		warnings,
		familyWhy: choice.why,
		backendsWhy,
	};
}

export function sourceOf(settings: RawSettings, key: OptionKey): Source {
	return settings[key]?.source ?? { from: "default" };
}

/** Fills in the defaults that depend on the machine or on other options, and makes paths absolute. */
function settle(values: OptionValues, settings: RawSettings, machine: Machine): SettledValues {
	const absolute = (key: OptionKey, path: string) => {
		const source = sourceOf(settings, key);
		return resolve(source.from === "file" ? dirname(source.path) : machine.cwd, path);
	};
	const backends = values.backends ?? defaultWorkers(machine.cores).workers;
	const memoryShareMib = Math.floor(machine.memoryMib / 2 / backends);
	return {
		...values,
		backends,
		titoModel: values.titoModel ?? "default",
		instanceId: values.instanceId ?? machine.newInstanceId(),
		sessionTtl: values.sessionTtl ?? Math.min(86_400, values.maxSessionTtl),
		maxInflightMib: values.maxInflightMib ?? Math.max(values.maxBodyMib, Math.min(4096, memoryShareMib)),
		maxReplyMib: values.maxReplyMib ?? (values.r3 !== "off" || values.samplingReplay ? 2048 : 256),
		logFile: values.logFile && absolute("logFile", values.logFile),
		logFormat: values.logFormat ?? (machine.stdoutIsTerminal && values.logFile === null ? "pretty" : "json"),
		checkpoint: values.checkpoint && absolute("checkpoint", values.checkpoint),
		chatTemplate: values.chatTemplate && absolute("chatTemplate", values.chatTemplate),
		dataDir: absolute("dataDir", values.dataDir),
		evictDump: values.evictDump && absolute("evictDump", values.evictDump),
		samplePicker: values.samplePicker && absolute("samplePicker", values.samplePicker),
		samplePostprocessor:
			values.samplePostprocessor && absolute("samplePostprocessor", values.samplePostprocessor),
		authTokenFile: values.authTokenFile && absolute("authTokenFile", values.authTokenFile),
	};
}

/** After the checkpoint was found to be there. */
function familyOf(values: SettledValues, source: Source, machine: Machine): FamilyChoice {
	if (source.from !== "default") return { family: values.titoModel, why: "--tito-model", doubtful: false };
	if (values.chatTemplate !== null)
		return { family: "default", why: "--chat-template goes with default only", doubtful: false };
	// The toy checkpoint speaks Qwen3's format: with `default` each of its sessions would report a missing newline.
	if (values.checkpoint === null) return { family: "qwen3", why: "the toy checkpoint", doubtful: false };
	return machine.chooseFamily(values.checkpoint);
}

function assemble(
	values: SettledValues,
	authToken: string | null,
	why: { backends: string; titoModel: string },
	machine: Machine,
): ClusterConfig {
	return {
		backends: values.backends,
		backendsWhy: why.backends,
		host: values.host,
		port: values.port,
		upstream: values.upstream,
		upstreamTimeoutMs: Math.round(values.upstreamTimeout * 1000),
		checkpointDir: values.checkpoint ?? machine.toyCheckpointDir,
		chatTemplateFile: values.chatTemplate,
		chatTemplateKwargsJson: values.chatTemplateKwargs,
		titoModel: values.titoModel,
		titoModelWhy: why.titoModel,
		toolSchemaVersion: toolSchemaVersion(values),
		engineCheck: values.engineCheck,
		mode: values.mode,
		messageMatcher: values.messageMatcher,
		onAlteredAnswer: values.onAlteredAnswer,
		dataDir: values.dataDir,
		store: values.store,
		durability: values.durability,
		sessionTtlS: values.sessionTtl,
		maxSessionTtlS: values.maxSessionTtl,
		sessionIdleTtlS: values.sessionIdleTtl,
		tombstones: values.tombstones,
		heartbeatIntervalMs: Math.round(values.heartbeatInterval * 1000),
		drainTimeoutMs: Math.round(values.drainTimeout * 1000),
		r3: values.r3,
		r3Keep: values.r3Keep,
		authToken,
		allowedHosts: values.allowedHosts,
		forwardAuthorization: values.forwardAuthorization,
		passThroughPaths: values.passThrough,
		samplingReplay: values.samplingReplay,
		samplesWire: values.samplesWire,
		servedModel: values.servedModel,
		onDisconnect: values.onDisconnect,
		replyPromptIds: values.replyPromptIds,
		controlText: values.controlText,
		evictDumpDir: values.evictDump,
		samplePicker: values.samplePicker,
		samplePostprocessor: values.samplePostprocessor,
		sseKeepaliveMs: Math.round(values.sseKeepalive * 1000),
		instanceId: values.instanceId,
		limits: {
			maxBodyBytes: Math.floor(values.maxBodyMib * MIB),
			maxMessages: values.maxMessages,
			maxJsonDepth: values.maxJsonDepth,
			maxTurnsPerSession: values.maxTurns,
			maxTokensPerSession: values.maxSessionTokens,
			maxSessionsPerWorker: values.maxSessions,
			maxQueuePerSession: values.maxQueue,
			maxInflightPerWorker: values.maxInflight,
			maxInflightBytesPerWorker: Math.floor(values.maxInflightMib * MIB),
			maxTreeNodes: values.maxTreeNodes,
			maxReplyBytes: Math.floor(values.maxReplyMib * MIB),
		},
		log: {
			file: values.logFile,
			format: values.logFormat,
			level: values.logLevel,
			content: values.logContent,
		},
		sandbox: sandboxConfig(values),
	};
}

function toolSchemaVersion({ toolSchemaVersion: text }: SettledValues): ClusterConfig["toolSchemaVersion"] {
	switch (text) {
		case "1":
			return 1;
		case "2":
			return 2;
		case "3":
			return 3;
		default:
			return "auto";
	}
}
