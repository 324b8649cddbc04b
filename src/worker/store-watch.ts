// What a worker knows of its store's medium: how long commits take, and whether the last one could be written. Writes nothing.
import { RollpinError } from "../base/errors.js";
import { isSystemError } from "../store/store-errors.js";
import type { Metrics } from "../telemetry/metrics/metrics.js";

export class StoreWatch {
	readonly #onRefusal: () => void;
	readonly #seconds: Metrics<"worker">["commit_seconds"];
	/** False from a commit that the medium refused to the next one that it took. */
	writable = true;
	/** Commits that the medium refused. */
	refusals = 0;

	/** @param onRefusal called for each commit that the medium refused */
	constructor({ commit_seconds }: Pick<Metrics<"worker">, "commit_seconds">, onRefusal: () => void) {
		this.#onRefusal = onRefusal;
		this.#seconds = commit_seconds;
	}

	/** @param error null: the commit stands */
	committed(elapsedMs: number, error: unknown): void {
		if (error === null) {
			this.writable = true;
			this.#seconds.observe(elapsedMs / 1000);
		} else if (isMediumError(error)) {
			this.writable = false;
			this.refusals++;
			this.#onRefusal();
		}
	}
}

/** Any other refusal is about what was to be written, not about where. */
function isMediumError(error: unknown): boolean {
	if (!(error instanceof RollpinError)) return isSystemError(error);
	return error.code === "store_full" || error.code === "store_unavailable";
}
