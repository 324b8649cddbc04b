// What needs a look at a worker, in words. Pure.
import type { WorkerLoad } from "./cluster-load.js";
import type { WorkerStatus } from "./cluster-status.js";

export function notesOf(
	{ awaited, drain, epoch, state }: WorkerStatus,
	load: WorkerLoad | undefined,
): string[] {
	// Its first process is awaited too.
	const replaced = awaited && (epoch > 1 || state === "draining");
	return [
		...(replaced ? ["replacing"] : []),
		...(drain ? ["drained"] : []),
		...(epoch > 1 ? [`process ${epoch}`] : []),
		...(load?.notes ?? []),
	];
}
