// How many workers a launch has that names no number. Pure.

export interface ChosenWorkers {
	workers: number;
	/** For people. */
	why: string;
}

/**
 * A worker that is busy keeps a core with its event loop and most of another with its helper threads; agents, router and
 * the engine's client need as much again.
 */
const CORES_PER_WORKER = 4;
/** By then the one router is what is full. */
const MAX_WORKERS = 8;

/** @param cores that may be used, perhaps not a whole number */
export function defaultWorkers(cores: number): ChosenWorkers {
	const shown = Number(cores.toFixed(2));
	return {
		workers: Math.max(1, Math.min(MAX_WORKERS, Math.floor(cores / CORES_PER_WORKER))),
		why: `one for each ${CORES_PER_WORKER} of ${shown} usable core${shown === 1 ? "" : "s"}, at least 1, at most ${MAX_WORKERS}`,
	};
}
