// Makes a worker's engine gate: what it asks, what it tells the tokenizer and the log. Decides nothing.
import { join } from "node:path";
import type { WorkerIndex } from "../base/ids.js";
import { packageRoot } from "../base/package-root.js";
import type { ClusterConfig } from "../config/cluster-config.js";
import { type EngineIdentity, nameOf, unfit } from "../engine/sglang/release.js";
import { readIdentity } from "../engine/sglang/server-info.js";
import type { Logger } from "../telemetry/logger.js";
import type { Tito } from "../tito/tito.js";
import type { ToolSchemaVersion } from "../tito/tools.js";
import { checkEngine, checkText, type EngineCheck, type EngineCheckParts } from "./engine-check.js";
import { EngineChecker } from "./engine-checker.js";
import { EngineGate } from "./engine-gate.js";

export interface OpenedGate {
	gate: EngineGate;
	checker: EngineChecker;
}

/** @param told of worker 0's results, for /health */
export function openGate(
	config: ClusterConfig,
	tito: Tito,
	index: WorkerIndex,
	logger: Logger,
	told: (result: EngineCheck["result"]) => void,
): OpenedGate {
	const url = config.upstream ?? "";
	const checker = new EngineChecker(
		{
			mode: config.engineCheck,
			url,
			run: () => checkEngine(checkParts(config, tito)),
			onResult: (check) => {
				tellCheck(logger, url, check);
				if (index === 0) told(check.result);
			},
		},
		index === 0,
	);
	let first = true;
	const gate = new EngineGate({
		url,
		toolSchemaVersion: config.toolSchemaVersion,
		read: () => readIdentity(url),
		useToolSchema: (version) => tito.useToolSchema(version),
		onRead: (identity, version) => {
			// The first answer is the same for every worker; a later one may come to any of them.
			if (!first || index === 0) tell(logger, url, identity, version);
			first = false;
		},
		nowMs: () => performance.now(),
		checker,
	});
	return { gate, checker };
}

/** Of a whole check: a start waits for it. */
const CHECK_TIMEOUT_MS = 5_000;

/** What the check of this cluster compares. */
export function checkParts(config: ClusterConfig, tito: Tito): EngineCheckParts {
	return {
		url: config.upstream ?? "",
		model: config.servedModel,
		tito,
		familyCompared: config.checkpointDir !== join(packageRoot(), "checkpoints", "toy"),
		timeoutMs: CHECK_TIMEOUT_MS,
	};
}

const CHECK_LEVELS = { ok: "info", differs: "error", skipped: "warn" } as const;

function tellCheck(logger: Logger, url: string, check: EngineCheck): void {
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

function tell(logger: Logger, url: string, identity: EngineIdentity, version: ToolSchemaVersion): void {
	const doubtful = identity.kind !== "sglang" || unfit(identity) !== null;
	logger.event(
		"engine_release",
		{
			url,
			engine: identity.kind,
			release: identity.kind === "sglang" ? identity.release : null,
			tool_schema_version: version,
		},
		`${url} is ${nameOf(identity)}; tools are rendered by schema ${version} (--tool-schema-version)`,
		doubtful ? "warn" : "info",
	);
}
