// Collects the metrics of the primary and of every worker for one scrape. Waits for nobody longer than its bound.
import type { ChildSlot } from "./child-slot.js";

export interface MetricsGathererOptions {
	workers: readonly Pick<ChildSlot, "index" | "send" | "state">[];
	/** The process that makes sandboxes, where there is one. */
	sandbox?: Pick<ChildSlot, "send" | "state"> | null;
	/** The primary's own text. */
	own: () => Promise<string>;
	/** A process did not answer in time: `primary`, `sandbox`, or a worker's name. */
	missed: (process: string) => void;
	timeoutMs?: number;
}

const TIMEOUT_MS = 250;

interface Run {
	seq: number;
	texts: string[];
	/** Names of those whose text is awaited. */
	open: Set<string>;
	done: () => void;
}

export class MetricsGatherer {
	readonly #options: MetricsGathererOptions;
	#run: Run | null = null;
	#seq = 0;

	constructor(options: MetricsGathererOptions) {
		this.#options = options;
	}

	/** The texts of all who answered in time. One run at a time: what comes for an earlier one is dropped. */
	async gather(): Promise<string[]> {
		const { missed, own, sandbox = null, timeoutMs = TIMEOUT_MS, workers } = this.#options;
		this.#run?.done();
		const seq = ++this.#seq;
		const asked = workers.filter(({ state }) => state === "ready" || state === "draining");
		let timer: NodeJS.Timeout | undefined;
		const run: Run = { seq, texts: [], open: new Set(["primary"]), done: () => undefined };
		const over = new Promise<void>((resolve) => {
			run.done = resolve;
			timer = setTimeout(resolve, timeoutMs);
		});
		this.#run = run;
		for (const slot of asked) {
			run.open.add(nameOf(slot.index));
			slot.send({ type: "ask_metrics", seq });
		}
		if (sandbox?.state === "ready") {
			run.open.add("sandbox");
			sandbox.send({ type: "ask_metrics", seq });
		}
		// A medium that hangs holds up the primary's own figures, and nobody else's.
		own().then(
			(text) => this.#take("primary", seq, text),
			() => undefined,
		);
		await over;
		clearTimeout(timer);
		if (this.#run === run) this.#run = null;
		for (const name of run.open) missed(name);
		return run.texts;
	}

	/** A worker's answer. */
	answered(worker: number, seq: number, text: string): void {
		this.#take(nameOf(worker), seq, text);
	}

	sandboxAnswered(seq: number, text: string): void {
		this.#take("sandbox", seq, text);
	}

	#take(name: string, seq: number, text: string): void {
		const run = this.#run;
		if (run?.seq !== seq || !run.open.delete(name)) return;
		run.texts.push(text);
		if (run.open.size === 0) run.done();
	}
}

function nameOf(worker: number): string {
	return `worker ${worker}`;
}
