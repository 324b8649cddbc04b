// Heartbeats and their parts for tests: zeros, but for what a test is about.
import type { WorkerFigures } from "../../src/telemetry/heartbeat-fields.js";
import { HEARTBEAT_ROWS } from "../../src/telemetry/heartbeat-fields.js";

export function figuresWith(given: Partial<WorkerFigures> = {}): WorkerFigures {
	const own = HEARTBEAT_ROWS.filter(([, { from }]) => !("process" in from));
	return { ...(Object.fromEntries(own.map(([name]) => [name, 0])) as WorkerFigures), ...given };
}
