// The operator's signals to the primary: the first ends the cluster in order, the second at once; SIGHUP reloads settings, SIGUSR2 workers too.
import { constants } from "node:os";
import { isatty } from "node:tty";

export interface ShutdownSignals {
	/** Resolves with the first SIGINT or SIGTERM. */
	readonly first: Promise<NodeJS.Signals>;
	/** Resolves with the second that is no echo of the first. */
	readonly second: Promise<NodeJS.Signals>;
	/** As if the first had come: the terminal has gone, which is no answer to a second one. */
	hangUp(): void;
	dispose(): void;
}

/**
 * A Ctrl-C under `npm start` arrives twice: from the terminal, which tells the whole process group, and from npm,
 * which hands it on. So soon after the first it is the same one; nobody presses it again that fast and means it.
 */
export const SAME_SIGNAL_MS = 500;

export function listenForSignals(
	target: NodeJS.EventEmitter = process,
	nowMs: () => number = () => performance.now(),
): ShutdownSignals {
	let resolveFirst: (signal: NodeJS.Signals) => void = () => undefined;
	let resolveSecond: (signal: NodeJS.Signals) => void = () => undefined;
	const first = new Promise<NodeJS.Signals>((resolve) => {
		resolveFirst = resolve;
	});
	const second = new Promise<NodeJS.Signals>((resolve) => {
		resolveSecond = resolve;
	});
	let firstMs: number | null = null;
	const onSignal = (signal: NodeJS.Signals): void => {
		if (firstMs === null) {
			firstMs = nowMs();
			resolveFirst(signal);
		} else if (nowMs() - firstMs > SAME_SIGNAL_MS) resolveSecond(signal);
	};
	target.on("SIGINT", onSignal);
	target.on("SIGTERM", onSignal);
	return {
		first,
		second,
		hangUp() {
			firstMs ??= nowMs();
			resolveFirst("SIGHUP");
		},
		dispose() {
			target.off("SIGINT", onSignal);
			target.off("SIGTERM", onSignal);
		},
	};
}

/** Calls back for every SIGUSR2 (`rollpin reload`). Returns what ends that. */
export function listenForReload(onReload: () => void, target: NodeJS.EventEmitter = process): () => void {
	target.on("SIGUSR2", onReload);
	return () => void target.off("SIGUSR2", onReload);
}

/**
 * Calls back for every SIGHUP: `onGone` when the terminal that stdout was has gone, else `onReload`. Returns what ends that.
 * @param isTerminal whether stdout is one
 */
export function listenForHangup(
	onGone: () => void,
	onReload: () => void,
	target: NodeJS.EventEmitter = process,
	isTerminal: () => boolean = () => isatty(1),
): () => void {
	const wasTerminal = isTerminal();
	const onSignal = (): void => {
		if (wasTerminal && !isTerminal()) onGone();
		else onReload();
	};
	target.on("SIGHUP", onSignal);
	return () => void target.off("SIGHUP", onSignal);
}

/** The shell's convention for an end by signal: 130 for SIGINT, 143 for SIGTERM. */
export function signalExitCode(signal: NodeJS.Signals): number {
	return 128 + (constants.signals[signal] ?? 0);
}
