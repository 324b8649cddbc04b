// What of a soak is a finding: what was told too late, not, or without cause; failures nobody caused; memory that grows. Pure.
import {
	type ClaimReport,
	type Exchange,
	failedShare,
	falseAlarms,
	type Look,
	reportOf,
} from "./health-truth.js";
import type { Level } from "./memory-watch.js";
import type { Injected } from "./world.js";

/** An injection, and what was told of it. */
export interface Told {
	injected: Injected;
	reports: ClaimReport[];
}

export function toldOf(injected: readonly Injected[], looks: readonly Look[]): Told[] {
	const all = injected.flatMap(({ claims }) => claims);
	return injected.map((each) => ({
		injected: each,
		reports: each.claims.map((claim) => reportOf(claim, looks, all)),
	}));
}

export function healthFindings(told: readonly Told[], looks: readonly Look[]): string[] {
	const missed = told.flatMap(({ reports }) => reports.flatMap(({ finding }) => finding ?? []));
	return [
		...missed,
		...falseAlarms(
			looks,
			told.flatMap(({ injected }) => injected.claims),
		),
	];
}

/** Clearly most of the exchanges fail, and have for so long; the numbers of agents and cluster are never quite the same. */
const CLEARLY = 0.65;
const STEADY_MS = 6_000;
const STEP_MS = 1_000;
const MINUTE_MS = 60_000;

export interface EngineFacts {
	looks: readonly Look[];
	exchanges: readonly Exchange[];
	workerStarts: ReadonlyArray<{ worker: number; atMs: number }>;
	/** Kinds during and after which exchanges fail otherwise than by an answer, which the agents don't count. */
	injected: readonly Injected[];
}

/** `failing` must be told while most answers of the last minute are errors, and no longer when clearly fewer are. */
export function failingFindings({ exchanges, injected, looks, workerStarts }: EngineFacts): string[] {
	const last = looks.at(-1)?.toldMs ?? 0;
	const findings: string[] = [];
	let highSinceMs: number | null = null;
	for (let atMs = (looks[0]?.askedMs ?? 0) + STEP_MS; atMs < last; atMs += STEP_MS) {
		const starts = new Map(
			workerStarts.filter((each) => each.atMs <= atMs).map(({ worker, atMs: ms }) => [worker, ms]),
		);
		const share = failedShare(exchanges, starts, atMs);
		const isBlurred = injected.some(
			({ claims, overMs, atMs: fromMs }) =>
				claims.some(({ states }) => states.includes("unreachable")) &&
				fromMs <= atMs &&
				atMs <= overMs + MINUTE_MS,
		);
		if (isBlurred || share < CLEARLY) {
			highSinceMs = null;
			continue;
		}
		highSinceMs ??= atMs;
		if (atMs < highSinceMs + STEADY_MS) continue;
		const look = looks.find(({ askedMs }) => askedMs >= atMs);
		if (look !== undefined && look.told.engine === "ok") {
			findings.push(
				`${(atMs / 1000).toFixed(1)} s: ${Math.round(share * 100)} % of the last minute's exchanges failed, and the engine was told as ok`,
			);
			highSinceMs = null;
		}
	}
	return findings;
}

const GROWTH_MIB = 48;
const GROWTH_FACTOR = 1.2;

export function memoryFindings(levels: readonly Level[]): string[] {
	return levels
		.filter(({ firstMib, lastMib }) => lastMib > firstMib * GROWTH_FACTOR + GROWTH_MIB)
		.map(({ firstMib, lastMib, place }) => `${place} grew from ${firstMib} to ${lastMib} MiB`);
}
