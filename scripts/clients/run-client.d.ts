// Types of run-client.js, for the tests.
import type { Place } from "./processes.js";
import type { Client } from "./table.js";
export interface LoopResult {
	label: string;
	rewrites: string | null;
	good: boolean;
	cells: Record<string, string>;
}
export function runClient(
	client: Client,
	places: readonly Place[],
	options: { dir: string | null; workDir: string; verbose?: boolean },
): Promise<{ name: string; version: string; date: string; loops: LoopResult[] }>;
