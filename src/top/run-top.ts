// Looks at a cluster at intervals and shows what it says, until it is stopped. Changes nothing on the cluster.
import { ConfigError } from "../base/errors.js";
import { ClusterClient } from "../console/cluster-client.js";
import { ClusterWatch, type Look } from "../console/cluster-watch.js";
import { printableJson } from "../console/printable.js";
import { reasonOf } from "../demo/no-cluster.js";
import { afterKeys } from "./keys.js";
import { FIRST_CHOICE, frame, view } from "./view.js";

export interface TopOptions {
	url: string;
	authToken: string | null;
	intervalMs: number;
	/** Show it once and end. */
	once: boolean;
	/** One JSON object for each look instead of text. */
	json: boolean;
}

export interface Screen {
	/** Whether one frame may take the place of the one before it. */
	terminal: boolean;
	colours: boolean;
	size(): { columns: number; rows: number };
	write(text: string): void;
	/** Told of each key's bytes, and of a new size as no bytes. */
	onInput(listener: (bytes: string) => void): void;
}

/** Between the two looks of one view: rates need both. */
const ONCE_MS = 1_000;
const HOME = "\x1b[H";
const CLEAR_BELOW = "\x1b[J";
const CLEAR_LINE = "\x1b[K";

/**
 * Ends when `stop` fires, or by a key; a cluster that stops answering is waited for.
 * @throws ConfigError when none answers at first
 */
export async function runTop(options: TopOptions, screen: Screen, stop: AbortSignal): Promise<void> {
	const quit = new AbortController();
	const signal = AbortSignal.any([stop, quit.signal]);
	const watch = new ClusterWatch(new ClusterClient(options, signal));
	const shown = new Shown(options, screen);
	screen.onInput((bytes) => {
		if (!shown.input(bytes)) quit.abort();
	});
	for (let looks = 0; !signal.aborted; looks++) {
		try {
			shown.look(await watch.look());
		} catch (error) {
			if (signal.aborted) return;
			if (looks === 0 || (error instanceof ConfigError && error.cause === undefined)) throw error;
			shown.gone(reasonOf(error instanceof ConfigError ? error.cause : error));
		}
		const last = options.once && looks === 1;
		if (!options.once || last) shown.show();
		if (last) return;
		await pause(options.once ? Math.min(ONCE_MS, options.intervalMs) : options.intervalMs, signal);
	}
}

/** What is on the screen, and why. */
class Shown {
	readonly #options: TopOptions;
	readonly #screen: Screen;
	#look: Look | null = null;
	#gone: { sinceS: number; reason: string } | null = null;
	#choice = FIRST_CHOICE;

	constructor(options: TopOptions, screen: Screen) {
		this.#options = options;
		this.#screen = screen;
	}

	look(look: Look): void {
		this.#look = look;
		this.#gone = null;
	}

	gone(reason: string): void {
		this.#gone = { sinceS: this.#gone?.sinceS ?? Date.now() / 1000, reason };
	}

	/** @returns false when its reader wants to end */
	input(bytes: string): boolean {
		const after = afterKeys(this.#choice, bytes);
		if (after === "quit") return false;
		this.#choice = after;
		if (this.#screen.terminal) this.show();
		return true;
	}

	show(): void {
		const look = this.#look;
		if (look === null) return;
		const { colours, terminal, write } = this.#screen;
		const { json, url } = this.#options;
		const nowS = Date.now() / 1000;
		if (terminal && !json) {
			const options = { ...this.#screen.size(), colours, url, gone: this.#gone, nowS };
			const { choice, lines } = frame(look, this.#choice, options);
			this.#choice = choice;
			// No line feed after the last line: it would move all of them up.
			write(`${HOME}${lines.join(`${CLEAR_LINE}\n`)}${CLEAR_LINE}${CLEAR_BELOW}`);
			return;
		}
		const { reason = null } = this.#gone ?? {};
		if (json) {
			const { cluster, health, load } = look;
			const workers = [...load.workers].map(([worker, figures]) => ({ worker, ...figures }));
			write(`${printableJson({ cluster, health, load: { ...load, workers }, no_answer: reason })}\n`);
			return;
		}
		const gone = reason === null ? "" : `\n\nno answer from ${url} (${reason}); asking again`;
		write(`${view(look, nowS)}${gone}\n\n`);
	}
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
	return new Promise((resolve) => {
		const end = (): void => {
			clearTimeout(timer);
			signal.removeEventListener("abort", end);
			resolve();
		};
		const timer = setTimeout(end, ms);
		signal.addEventListener("abort", end, { once: true });
	});
}
