// Types of processes.js, for the tests.
export interface Place {
	name: string;
	stop(): Promise<void>;
}
export function startPlace(
	setting: { mode: "linear" | "tree"; reasoning: boolean },
	logDir: string,
): Promise<Place>;
