// What the soak's injections act on and are written down in: what was done when, which failures it allows, what must be told of it.
import type { FaultSession } from "../agent.js";
import type { FailedAttempt } from "../ledger.js";
import type { SoakCluster } from "./cluster.js";
import type { SoakEngine } from "./engine.js";
import { type Aspect, type Claim, WELL } from "./health-truth.js";
import type { HealthWatch } from "./health-watch.js";
import type { SoakMedium } from "./medium.js";

/** Failed attempts with this answer. */
export interface Allowed {
	/** HTTP status, or 0 for a connection that failed. */
	status: number;
	/** Error code; null: any. */
	code: string | null;
	method?: "GET" | "POST" | "DELETE";
	/** Absent: of any worker. */
	worker?: number;
	session?: string;
}

export interface Injected {
	kind: string;
	detail: string;
	atMs: number;
	/** Infinity while it lasts. */
	overMs: number;
	/** Failures go on for so long after the end. */
	slackMs: number;
	allows: readonly Allowed[];
	claims: Claim[];
}

/** What is said of a claim beside its time and reason. */
export type Due = Pick<Claim, "aspect" | "states" | "withinMs" | "clearMs">;

export interface InjectOptions {
	detail?: string;
	allows?: readonly Allowed[];
	slackMs?: number;
	due?: readonly Due[];
}

/** A request that was on its way when it was over may still fail of it. */
const SLACK_MS = 500;
/** What may be told for longer is not waited for. */
const WAITED_MS = 30_000;

export class SoakWorld {
	readonly cluster: SoakCluster;
	readonly engine: SoakEngine;
	/** Null without the right to mount one. */
	readonly medium: SoakMedium | null;
	readonly watch: HealthWatch;
	/** Sessions that agents are at. */
	readonly playing = new Set<FaultSession>();
	readonly injected: Injected[] = [];
	readonly findings: string[] = [];
	/** By worker: when the process that runs now began to count exchanges. */
	readonly workerStarts: Array<{ worker: number; atMs: number }> = [];

	/** No new session may be placed there. */
	drained: { worker: number; fromMs: number; untilMs: number } | null = null;

	/** What happens, as it happens. */
	readonly say: (line: string) => void;

	constructor(parts: Pick<SoakWorld, "cluster" | "engine" | "medium" | "watch" | "say">) {
		this.cluster = parts.cluster;
		this.engine = parts.engine;
		this.medium = parts.medium;
		this.watch = parts.watch;
		this.say = parts.say;
	}

	finding(text: string): void {
		this.findings.push(`${seconds()} s: ${text}`);
		this.say(`FINDING ${seconds()} s: ${text}`);
	}

	/** Written down before it is done. */
	begin(
		kind: string,
		{ detail = "", allows = [], slackMs = SLACK_MS, due = [] }: InjectOptions = {},
	): Injected {
		const atMs = performance.now();
		const why = detail === "" ? kind : `${kind} (${detail})`;
		const claims = due.map((each) => ({ ...each, why, fromMs: atMs, untilMs: Number.POSITIVE_INFINITY }));
		const injected = { kind, detail, atMs, overMs: Number.POSITIVE_INFINITY, slackMs, allows, claims };
		this.injected.push(injected);
		return injected;
	}

	/** What it did ended between two moments that are not the same: nobody saw it at once. */
	surely(injected: Injected, untilMs: number | undefined): void {
		if (untilMs !== undefined) for (const claim of injected.claims) claim.surelyUntilMs = untilMs;
	}

	/** It is over; waits until nothing is told of it any more, so that the next of its kind is told by itself. */
	async end(injected: Injected): Promise<void> {
		const nowMs = performance.now();
		injected.overMs = nowMs;
		const lasted = ((nowMs - injected.atMs) / 1000).toFixed(1);
		this.say(
			`${seconds()} s: ${injected.kind} ${injected.detail} is over after ${lasted} s; ${this.#told()}`,
		);
		for (const claim of injected.claims) claim.untilMs = Math.min(claim.untilMs, nowMs);
		const waited = injected.claims.filter(({ clearMs }) => clearMs <= WAITED_MS);
		const longestMs = Math.max(0, ...waited.map(({ clearMs }) => clearMs));
		const aspects = new Set(waited.map(({ aspect }) => aspect));
		while (performance.now() < nowMs + longestMs) {
			const { askedMs = 0, told = WELL } = this.watch.looks.at(-1) ?? {};
			if (askedMs > nowMs && [...aspects].every((aspect) => told[aspect] === WELL[aspect])) return;
			await pause(50);
		}
	}

	/** What is told as not well now. */
	#told(): string {
		const { told = WELL } = this.watch.looks.at(-1) ?? {};
		const ill = (Object.keys(WELL) as Aspect[]).filter((aspect) => told[aspect] !== WELL[aspect]);
		return ill.length === 0 ? "all is well" : ill.map((aspect) => `${aspect} ${told[aspect]}`).join(", ");
	}

	/** Where something is not as it must be, that is a finding; the injection goes on. */
	async expect<T>(what: string, work: Promise<T>): Promise<T | undefined> {
		try {
			return await work;
		} catch (error) {
			this.finding(`${what}: ${error instanceof Error ? error.message : String(error)}`);
			return undefined;
		}
	}

	/** By what was drained when it was asked for, and still is. */
	mayHaveSession(worker: number, askedMs: number): boolean {
		const { drained } = this;
		return (
			drained === null ||
			drained.worker !== worker ||
			askedMs < drained.fromMs ||
			performance.now() > drained.untilMs
		);
	}

	explains({ code, endMs, method, sessionId, startMs, status, worker }: FailedAttempt): Injected | undefined {
		return this.injected.find(
			({ allows, atMs, overMs, slackMs }) =>
				startMs <= overMs + slackMs &&
				endMs >= atMs &&
				allows.some(
					(each) =>
						each.status === status &&
						(each.code === null || each.code === code) &&
						(each.method === undefined || each.method === method) &&
						(each.worker === undefined || worker === null || each.worker === worker) &&
						(each.session === undefined || each.session === sessionId),
				),
		);
	}
}

function seconds(): string {
	return (performance.now() / 1000).toFixed(1);
}

export function pause(ms: number): Promise<void> {
	return new Promise((resolve) => setTimeout(resolve, ms));
}
