// A heartbeat put together from the table of its fields: the worker reads its part, the primary adds its own. Pure.
import {
	type FieldName,
	HEARTBEAT_ROWS,
	type ProcessUsage,
	type WorkerFacts,
	type WorkerFigures,
} from "./heartbeat-fields.js";

/** A heartbeat's record: whose it is, then the fields in the table's order. */
export type Heartbeat = { worker: number; worker_pid: number } & Record<FieldName, number>;

/** What the worker sends: not rounded yet. */
export async function readFigures(facts: WorkerFacts): Promise<WorkerFigures> {
	const figures: Partial<Record<FieldName, number>> = {};
	for (const [name, { from }] of HEARTBEAT_ROWS) {
		if ("worker" in from) figures[name] = await from.worker(facts);
	}
	return figures as WorkerFigures;
}

export function heartbeatOf(
	worker: number,
	worker_pid: number,
	figures: WorkerFigures,
	usage: ProcessUsage,
): Heartbeat {
	const known: Partial<Record<FieldName, number>> = figures;
	const values = HEARTBEAT_ROWS.map(([name, { digits, from }]) => {
		// A worker of a newer build, picked up by a reload, may not have a figure that this process still knows.
		const value = "process" in from ? from.process(usage) : (known[name] ?? 0);
		return [name, rounded(value, digits)];
	});
	return { worker, worker_pid, ...(Object.fromEntries(values) as Record<FieldName, number>) };
}

function rounded(value: number, digits: number): number {
	return Math.round(value * 10 ** digits) / 10 ** digits;
}
