// What every session resource must do, alone and under the registry. Called by one test file per implementation.
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { SessionId } from "../../src/base/ids.js";
import type { SessionResource } from "../../src/session/life/resource.js";
import { createMemoryStore } from "../../src/store/memory/memory-store.js";
import type { Obligation, Store } from "../../src/store/store.js";
import { type RegistryRoom, registryRoom } from "../support/registry-room.js";
import { RESOURCE_STEPS, stopAt } from "../support/resource-steps.js";
import { within } from "../support/wait.js";

/** One backend, empty at first. */
export interface ResourceBackend {
	/** A resource over the backend as a worker makes it at its start; earlier ones may be gone for good. */
	start(): SessionResource;
	/** A new handle of the kind that its callers choose. */
	handle(): string;
	/** Sessions of what is there, sorted; one entry for each thing. */
	left(): Promise<SessionId[]>;
	/** Takes a thing away behind the resource's back. */
	lose(session: SessionId, handleJson: string): Promise<void>;
	stop(): Promise<void>;
}

const a = "session.a" as SessionId;
const b = "b" as SessionId;
const never = new AbortController().signal;

export function describeSessionResource(name: string, make: () => Promise<ResourceBackend>): void {
	describe(`${name} keeps the rules of a session's resource`, () => {
		let backend: ResourceBackend;
		let resource: SessionResource;
		const rooms: RegistryRoom[] = [];
		beforeEach(async () => {
			backend = await make();
			resource = backend.start();
		});
		afterEach(async () => {
			for (const { registry } of rooms.splice(0)) registry.stop();
			await backend.stop();
		});

		it("makes one thing of a handle, however often it is opened", async () => {
			const handle = backend.handle();
			await resource.open(a, handle, never);
			await resource.open(a, handle, never);
			await backend.start().open(a, handle, never);
			expect(await backend.left()).toEqual([a]);
		});

		it("closes what is there, is closed, was never made, or was lost", async () => {
			const [made, lost] = [backend.handle(), backend.handle()];
			await resource.open(a, made, never);
			await resource.open(b, lost, never);
			await backend.lose(b, lost);
			for (const handle of [made, made, backend.handle()]) await resource.close(a, handle, never);
			await resource.close(b, lost, never);
			expect(await backend.left()).toEqual([]);
		});

		it("closes what another process made, and leaves the same session's thing of another handle alone", async () => {
			const [earlier, later] = [backend.handle(), backend.handle()];
			await resource.open(a, earlier, never);
			const restarted = backend.start();
			await restarted.close(a, earlier, never);
			await restarted.open(a, later, never);
			await restarted.close(a, earlier, never);
			expect(await backend.left()).toEqual([a]);
		});

		it("leaves nothing that a close does not end when its open is called off", async () => {
			const handle = backend.handle();
			await resource.open(a, handle, AbortSignal.abort(new Error("called off"))).catch(() => undefined);
			await resource.close(a, handle, never);
			expect(await backend.left()).toEqual([]);
		});

		it("reconciles: what no session owes is ended, the rest stays, whoever made it", async () => {
			await resource.open(a, backend.handle(), never);
			await resource.open(b, backend.handle(), never);
			const asked = new Set<SessionId>();
			const restarted = backend.start();
			await restarted.reconcile(async (session) => {
				asked.add(session);
				return session === b;
			});
			expect(await backend.left()).toEqual([b]);
			expect([...asked].sort()).toEqual([b, a]);
			await restarted.reconcile(async () => false);
			await restarted.reconcile(async () => false);
			expect(await backend.left()).toEqual([]);
		});

		function room(hooked: SessionResource, store?: Store): RegistryRoom {
			const made = registryRoom({ resources: [hooked] }, store);
			rooms.push(made);
			return made;
		}

		it("is made once for a session, whoever asks again, and ends with its DELETE", async () => {
			const { registry, store } = room(resource);
			const session = await registry.create(a);
			const first = backend.handle();
			const asked = [first, backend.handle()].map((handle) =>
				registry.resources.open(session, resource.name, handle),
			);
			expect(await Promise.all(asked)).toEqual([first, first]);
			expect(await registry.resources.open(session, resource.name, backend.handle())).toBe(first);
			expect(await backend.left()).toEqual([a]);
			await registry.delete(a);
			expect(await backend.left()).toEqual([]);
			expect(await owed(store)).toEqual([]);
		});

		it("can be ended and made anew while its session lives", async () => {
			const { registry, store } = room(resource);
			const session = await registry.create(a);
			await registry.resources.open(session, resource.name, backend.handle());
			await registry.resources.close(a, resource.name);
			await registry.resources.close(a, resource.name);
			expect([await backend.left(), await owed(store)]).toEqual([[], []]);
			const second = backend.handle();
			expect(await registry.resources.open(session, resource.name, second)).toBe(second);
			expect(await backend.left()).toEqual([a]);
		});

		it("ends with its session's deadline", async () => {
			const { registry, store, advance } = room(resource);
			await registry.resources.open(await registry.create(a), resource.name, backend.handle());
			await registry.resources.open(await registry.create(b), resource.name, backend.handle());
			await registry.extend(b, 50);
			advance(11_000);
			await registry.sweep();
			await registry.resources.sweep();
			expect(await backend.left()).toEqual([b]);
			expect((await owed(store)).map(({ session }) => session)).toEqual([b]);
		});

		it("that can't be ended outlives no more than the failure: each is counted, and tried again", async () => {
			let down = true;
			const { registry, store, log, advance } = room({
				name: resource.name,
				open: (session, handle, signal) => resource.open(session, handle, signal),
				reconcile: (isOwed) => resource.reconcile(isOwed),
				async close(session, handle, signal) {
					if (down) throw new Error("down");
					await resource.close(session, handle, signal);
				},
			});
			await registry.resources.open(await registry.create(a), resource.name, backend.handle());
			await registry.delete(a);
			expect(log).toEqual(["created", `${resource.name} of ${a} failed 1: down`, "deleted"]);
			// Too early, then in time.
			await registry.resources.sweep();
			advance(30_000);
			await registry.resources.sweep();
			expect(log.at(-1)).toBe(`${resource.name} of ${a} failed 2: down`);
			expect(await owed(store)).toMatchObject([{ session: a, ended: true }]);
			down = false;
			advance(30_000);
			await registry.resources.sweep();
			expect([await backend.left(), await owed(store)]).toEqual([[], []]);
			expect(log.length).toBe(4);
		});

		for (const step of RESOURCE_STEPS) {
			it(`is not lost by a worker that dies ${step}`, async () => {
				const store = createMemoryStore({ tombstones: 10 });
				let die = () => {};
				const died = new Promise<void>((resolve) => {
					die = resolve;
				});
				const dying = stopAt(step, store, resource, die);
				const first = room(dying.resource, dying.store);
				const run = async (): Promise<void> => {
					const session = await first.registry.create(a);
					await first.registry.resources.open(session, resource.name, backend.handle());
					await first.registry.delete(a);
				};
				await within(`its death ${step}`, 10_000, Promise.race([died, run()]));
				first.registry.stop();

				const { registry } = room(backend.start(), store);
				await registry.start();
				const live = await store.session(a);
				if (live !== undefined) {
					// The client asks again, and gets what there is.
					const session = await registry.get(a);
					await registry.resources.open(session, resource.name, backend.handle());
					expect(await backend.left()).toEqual([a]);
					await registry.delete(a);
				}
				await registry.resources.sweep();
				expect([await backend.left(), await owed(store)]).toEqual([[], []]);
			});
		}
	});
}

async function owed(store: Store): Promise<Obligation[]> {
	const all: Obligation[] = [];
	for await (const obligation of store.obligations()) all.push(obligation);
	return all;
}
