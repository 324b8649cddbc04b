// Decides what follows the death of a child: when its successor starts, or that it gets none for now. Pure.

export interface RestartRules {
	/** Delay before the first successor, and the base that doubles with every further crash in a row. */
	firstDelayMs: number;
	baseDelayMs: number;
	maxDelayMs: number;
	/** One that was ready for this long before it died is no start that fails: its successor has the first delay. */
	steadyMs: number;
	/** One that was ready for this long is well: its earlier crashes are forgotten. */
	healthyMs: number;
	/** This number of crashes inside the window, or of starts in a row that failed, ends in quarantine. */
	maxCrashes: number;
	windowMs: number;
	/** Time in quarantine before the slot gets one more try. */
	quarantineMs: number;
}

/** 100 ms, doubling to 15 s while it dies within 5 s of ready; 5 crashes in 30 s are a quarantine. */
export const WORKER_RULES: RestartRules = {
	firstDelayMs: 100,
	baseDelayMs: 100,
	maxDelayMs: 15_000,
	steadyMs: 5_000,
	healthyMs: 30_000,
	maxCrashes: 5,
	windowMs: 30_000,
	quarantineMs: 60_000,
};

/** Nothing is served without a router: the first successor starts at once, and more crashes are borne. */
export const ROUTER_RULES: RestartRules = {
	...WORKER_RULES,
	firstDelayMs: 0,
	maxDelayMs: 1_000,
	maxCrashes: 10,
};

/** The rest of the cluster serves without it: it is tried again and again, never given up. */
export const SANDBOX_RULES: RestartRules = { ...ROUTER_RULES, maxCrashes: Number.POSITIVE_INFINITY };

export interface RestartState {
	/** Times of the crashes that still count against the window, ascending. */
	readonly crashesMs: readonly number[];
	/** Crashes in a row, each of a child that was not ready for long. */
	readonly streak: number;
	/** Of those, the last ones in a row that never were ready. */
	readonly failedStarts: number;
	/** The slot came out of quarantine and has not been healthy since. */
	readonly onProbation: boolean;
}

export const FRESH_RESTART_STATE: RestartState = {
	crashesMs: [],
	streak: 0,
	failedStarts: 0,
	onProbation: false,
};

export interface ChildEnd {
	nowMs: number;
	/** How long the child had been ready; null when it never was. */
	readyForMs: number | null;
	/** It was asked to end, or asked for it itself (SIGTERM), and did: no crash. */
	planned: boolean;
}

export type RestartDecision =
	| { kind: "respawn"; delayMs: number; attempt: number }
	| { kind: "quarantine"; crashes: number; retryAfterMs: number };

export function decideRestart(
	rules: RestartRules,
	state: RestartState,
	end: ChildEnd,
): { state: RestartState; decision: RestartDecision } {
	const readyForMs = end.readyForMs ?? 0;
	const before = readyForMs >= rules.healthyMs ? FRESH_RESTART_STATE : state;
	if (end.planned)
		return { state: before, decision: { kind: "respawn", delayMs: 0, attempt: before.streak } };

	const crashesMs = [...before.crashesMs.filter((at) => end.nowMs - at < rules.windowMs), end.nowMs];
	const streak = (readyForMs >= rules.steadyMs ? 0 : before.streak) + 1;
	// A start may take longer than the window: one that never succeeds would be tried for ever.
	const failedStarts = end.readyForMs === null ? before.failedStarts + 1 : 0;
	if (before.onProbation || Math.max(crashesMs.length, failedStarts) >= rules.maxCrashes) {
		return {
			state: { ...FRESH_RESTART_STATE, onProbation: true },
			decision: {
				kind: "quarantine",
				crashes: Math.max(streak, crashesMs.length),
				retryAfterMs: rules.quarantineMs,
			},
		};
	}
	const delayMs = streak === 1 ? rules.firstDelayMs : rules.baseDelayMs * 2 ** Math.min(streak - 1, 30);
	return {
		state: { crashesMs, streak, failedStarts, onProbation: false },
		decision: { kind: "respawn", delayMs: Math.min(delayMs, rules.maxDelayMs), attempt: streak },
	};
}
