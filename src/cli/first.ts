// What must be done before the rest of the command line is loaded. Loads nothing else.
import { holdEarlySignals } from "../primary/early-signals.js";

/** @param command its name, as it was typed */
export function beforeMain(command: string | undefined): void {
	// Every other command ends by a signal as any program does.
	if (command === "serve") holdEarlySignals();
}
