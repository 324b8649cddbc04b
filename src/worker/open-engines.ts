// Opens a worker's engines: client, gate and truth check of each, what they tell the tokenizer and the log. Decides nothing.
import { join } from "node:path";
import { ConfigError } from "../base/errors.js";
import type { WorkerIndex } from "../base/ids.js";
import { packageRoot } from "../base/package-root.js";
import type { ClusterConfig } from "../config/cluster-config.js";
import type { EngineClient } from "../engine/http/client.js";
import type { Logger } from "../telemetry/logger.js";
import type { Tito } from "../tito/tito.js";
import type { ToolSchemaVersion } from "../tito/tools.js";
import {
	checkEngine,
	checkText,
	type EngineAddress,
	type EngineCheck,
	type EngineCheckParts,
} from "./engine-check.js";
import { EngineChecker } from "./engine-checker.js";
import { type AnsweredIdentity, EngineGate } from "./engine-gate.js";
import { connectEngine, type EngineDirectory, oneEngine } from "./engines.js";

export interface OpenedEngines {
	engines: EngineDirectory;
	/** By engine, in the order of `engines.all()`. */
	readonly checkers: readonly EngineChecker[];
	/** The configuration has another engine now: chats from now on go there, once it may be used. */
	change(): void;
}

/** An engine that can't be reached, or can't be used, is looked at so often: no chat does it. */
const LOOK_MS = 2_000;

interface EngineListener {
	/** A truth check said something new. */
	checked(result: EngineCheck["result"]): void;
	/** An engine became unreachable for this worker, or answers again. */
	changed(): void;
}

/** @param listener `checked` is told of worker 0's results only */
export function openEngines(
	config: ClusterConfig,
	tito: Tito,
	index: WorkerIndex,
	logger: Logger,
	listener: EngineListener,
): OpenedEngines {
	const open = () => openEngine(config, tito, index, logger, listener);
	let engine = open();
	const engines = oneEngine(engine);
	return {
		engines,
		get checkers() {
			return [engine.checker];
		},
		change() {
			engine.checker.close();
			clearInterval(engine.looking);
			engine = open();
			engines.change(engine);
			// Not waited for: a chat that comes before it is known waits by itself.
			void engine.gate.look();
		},
	};
}

function openEngine(
	config: ClusterConfig,
	tito: Tito,
	index: WorkerIndex,
	logger: Logger,
	listener: EngineListener,
): { client: EngineClient; gate: EngineGate; checker: EngineChecker; looking: NodeJS.Timeout } {
	const client = connectEngine(config, logger, () => {
		// Who answers next may be another engine.
		gate.forget();
		listener.changed();
	});
	const { dialect, url } = client;
	const checker = new EngineChecker(
		{
			mode: config.engineCheck,
			url,
			run: () => checkEngine(checkParts(config, tito, client)),
			onResult: (check) => {
				logCheck(logger, url, check);
				if (index === 0) listener.checked(check.result);
			},
		},
		index === 0,
	);
	let first = true;
	const gate = new EngineGate({
		url,
		toolSchemaVersion: config.toolSchemaVersion,
		read: () => dialect.identify(url),
		useToolSchema: (version) => tito.useToolSchema(version),
		onRead: (identity, version) => {
			// The first answer is the same for every worker; a later one may come to any of them.
			if (!first || index === 0) logRelease(logger, url, identity, version);
			first = false;
		},
		nowMs: () => performance.now(),
		checker,
	});
	const looking = setInterval(() => {
		void client.lookWhetherBack();
		if (gate.unfit !== null) gate.pass().catch(() => undefined);
	}, LOOK_MS).unref();
	return { client, gate, checker, looking };
}

/**
 * Before a worker serves: no engine may be known to be unusable.
 * @throws ConfigError naming the option and the finding
 */
export async function admitEngines(
	{ checkers, engines }: OpenedEngines,
	config: ClusterConfig,
	index: WorkerIndex,
): Promise<void> {
	for (const { gate } of engines.all()) {
		const unfit = (await gate?.look()) ?? null;
		if (unfit !== null) throw new ConfigError(`--upstream: ${unfit}`);
	}
	if (config.engineCheck === "off" || (index !== 0 && config.engineCheck !== "refuse")) return;
	for (const checker of checkers) {
		const check = await checker.check();
		if (config.engineCheck === "refuse" && check.result === "differs")
			throw new ConfigError(`--engine-check refuse: ${checkText(check, checker.url)}`);
	}
}

/** Of a whole check: a start waits for it. */
const CHECK_TIMEOUT_MS = 5_000;

/** What the check of this cluster compares. */
export function checkParts(config: ClusterConfig, tito: Tito, engine: EngineAddress): EngineCheckParts {
	return {
		engine,
		model: config.servedModel,
		tito,
		familyCompared: config.checkpointDir !== join(packageRoot(), "checkpoints", "toy"),
		timeoutMs: CHECK_TIMEOUT_MS,
	};
}

const CHECK_LEVELS = { ok: "info", differs: "error", skipped: "warn" } as const;

function logCheck(logger: Logger, url: string, check: EngineCheck): void {
	const row = check.rows.find(({ finding }) => finding !== null);
	logger.event(
		"engine_check",
		{
			result: check.result,
			by: check.by,
			conversation: row?.conversation ?? null,
			position: row?.finding?.position ?? null,
			ours: row?.finding?.ours ?? null,
			engine: row?.finding?.engine ?? null,
		},
		checkText(check, url),
		CHECK_LEVELS[check.result],
	);
}

function logRelease(
	logger: Logger,
	url: string,
	identity: AnsweredIdentity,
	version: ToolSchemaVersion,
): void {
	const { engine, name, release, unfit } = identity;
	logger.event(
		"engine_release",
		{ url, engine, release, tool_schema_version: version },
		`${url} is ${name}; tools are rendered by schema ${version} (--tool-schema-version)`,
		release === null || unfit !== null ? "warn" : "info",
	);
}
