// The operator's signals to the primary: the first ends the cluster in order, the second at once.
import { constants } from "node:os";

export interface ShutdownSignals {
	/** Resolves with the first SIGINT or SIGTERM. */
	readonly first: Promise<NodeJS.Signals>;
	/** Resolves with the second. */
	readonly second: Promise<NodeJS.Signals>;
	dispose(): void;
}

export function listenForSignals(target: NodeJS.EventEmitter = process): ShutdownSignals {
	const resolvers: Array<(signal: NodeJS.Signals) => void> = [];
	const next = (): Promise<NodeJS.Signals> => new Promise((resolve) => resolvers.push(resolve));
	const first = next();
	const second = next();
	const onSignal = (signal: NodeJS.Signals): void => resolvers.shift()?.(signal);
	target.on("SIGINT", onSignal);
	target.on("SIGTERM", onSignal);
	return {
		first,
		second,
		dispose() {
			target.off("SIGINT", onSignal);
			target.off("SIGTERM", onSignal);
		},
	};
}

/** The shell's convention for an end by signal: 130 for SIGINT, 143 for SIGTERM. */
export function signalExitCode(signal: NodeJS.Signals): number {
	return 128 + (constants.signals[signal] ?? 0);
}
