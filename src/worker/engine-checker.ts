// When the truth check runs: at the start, again when the engine was away, and before chats with `refuse`. Timers only.
import { RollpinError } from "../base/errors.js";
import { checkText, type EngineCheck } from "./engine-check.js";

export interface EngineCheckerParts {
	mode: "warn" | "refuse" | "off";
	url: string;
	/** Never throws, bounded in time. */
	run: () => Promise<EngineCheck>;
	/** Of every run that says something new. */
	onResult: (check: EngineCheck) => void;
}

/** A check that could not be made is made again this often, until the engine answers. */
const AGAIN_MS = 2_000;

export class EngineChecker {
	readonly #parts: EngineCheckerParts;
	#last: EngineCheck | null = null;
	#ranMs = Number.NEGATIVE_INFINITY;
	#lastText = "";
	#running: Promise<EngineCheck> | null = null;
	readonly #timer: NodeJS.Timeout | null = null;

	/** @param background run again by itself while nothing is known; one worker does */
	constructor(parts: EngineCheckerParts, background: boolean) {
		this.#parts = parts;
		if (parts.mode === "off" || !background) return;
		this.#timer = setInterval(() => {
			if (this.#last === null || this.#last.result === "skipped") void this.check();
		}, AGAIN_MS);
		this.#timer.unref();
	}

	/** Of the engine; for messages. */
	get url(): string {
		return this.#parts.url;
	}

	/** Why no chat is let through, as far as is known; null when one is. */
	get refusal(): string | null {
		const last = this.#last;
		return this.#parts.mode === "refuse" && last?.result === "differs"
			? checkText(last, this.#parts.url)
			: null;
	}

	/** Runs the check; one at a time. */
	check(): Promise<EngineCheck> {
		this.#running ??= this.#run().finally(() => {
			this.#running = null;
		});
		return this.#running;
	}

	/** The engine may be another one by now. */
	forget(): void {
		this.#last = null;
	}

	/**
	 * Before a chat, with `refuse`: only an engine that was found to render as we do gets it.
	 * @throws RollpinError `upstream_unfit` with the finding, `upstream_unchecked` when the check could not be made
	 */
	async pass(): Promise<void> {
		if (this.#parts.mode !== "refuse" || this.#last?.result === "ok") return;
		// Asked again now and then: no chat goes there that would notice when another engine takes its place.
		const stands = this.#last?.result === "differs" && performance.now() - this.#ranMs < AGAIN_MS;
		const known = (stands ? this.#last : null) ?? (await this.check());
		if (known.result === "ok") return;
		const text = `${checkText(known, this.#parts.url)} (--engine-check refuse); nothing was sent`;
		if (known.result === "differs") throw new RollpinError("upstream_unfit", text);
		throw new RollpinError("upstream_unchecked", text, { retryAfterS: AGAIN_MS / 1000 });
	}

	close(): void {
		if (this.#timer !== null) clearInterval(this.#timer);
	}

	async #run(): Promise<EngineCheck> {
		const check = await this.#parts.run();
		this.#last = check;
		this.#ranMs = performance.now();
		const text = `${check.result} ${check.result === "skipped" ? "" : checkText(check, "")}`;
		if (text !== this.#lastText) this.#parts.onResult(check);
		this.#lastText = text;
		return check;
	}
}
