// Chooses the hits of a run, by seed or from a list, one after the other. Never sends a worker into quarantine.
import { type Hit, type HitKind, hit } from "./hits.js";
import type { KeptCluster } from "./kept-cluster.js";
import type { Chance } from "./random.js";

/** How often each kind comes, among 20. */
const MIX: readonly HitKind[] = [
	...times(5, "worker SIGKILL"),
	...times(2, "worker SIGSTOP, SIGCONT"),
	...times(1, "worker SIGSTOP until killed"),
	...times(2, "worker SIGTERM"),
	...times(2, "router SIGKILL"),
	...times(1, "router SIGSTOP, SIGCONT"),
	...times(2, "worker and router SIGKILL"),
	...times(1, "primary SIGKILL"),
	...times(1, "primary SIGTERM"),
	...times(2, "primary SIGUSR2"),
	...times(1, "everything SIGKILL"),
];
/** 5 crashes in 30 s are a quarantine; a fault of ours must not look like a worker that keeps crashing. */
const CRASHES_PER_WINDOW = 3;
const WINDOW_MS = 32_000;

export interface KillerOptions {
	/** Random kinds until then, by `performance.now()`; with a `plan` that list once. */
	untilMs: number;
	plan: readonly HitKind[] | null;
	/** Longest rest between two hits. */
	maxGapMs: number;
	onHit: (hit: Hit) => void;
}

export async function runKiller(
	cluster: KeptCluster,
	chance: Chance,
	options: KillerOptions,
): Promise<Hit[]> {
	const hits: Hit[] = [];
	const plan = options.plan === null ? null : [...options.plan];
	for (;;) {
		await new Promise((resolve) => setTimeout(resolve, chance.integer(50, options.maxGapMs)));
		const kind = plan === null ? chance.pick(MIX) : plan.shift();
		if (kind === undefined || (plan === null && performance.now() > options.untilMs)) return hits;
		const worker = chance.integer(0, cluster.backends - 1);
		const recent = hits.filter((made) => made.worker === worker && performance.now() - made.atMs < WINDOW_MS);
		if (plan === null && kind.startsWith("worker") && recent.length >= CRASHES_PER_WINDOW) continue;
		const made = await hit(cluster, kind, worker, chance.integer(200, 3_000));
		hits.push(made);
		options.onHit(made);
	}
}

function times(count: number, value: HitKind): HitKind[] {
	return Array.from({ length: count }, () => value);
}
