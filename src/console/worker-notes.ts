// What needs a look at a worker, in words. Pure.
import type { WorkerLoad } from "./cluster-load.js";
import type { WorkerStatus } from "./cluster-status.js";

export function notesOf({ drain, epoch, replacing }: WorkerStatus, load: WorkerLoad | undefined): string[] {
	return [
		...(replacing ? ["replacing"] : []),
		...(drain ? ["drained"] : []),
		...(epoch > 1 ? [`process ${epoch}`] : []),
		...(load?.notes ?? []),
	];
}
