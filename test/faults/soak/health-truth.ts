// What /health and /ready said, held against what was done to the cluster: told in time, told while it lasted, and nothing else told. Pure.

/** What one look saw. */
export interface Look {
	/** When it was asked, and when it was answered. */
	askedMs: number;
	toldMs: number;
	/** By aspect; WELL when all is well. */
	told: Readonly<Record<Aspect, string>>;
}

export const WELL = {
	workers: "ok",
	engine: "ok",
	store: "ok",
	log: "ok",
	health: "200",
	ready: "200",
} as const;
/** What every aspect is told as when nobody answers; that must be explained by itself. */
export const NO_ANSWER = "no answer";
export type Aspect = keyof typeof WELL;

/** Something is so from one moment to another, and has to be seen. */
export interface Claim {
	aspect: Aspect;
	/** Each of these says it. */
	states: readonly string[];
	fromMs: number;
	/** Infinity while it lasts. */
	untilMs: number;
	/** Where its end was only seen some time after it: so long it lasted for sure. */
	surelyUntilMs?: number;
	/** It is said so long after `fromMs` at the latest, and from then to the end; null: it may be said. */
	withinMs: number | null;
	/** It is no longer said so long after the end. */
	clearMs: number;
	/** What was done. */
	why: string;
}

export interface ClaimReport {
	/** From its beginning to the first look that said it; null when none did. */
	appearedMs: number | null;
	/** From its end to the last look that said it and that no other claim explains. */
	lastedMs: number;
	finding: string | null;
}

/** @param others every claim of the run */
export function reportOf(claim: Claim, looks: readonly Look[], others: readonly Claim[]): ClaimReport {
	const { aspect, clearMs, fromMs, states, untilMs, surelyUntilMs = untilMs, why, withinMs } = claim;
	const mine = looks.filter(({ askedMs, toldMs }) => toldMs >= fromMs && askedMs <= untilMs + clearMs);
	const says = ({ told }: Look) => states.includes(told[aspect]);
	const saying = mine.filter(says);
	const first = saying[0];
	const appearedMs = first === undefined ? null : Math.max(0, first.toldMs - fromMs);
	const isOthers = (look: Look) =>
		others.some((each) => each !== claim && explains(each, aspect, look.told[aspect], look));
	const last = saying.findLast((look) => look.askedMs > untilMs && !isOthers(look));
	const lastedMs = last === undefined ? 0 : last.askedMs - untilMs;
	const name = `${why}: ${aspect} ${states.join(" or ")}`;
	if (withinMs === null) return { appearedMs, lastedMs, finding: null };
	const dueMs = fromMs + withinMs;
	const silent = mine.find(
		(look) =>
			look.told[aspect] !== NO_ANSWER && look.askedMs >= dueMs && look.toldMs <= surelyUntilMs && !says(look),
	);
	if (silent !== undefined) {
		const afterS = ((silent.askedMs - fromMs) / 1000).toFixed(1);
		return {
			appearedMs,
			lastedMs,
			finding: `${name} was not told ${afterS} s after it was so, but ${silent.told[aspect]}`,
		};
	}
	const finding = appearedMs === null ? `${name} was never told` : null;
	return { appearedMs, lastedMs, finding };
}

/** What was told though nothing of the kind was done, or long after its end; one finding for looks in a row. */
export function falseAlarms(looks: readonly Look[], claims: readonly Claim[]): string[] {
	const findings: string[] = [];
	for (const aspect of Object.keys(WELL) as Aspect[]) {
		let before: string | null = null;
		for (const look of looks) {
			const state = look.told[aspect];
			const isFalse = state !== WELL[aspect] && !claims.some((claim) => explains(claim, aspect, state, look));
			if (isFalse && state !== before)
				findings.push(
					`${(look.askedMs / 1000).toFixed(1)} s: ${aspect} was told as ${state}, and nothing explains it`,
				);
			before = isFalse ? state : null;
		}
	}
	return findings;
}

function explains(claim: Claim, aspect: Aspect, state: string, { askedMs, toldMs }: Look): boolean {
	return (
		claim.aspect === aspect &&
		claim.states.includes(state) &&
		claim.fromMs <= toldMs &&
		askedMs <= claim.untilMs + claim.clearMs
	);
}

/** An exchange of a worker with the engine, as its client saw it end. */
export interface Exchange {
	endMs: number;
	worker: number;
	failed: boolean;
}

const MINUTE_MS = 60_000;

/**
 * The share of failed exchanges of the last minute, as the workers that run now know it.
 * @param startsMs when each worker's process began to count
 */
export function failedShare(
	exchanges: readonly Exchange[],
	startsMs: ReadonlyMap<number, number>,
	atMs: number,
): number {
	const known = exchanges.filter(
		({ endMs, worker }) => endMs <= atMs && endMs > atMs - MINUTE_MS && endMs > (startsMs.get(worker) ?? 0),
	);
	return known.length === 0 ? 0 : known.filter(({ failed }) => failed).length / known.length;
}
