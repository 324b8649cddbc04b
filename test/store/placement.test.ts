// Where the parts of a turn go, by their lengths.
import { describe, expect, it } from "vitest";
import { placesOf } from "../../src/store/plan/placement.js";
import type { PartName } from "../../src/store/store.js";

const KiB = 1024;
const MiB = 1024 * KiB;

describe("The place of a turn's parts", () => {
	for (const [what, lengths, places] of [
		["keys when the turn is small", { messages: 4 * KiB, reply: 4 * KiB }, { messages: "key", reply: "key" }],
		["the pack when it is not", { messages: 100, reply: 8 * KiB }, { messages: "pack", reply: "pack" }],
		[
			"a file for a payload, and the rest by its own size",
			{ prompt: 100, reply: 9 * KiB, "payload:0": 17 * KiB },
			{ prompt: "pack", reply: "pack", "payload:0": "file" },
		],
		[
			"keys beside a payload's file",
			{ prompt: 100, "payload:0": MiB },
			{ prompt: "key", "payload:0": "file" },
		],
		["no file for a small payload", { "payload:0": 16 * KiB }, { "payload:0": "pack" }],
		[
			"a file for whatever would stay in the pack as a burden",
			{ messages: MiB + 1, reply: MiB },
			{ messages: "file", reply: "pack" },
		],
		["nothing for no parts", {}, {}],
	] as const) {
		it(`is ${what}`, () => {
			const entries = Object.entries(lengths) as Array<[PartName, number]>;
			expect(Object.fromEntries(placesOf(new Map(entries)))).toEqual(places);
		});
	}
});
