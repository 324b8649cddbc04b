// The steps of a session resource's life, and a store and a resource that stop at one of them for good.
import type { SessionResource } from "../../src/session/life/resource.js";
import type { Store } from "../../src/store/store.js";

/** Where a worker can die between a resource's beginning and its end: before and after each of its steps. */
export const RESOURCE_STEPS = ["put_obligation", "open", "bury", "close", "settle_obligation"].flatMap(
	(step) => [`before ${step}`, `after ${step}`],
);

/** @param stop called at that step; what was called there never comes back */
export function stopAt(
	step: string,
	store: Store,
	resource: SessionResource,
	stop: () => void,
): { store: Store; resource: SessionResource } {
	const at = async (point: string): Promise<void> => {
		if (point !== step) return;
		stop();
		await new Promise(() => {});
	};
	const around = async (names: readonly string[], run: () => Promise<void>): Promise<void> => {
		for (const name of names) await at(`before ${name}`);
		await run();
		for (const name of names) await at(`after ${name}`);
	};
	const commit: Store["commit"] = (ops) =>
		around(
			ops.map(({ op }) => op),
			() => store.commit(ops),
		);
	const stopping = Object.create(store, { commit: { value: commit } }) as Store;
	for (const name of ["sessions", "session", "tombstone", "obligations", "obligationsOf"] as const) {
		Object.defineProperty(stopping, name, { value: store[name].bind(store) });
	}
	return {
		store: stopping,
		resource: {
			name: resource.name,
			open: (...args) => around(["open"], () => resource.open(...args)),
			close: (...args) => around(["close"], () => resource.close(...args)),
			reconcile: (isOwed) => resource.reconcile(isOwed),
		},
	};
}
