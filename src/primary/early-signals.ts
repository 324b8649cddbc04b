// The operator's signals before there is a cluster: what asks for something is kept, what ends ends. Imports nothing that loads slowly.
import { EXIT_OK } from "../base/exit-codes.js";
import { listenForHangup, listenForReload, listenForSignals } from "./signals.js";

/** What was asked for while nothing could be done about it. */
export interface Wishes {
	/** SIGHUP. */
	settings: boolean;
	/** SIGUSR2. */
	workers: boolean;
}

let wishes: Wishes = { settings: false, workers: false };
let stop: () => void = () => undefined;

/**
 * The program's first act. Loading its code takes a tenth of a second and more, a lock of another machine seconds: a signal without a
 * listener would end the process meanwhile, and as process 1 of a container it would be lost. An end is at once: nothing is forked
 * yet, and the data dir's lock goes with the process.
 */
export function holdEarlySignals(): void {
	const signals = listenForSignals();
	const end = (): never => process.exit(EXIT_OK);
	void signals.first.then(end);
	const stops = [
		listenForReload(() => {
			wishes.workers = true;
		}),
		listenForHangup(end, () => {
			wishes.settings = true;
		}),
		() => signals.dispose(),
	];
	stop = () => {
		for (const each of stops) each();
	};
}

/** Somebody else listens from now on. What is asked for from here on may be added to the result. */
export function takeEarlySignals(): Wishes {
	stop();
	const taken = wishes;
	wishes = { settings: false, workers: false };
	return taken;
}
