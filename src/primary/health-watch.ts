// Knows how the cluster is: looks at the medium and at the engine, keeps what workers told, and tells of what changes.
import { access, constants, rm, statfs, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { publicUrl } from "../base/public-url.js";
import type { Checks } from "../ipc/checks.js";
import type { WorkerCondition, WorkerStatus } from "../ipc/messages.js";
import { type Logger, logDropped } from "../telemetry/logger.js";
import type { ClusterStage } from "./cluster-state.js";
import { checksOf, type HealthFacts, type Medium, transitions, whyNotReady } from "./health.js";
import { probeUpstream } from "./upstream-probe.js";

export interface HealthWatchOptions {
	log: Logger;
	/** Null with a store in memory. */
	dataDir: string | null;
	workers: () => readonly WorkerStatus[];
	stage: () => ClusterStage;
	/** State of the process that makes sandboxes; null where there is none. */
	sandbox?: () => WorkerStatus["state"] | null;
	/** The checks, or the reasons not to be ready, became others. */
	changed: () => void;
}

const LOOK_MS = 1_000;
/** Every so many looks, the engine's address is probed. */
const PROBE_EVERY = 2;
/** How long one refusal of the medium counts by itself: until a trial has told. */
const REFUSAL_MS = 3_000;
const TRIAL_BYTES = 16 * 1024;
/** How long a dropped record counts. */
const DROPPED_MS = 10_000;
/** A medium that gives no answer for so long hangs: whatever is to be written there waits. */
const HANG_MS = 10_000;
/** Silence may be the machine's own load; a refused connection is not. */
const SILENT_PROBES = 2;

interface Told {
	pid: number | null;
	condition: WorkerCondition;
	/** When its medium refused a commit, if none was taken since. */
	refusedMs: number;
}

const UNKNOWN: Checks = {
	workers: { state: "ok", detail: null },
	engine: { state: "unknown", detail: null },
	store: { state: "ok", detail: null },
	log: { state: "ok", detail: null },
};

export class HealthWatch {
	readonly #options: HealthWatchOptions;
	readonly #told = new Map<number, Told>();
	readonly #probes = new Map<string, string | null>();
	readonly #silent = new Map<string, number>();
	readonly #probing = new Set<string>();
	#upstreams: readonly string[] = [];
	#medium: Medium | null = null;
	/** When the look at the medium began that has no answer yet. */
	#lookingSinceMs: number | null = null;
	/** A commit was refused, and no trial has passed since. */
	#toTry = false;
	#droppedBefore = 0;
	#droppedMs = Number.NEGATIVE_INFINITY;
	#looks = 0;
	#sandboxTrouble: string | null = null;
	#timer: NodeJS.Timeout | undefined;
	#checks = UNKNOWN;
	#notReady: string[] = [];
	#toldText = "";

	constructor(options: HealthWatchOptions) {
		this.#options = options;
	}

	/** @param upstreams URLs of the engines, as far as they are known */
	start(upstreams: readonly string[]): void {
		this.engines(upstreams);
		this.#timer = setInterval(() => this.#look(), LOOK_MS);
		this.#look();
	}

	stop(): void {
		clearInterval(this.#timer);
	}

	/** These are the engines from now on. */
	engines(upstreams: readonly string[]): void {
		this.#upstreams = upstreams;
		for (const url of upstreams) void this.#probe(url);
	}

	/** Of the data dir's medium, at the last look; not a number when it can't be told. */
	get storeFreeBytes(): number {
		return this.#medium !== null && "freeBytes" in this.#medium ? this.#medium.freeBytes : Number.NaN;
	}

	/** A worker told how it is. */
	told({ index, pid }: Pick<WorkerStatus, "index" | "pid">, condition: WorkerCondition): void {
		const before = this.#told.get(index);
		const known = before?.pid === pid ? before : undefined;
		const again = condition.storeRefusals > (known?.condition.storeRefusals ?? 0);
		this.#toTry ||= again;
		const refusedMs = again ? performance.now() : (known?.refusedMs ?? Number.NEGATIVE_INFINITY);
		this.#told.set(index, { pid, condition, refusedMs });
		for (const url of this.#upstreams)
			if (isBack(publicUrl(url), known?.condition, condition)) void this.#probe(url);
		this.#reconsider();
	}

	/** The sandbox process told what is wrong with its sandboxes, or null. */
	sandboxTold(trouble: string | null): void {
		this.#sandboxTrouble = trouble;
		this.#reconsider();
	}

	/** The checks as they are now; each that changed since the last call is logged. While the cluster drains they stay. */
	checks(): { checks: Checks; notReady: string[] } {
		if (this.#options.stage() === "draining") return { checks: this.#checks, notReady: this.#notReady };
		const facts = this.#facts();
		const checks = checksOf(facts);
		for (const { check, from, to, detail } of transitions(this.#checks, checks)) {
			this.#options.log.event("check_changed", { check, from, to }, `${check}: ${detail ?? `${to} again`}`);
		}
		this.#checks = checks;
		this.#notReady = whyNotReady(facts, checks);
		const state = { checks, notReady: this.#notReady };
		this.#toldText = JSON.stringify(state);
		return state;
	}

	#reconsider(): void {
		const before = this.#toldText;
		this.checks();
		if (this.#toldText !== before) this.#options.changed();
	}

	#facts(): HealthFacts {
		const nowMs = performance.now();
		const sandbox = this.#options.sandbox?.() ?? null;
		return {
			...(sandbox === null ? {} : { sandbox: { state: sandbox, trouble: this.#sandboxTrouble } }),
			starting: this.#options.stage() === "starting",
			workers: this.#options.workers().map(({ drain, index, pid, awaited, state }) => {
				const told = this.#told.get(index);
				const own = told?.pid === pid ? told : undefined;
				const refusesTurns =
					own !== undefined && !own.condition.storeWritable && nowMs - own.refusedMs < REFUSAL_MS;
				return { drain, index, awaited, state, condition: own?.condition ?? null, refusesTurns };
			}),
			upstreams: this.#upstreams,
			probes: this.#probes,
			medium: this.#medium,
			storeBefore: this.#checks.store.state,
			dropsRecords: nowMs - this.#droppedMs < DROPPED_MS,
		};
	}

	#look(): void {
		const dropped = [...this.#told.values()].reduce(
			(sum, { condition }) => sum + condition.logDropped,
			logDropped(),
		);
		if (dropped > this.#droppedBefore) this.#droppedMs = performance.now();
		this.#droppedBefore = dropped;
		if (this.#looks++ % PROBE_EVERY === 0) for (const url of this.#upstreams) void this.#probe(url);
		void this.#lookAtMedium();
		// What is known may have grown old meanwhile.
		this.#reconsider();
	}

	/** One look at a time: a medium that hangs is not asked again. */
	async #lookAtMedium(): Promise<void> {
		const { dataDir } = this.#options;
		if (dataDir === null) return;
		if (this.#lookingSinceMs !== null) {
			if (performance.now() - this.#lookingSinceMs > HANG_MS) this.#medium = silent(dataDir);
			return;
		}
		this.#lookingSinceMs = performance.now();
		const tries = this.#toTry;
		// Before it begins: what is refused meanwhile asks for another one.
		this.#toTry = false;
		this.#medium = await mediumOf(dataDir, tries);
		if ("missing" in this.#medium || this.#medium.unwritable !== null) this.#toTry ||= tries;
		this.#lookingSinceMs = null;
		this.#reconsider();
	}

	async #probe(url: string): Promise<void> {
		if (this.#probing.has(url)) return;
		this.#probing.add(url);
		const code = await probeUpstream(url);
		this.#probing.delete(url);
		const silent = code === "TIMEOUT" ? (this.#silent.get(url) ?? 0) + 1 : 0;
		this.#silent.set(url, silent);
		const before = this.#probes.get(url);
		// The first one counts, whatever it is: nothing else is known.
		if (silent > 0 && silent < SILENT_PROBES && before !== undefined) return;
		this.#probes.set(url, code);
		if (before !== code) this.#reconsider();
	}
}

/** What a worker says of the engine is better than it was: the last probe may be out of date. */
function isBack(url: string, before: WorkerCondition | undefined, now: WorkerCondition): boolean {
	const of = (condition: WorkerCondition | undefined) => condition?.engines.find((each) => each.url === url);
	return of(before)?.unreachable === true && of(now)?.unreachable === false;
}

function silent(path: string): Medium {
	return { path, freeBytes: Number.NaN, totalBytes: Number.NaN, unwritable: "ETIMEDOUT" };
}

/** @param tries whether to write there: an access check knows nothing of quotas, nor of a medium that fails */
async function mediumOf(path: string, tries: boolean): Promise<Medium> {
	try {
		const { bavail, blocks, bsize, ffree, files } = await statfs(path);
		const medium = { path, freeBytes: bavail * bsize, totalBytes: blocks * bsize };
		// Some file systems count no files.
		if (files > 0 && ffree === 0) return { ...medium, unwritable: "no more files" };
		const trial = tries ? tryToWrite(path) : access(path, constants.W_OK);
		return { ...medium, unwritable: await trial.then(() => null, codeOf) };
	} catch (error) {
		return { path, missing: codeOf(error) };
	}
}

async function tryToWrite(directory: string): Promise<void> {
	const path = join(directory, "health.tmp");
	try {
		await writeFile(path, Buffer.alloc(TRIAL_BYTES, "rollpin health\n"), { flush: true });
	} finally {
		await rm(path, { force: true });
	}
}

function codeOf(error: unknown): string {
	return error instanceof Error && "code" in error ? String(error.code) : String(error);
}
