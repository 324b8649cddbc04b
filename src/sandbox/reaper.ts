// Passes over what is at the backend: ends what is overdue or nobody's, finds out what was lost. One that fails does not stop the rest.
import type { FoundSandbox } from "./backend.js";
import { type Entry, REMOVE_TIMEOUT_MS, type SandboxLedger, type SandboxParts } from "./ledger.js";
import type { ReapFailures } from "./reap-failures.js";

const PASS_MS = 30_000;
/** Of the time between two passes: several clusters at one engine do not ask it at once. */
const JITTER = 0.2;
const REMOVES_AT_ONCE = 8;
const SHORT_CALL_MS = 15_000;
const LIST_TIMEOUT_MS = 60_000;
/** Somebody else's is left alone until so long after the latest moment at which it may live. */
const FOREIGN_GRACE_MS = 60_000;

type Verdict = "keep" | "orphan" | "overdue" | "ended" | "foreign_overdue";

export interface ReaperFigures {
	/** Since the last pass that went through. */
	ageS: number;
	/** Passes, or parts of one, that failed in a row; 0 after one that went through. */
	failures: number;
	/** Found over their time in the last pass, and the worst of them. */
	overdue: number;
	worstOverdueMs: number;
	/** Why the last pass failed, or null. */
	failure: string | null;
}

interface Step {
	id: string;
	/** @returns whether it was ended */
	run(): Promise<boolean>;
}

export class SandboxReaper {
	readonly #parts: SandboxParts;
	readonly #ledger: SandboxLedger;
	readonly #failures: ReapFailures;
	#timer: NodeJS.Timeout | undefined;
	#stopped = false;
	#passedMs = performance.now();
	#overdue = 0;
	#worstOverdueMs = 0;

	constructor(parts: SandboxParts, ledger: SandboxLedger, failures: ReapFailures) {
		this.#parts = parts;
		this.#ledger = ledger;
		this.#failures = failures;
	}

	/** The first pass at once; nobody waits for it. */
	start(): void {
		const again = async (): Promise<void> => {
			await this.pass();
			if (this.#stopped) return;
			const ms = PASS_MS * (1 - JITTER / 2 + Math.random() * JITTER);
			this.#timer = setTimeout(() => void again(), ms).unref();
		};
		void again();
	}

	stop(): void {
		this.#stopped = true;
		clearTimeout(this.#timer);
	}

	figures(): ReaperFigures {
		return {
			ageS: (performance.now() - this.#passedMs) / 1000,
			failures: this.#failures.inRow,
			overdue: this.#overdue,
			worstOverdueMs: this.#worstOverdueMs,
			failure: this.#failures.latest,
		};
	}

	/** Never throws. @returns how many were ended */
	async pass(): Promise<number> {
		let reaped = 0;
		let failed = 0;
		try {
			const { backend } = this.#parts;
			this.#ledger.setClock(await backend.nowMs(AbortSignal.timeout(SHORT_CALL_MS)));
			// Made before the list began: what is not in it is gone.
			const expected = this.#ledger.live().filter(({ record }) => record.state === "running");
			const found: FoundSandbox[] = [];
			for await (const each of backend.list(AbortSignal.timeout(LIST_TIMEOUT_MS))) found.push(each);
			const nowMs = this.#ledger.nowMs();
			this.#overdue = 0;
			this.#worstOverdueMs = 0;
			const steps: Step[] = found.map((each) => ({ id: each.id, run: () => this.#judge(each, nowMs) }));
			const ids = new Set(found.map(({ id }) => id));
			for (const entry of expected) {
				const { id } = entry.record;
				if (!ids.has(id)) steps.push({ id, run: () => this.#missing(entry) });
			}
			for (const entry of this.#ledger.values()) {
				const { gone, id, state } = entry.record;
				if (state === "ended" && !gone && !ids.has(id))
					steps.push({ id, run: () => this.#ledger.remove(entry).then(() => false) });
			}
			[reaped, failed] = await this.#all(steps);
			await this.#ledger.catchUp();
			await this.#ledger.prune();
			if (failed === 0) this.#passed();
		} catch (error) {
			this.#failures.add(null, error);
		}
		return reaped;
	}

	async #all(steps: readonly Step[]): Promise<[reaped: number, failed: number]> {
		const queue = [...steps];
		let [reaped, failed] = [0, 0];
		const worker = async (): Promise<void> => {
			for (let step = queue.shift(); step !== undefined && !this.#stopped; step = queue.shift()) {
				try {
					if (await step.run()) reaped++;
				} catch (error) {
					failed++;
					this.#failures.add(step.id, error);
				}
			}
		};
		await Promise.all(Array.from({ length: REMOVES_AT_ONCE }, worker));
		return [reaped, failed];
	}

	/** @returns whether it was ended */
	async #judge(found: FoundSandbox, nowMs: number): Promise<boolean> {
		const { backend, log, metrics, records, settings } = this.#parts;
		const entry = this.#ledger.get(found.id);
		const verdict = verdictOf(found, entry?.record, {
			instance: records.instance,
			maxTtlMs: settings.maxTtlS * 1000,
			nowMs,
		});
		if (verdict === "keep") return false;
		const dueMs = entry?.record.deadlineMs ?? found.ceilingMs ?? found.createdMs + settings.maxTtlS * 1000;
		const overdueMs = verdict === "overdue" || verdict === "foreign_overdue" ? Math.max(0, nowMs - dueMs) : 0;
		if (overdueMs > 0) {
			this.#overdue++;
			this.#worstOverdueMs = Math.max(this.#worstOverdueMs, overdueMs);
		}
		// One that is gone and there again: a create that its process had asked for came to be after its removal.
		if (entry !== undefined && !entry.record.gone) {
			if (verdict !== "overdue") await this.#ledger.settle(entry, AbortSignal.timeout(SHORT_CALL_MS));
			else void this.#ledger.end(entry, "expired");
			if (entry.record.state !== "ended") return false;
			await this.#ledger.remove(entry);
		} else await backend.remove(found.id, AbortSignal.timeout(REMOVE_TIMEOUT_MS));
		metrics.sandboxes_reaped_total.at(verdict).value++;
		log.event("sandbox_reaped", { sandbox_id: found.id, why: verdict, overdue_ms: Math.round(overdueMs) });
		return true;
	}

	async #missing(entry: Entry): Promise<boolean> {
		const end = await this.#ledger.settle(entry, AbortSignal.timeout(SHORT_CALL_MS));
		if (end === null) return false;
		await this.#ledger.remove(entry);
		return true;
	}

	#passed(): void {
		this.#passedMs = performance.now();
		this.#failures.clear();
	}
}

/** After so many passes that did not go through, nobody knows what is at the backend. */
const STALE_S = (3 * PASS_MS) / 1000;

/** What an operator is told, in one line without figures that change; null: the reaper does its work. Pure. */
export function troubleOf({ ageS, failure }: Pick<ReaperFigures, "ageS" | "failure">): string | null {
	if (failure !== null)
		return `the reaper of sandboxes cannot do its work (${failure}): what is overdue may stay; is the backend up?`;
	if (ageS <= STALE_S) return null;
	return "no pass of the reaper of sandboxes has ended for a long time: the backend does not answer it";
}

/** What is to become of one that is there. Pure. */
export function verdictOf(
	found: FoundSandbox,
	record: { state: "creating" | "running" | "ended"; deadlineMs: number } | undefined,
	at: { instance: string; maxTtlMs: number; nowMs: number },
): Verdict {
	if (found.instance !== at.instance) {
		const ceilingMs = found.ceilingMs ?? found.createdMs + at.maxTtlMs;
		return at.nowMs > ceilingMs + FOREIGN_GRACE_MS ? "foreign_overdue" : "keep";
	}
	// Every intent is older than its thing.
	if (record === undefined) return "orphan";
	if (record.state === "ended") return "ended";
	if (at.nowMs >= record.deadlineMs) return "overdue";
	if (record.state === "running" && !found.running) return "ended";
	return "keep";
}
