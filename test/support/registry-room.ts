// A registry over a store, with a clock that the test moves and a log of what it told.
import { SessionRegistry } from "../../src/session/life/registry.js";
import type { RegistryHooks, RegistryOptions } from "../../src/session/life/registry-options.js";
import { createMemoryStore } from "../../src/store/memory/memory-store.js";
import type { Store } from "../../src/store/store.js";

export interface RegistryRoom {
	store: Store;
	registry: SessionRegistry;
	/** What its events said, oldest first. */
	log: string[];
	/** Moves both clocks. No timer notices. */
	advance(ms: number): void;
}

export function registryRoom(
	hooks: RegistryHooks = {},
	store: Store = createMemoryStore({ tombstones: 10 }),
	options: Partial<RegistryOptions> = {},
): RegistryRoom {
	let nowMs = 0;
	const log: string[] = [];
	const registry = new SessionRegistry(
		store,
		{
			sessionTtlS: 10,
			maxSessionTtlS: 100,
			idleTtlS: 0,
			maxSessions: 10,
			maxQueuePerSession: 10,
			hotBytesBudget: 0,
			...options,
		},
		{
			created: () => log.push("created"),
			deleted: () => log.push("deleted"),
			reaped: (_meta, reason, overdueMs) => log.push(`reaped ${reason} ${overdueMs}`),
			swept: (_ms, reaped, overdue) => log.push(`swept ${reaped}/${overdue}`),
			failed: (_id, error) => log.push(`failed ${(error as Error).message}`),
			resourceFailed: ({ resource, session, failures, error }) =>
				log.push(`${resource} of ${session} failed ${failures}: ${(error as Error).message}`),
		},
		{ nowS: () => nowMs / 1000, monotonicMs: () => nowMs },
		hooks,
	);
	return {
		store,
		registry,
		log,
		advance: (ms) => {
			nowMs += ms;
		},
	};
}
