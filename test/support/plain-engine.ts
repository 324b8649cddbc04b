// The engine of a configuration as a worker of a test has it: nobody asks it what it is, and no gate stands before it.
import type { ClusterConfig } from "../../src/config/cluster-config.js";
import type { Logger } from "../../src/telemetry/logger.js";
import { connectEngine, type EngineDirectory, oneEngine } from "../../src/worker/engines.js";

export function plainEngine(config: ClusterConfig, logger: Logger): EngineDirectory {
	return oneEngine({ client: connectEngine(config, logger, () => undefined), gate: null });
}
