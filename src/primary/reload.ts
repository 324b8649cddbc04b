// One rolling restart: every worker in its turn, and the two records around it. Replaces none itself.
import type { Logger } from "../telemetry/logger.js";
import type { ChildSlot } from "./child-slot.js";
import type { Replacements } from "./replacements.js";

/**
 * Replaces the workers one after the other. At the first successor that does not come up it stops: the others go on as
 * they are.
 * @param ending the cluster itself ends: nothing is left to say
 */
export async function reloadWorkers(
	workers: readonly ChildSlot[],
	replacements: Replacements,
	log: Logger,
	ending: () => boolean,
): Promise<void> {
	const startedMs = performance.now();
	const total = workers.length;
	log.event("reload_started", { workers: total }, `replacing ${total} workers, one by one`);
	let replaced = 0;
	let failed: number | null = null;
	for (const slot of workers) {
		const done = await replacements.replace(slot);
		// The end of the cluster came in between: it says its own last words.
		if (ending()) return;
		if (!done) {
			failed = slot.index;
			break;
		}
		replaced += 1;
	}
	const elapsed_ms = Math.round(performance.now() - startedMs);
	const fields = { replaced, workers: total, failed_worker: failed, elapsed_ms };
	if (failed === null) {
		log.event("reload_done", fields, `replaced ${replaced} workers in ${elapsed_ms} ms`);
		return;
	}
	const msg = `replaced ${replaced} of ${total} workers; the new worker ${failed} did not come up, the others were left alone`;
	log.event("reload_done", fields, msg, "error");
}
