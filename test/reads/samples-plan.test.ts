// Which paths become samples: a table of forests, each drawn as its turns' parents.
import { describe, expect, it } from "vitest";
import type { TurnId } from "../../src/base/ids.js";
import { planSamples, type SamplesPlan } from "../../src/reads/samples-plan.js";
import type { TurnHeader } from "../../src/store/store.js";
import { header, meta, sid, tid } from "../store/values.js";

interface Forest {
	/** Parent of each turn, by id; null for a root. */
	parents: Array<number | null>;
	head: number | null;
	provisional?: number;
	superseded?: number[];
}

function plan({ parents, head, provisional, superseded = [] }: Forest): {
	found: SamplesPlan;
	asked: number[];
} {
	const asked: number[] = [];
	const statusOf = (id: number): TurnHeader["status"] =>
		id === provisional ? "provisional" : superseded.includes(id) ? "superseded" : "committed";
	const headers = parents.map((parent, id) =>
		header(id, { parent: parent as TurnId | null, status: statusOf(id), tokenCount: 5 * (id + 1) }),
	);
	const session = meta(sid("s"), {
		head: head as TurnId | null,
		provisional: provisional === undefined ? null : tid(provisional),
	});
	const found = planSamples(session, new Map(headers.map((one) => [one.id, one])), (turn) => {
		asked.push(turn);
		return `appended ${turn}`;
	});
	return { found, asked };
}

/** Each leaf as `node<parent: turns`, a provisional one with a mark, and the turn that its metadata tells of. */
const drawn = ({ leaves }: SamplesPlan): string[] =>
	leaves.map(
		({ nodeId, parent, provisional, turns, committed }) =>
			`${nodeId}<${parent}: ${turns.map(({ id }) => id).join(" ")}${provisional ? "*" : ""} (${committed})`,
	);

describe("planSamples", () => {
	// biome-ignore format: a table
	const rows: Array<[what: string, forest: Forest, active: number[], leaves: string[], asked: number[]]> = [
		["nothing", { parents: [], head: null }, [], [], []],
		["one line", { parents: [null, 0, 1], head: 2 }, [0, 1, 2], ["2<1: 0 1 2 (2)"], []],
		["two roots, which are no siblings", { parents: [null, null], head: 1 }, [1], ["0<null: 0 (0)", "1<null: 1 (1)"], []],
		["a branch", { parents: [null, 0, 0], head: 2 }, [0, 2], ["1<0: 0 1 (1)", "2<0: 0 2 (2)"], [1, 2]],
		["a retry in linear mode: positions count committed turns only", { parents: [null, 0, 0], head: 2, superseded: [1] }, [0, 2], ["1<0: 0 2 (2)"], []],
		["an aborted turn goes on from a leaf, which is none then", { parents: [null, 0, 1], head: 1, provisional: 2 }, [0, 1], ["2<1: 0 1 2* (1)"], []],
		["an aborted first turn", { parents: [null], head: null, provisional: 0 }, [], ["0<null: 0* (null)"], []],
		["an aborted turn beside a leaf", { parents: [null, 0, 0], head: 1, provisional: 2 }, [0, 1], ["1<0: 0 1 (1)", "2<0: 0 2* (0)"], []],
	];
	it.each(rows)("%s", (_what, forest, active, leaves, asked) => {
		const result = plan(forest);
		expect(result.found.active.map(({ id }) => id)).toEqual(active);
		expect(drawn(result.found)).toEqual(leaves);
		expect(result.asked).toEqual(asked);
		expect(result.found.provisional?.id ?? null).toBe(forest.provisional ?? null);
	});

	it("says of each node where its completion stands, and of siblings what they appended", () => {
		const { found } = plan({ parents: [null, 0, 0], head: 2 });
		expect(found.leaves[1]?.path).toEqual([
			{ id: 0, completionStart: 3, completionEnd: 5 },
			{ id: 2, completionStart: 13, completionEnd: 15 },
		]);
		expect(found.forest).toEqual([
			{ id: 0, parent: null },
			{ id: 1, parent: 0, appended: "appended 1" },
			{ id: 2, parent: 0, appended: "appended 2" },
		]);
	});
});
