// Injections into the data dir's medium: little room, too little, none at all, and room again.

import type { Injection } from "./lanes.js";
import type { SoakMedium } from "./medium.js";
import { type Allowed, type Due, pause } from "./world.js";

/** Looked at every second. */
const TOLD_WITHIN_MS = 4_000;
/** One refused commit counts for 3 s. */
const CLEAR_MS = 8_000;

/** Below 128 MiB of a medium of any size it is low, below 64 MiB it is full. */
function room(medium: SoakMedium, kind: string, freeMib: number, state: "low" | "full"): Injection {
	return async (world, chance) => {
		const isFull = state === "full";
		const allows: Allowed[] = isFull ? [{ status: 507, code: "store_full", method: "POST" }] : [];
		const dues: Due[] = [
			{ aspect: "store", states: [state], withinMs: TOLD_WITHIN_MS, clearMs: CLEAR_MS },
			{ aspect: "ready", states: ["503"], withinMs: isFull ? TOLD_WITHIN_MS : null, clearMs: CLEAR_MS },
			{ aspect: "store", states: ["low"], withinMs: null, clearMs: CLEAR_MS },
		];
		const injected = world.begin(kind, {
			detail: `${freeMib} MiB free`,
			allows,
			// A worker trusts its last look at the medium for a second.
			slackMs: 3_000,
			due: isFull ? dues : dues.slice(0, 1),
		});
		medium.leaveFree(freeMib);
		const untilMs = performance.now() + chance.integer(TOLD_WITHIN_MS + 500, 9_000);
		while (performance.now() < untilMs) {
			await pause(500);
			// The agents' turns go on.
			if (!isFull) medium.leaveFree(freeMib);
		}
		medium.free();
		await world.end(injected);
	};
}

export function onMedium(medium: SoakMedium): readonly Injection[] {
	return [
		room(medium, "disk low", 100, "low"),
		room(medium, "disk full", 30, "full"),
		room(medium, "disk without a byte", 0, "full"),
	];
}
