// Makes a worker's engine gate: what it asks, what it tells the tokenizer and the log. Decides nothing.
import type { WorkerIndex } from "../base/ids.js";
import { type EngineIdentity, nameOf, unfit } from "../engine/release.js";
import { readIdentity } from "../engine/server-info.js";
import type { ClusterConfig } from "../ipc/config.js";
import type { Logger } from "../telemetry/logger.js";
import type { Tito } from "../tito/tito.js";
import type { ToolSchemaVersion } from "../tito/tools.js";
import { EngineGate } from "./engine-gate.js";

export function openGate(config: ClusterConfig, tito: Tito, index: WorkerIndex, logger: Logger): EngineGate {
	const url = config.upstream ?? "";
	let first = true;
	return new EngineGate({
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
	});
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
