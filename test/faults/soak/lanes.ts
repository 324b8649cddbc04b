// Runs the soak's injections: lanes beside each other, one injection after the other in each, and now and then one that has the cluster
// for itself. What comes when is the seed's choice alone. Knows no injection by name.
import type { Chance } from "../random.js";
import { pause, type SoakWorld } from "./world.js";

export type Injection = (world: SoakWorld, chance: Chance) => Promise<void>;

export interface Lane {
	name: string;
	/** Dealt in random order, each once, then anew. */
	deck: readonly Injection[];
	/** Rest between two of them, in milliseconds. */
	gapMs: readonly [least: number, most: number];
	/** `alone`: while one of them runs no other lane's does; `apart`: it lasts too long for that, and runs beside those as well. */
	room: "shared" | "alone" | "apart";
}

/** Resolves at `untilMs` (by `performance.now()`), when all that was begun is over. */
export async function runLane(
	world: SoakWorld,
	lane: Lane,
	chance: Chance,
	room: Room,
	untilMs: number,
): Promise<void> {
	let deck: Injection[] = [];
	for (;;) {
		await pause(chance.integer(...lane.gapMs));
		if (deck.length === 0) deck = shuffled(lane.deck, chance);
		const next = deck.pop();
		if (next === undefined || performance.now() > untilMs) return;
		const leave = lane.room === "apart" ? () => undefined : await room.enter(lane.room === "alone");
		try {
			await next(world, chance);
		} catch (error) {
			world.finding(
				`${lane.name}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
			);
		} finally {
			leave();
		}
	}
}

function shuffled<T>(list: readonly T[], chance: Chance): T[] {
	const rest = [...list];
	return list.map(() => rest.splice(chance.integer(0, rest.length - 1), 1)[0] as T);
}

/** Many may be in it together, or one alone; who wants to be alone is waited for by those who come later. */
export class Room {
	#inside = 0;
	#turn: Promise<void> = Promise.resolve();

	/** @returns leaves it */
	async enter(alone: boolean): Promise<() => void> {
		const before = this.#turn;
		let next: () => void = () => undefined;
		this.#turn = new Promise((resolve) => {
			next = resolve;
		});
		await before;
		while (alone && this.#inside > 0) await pause(20);
		this.#inside++;
		if (!alone) next();
		return () => {
			this.#inside--;
			if (alone) next();
		};
	}
}
