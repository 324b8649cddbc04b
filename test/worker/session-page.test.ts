// Pages of sessions against the plain way: all of them, sorted.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Session } from "../../src/session/life/session.js";
import { sessionsAfter } from "../../src/worker/session-page.js";

const session = (id: string, closing: string | null) => ({ meta: { id }, closing }) as unknown as Session;

describe("a page of sessions", () => {
	it("has the first open ones after an id, in order, however many there are", async () => {
		const some = fc.uniqueArray(fc.stringMatching(/^[0-9a-f]{1,4}$/), { maxLength: 60 });
		await fc.assert(
			fc.asyncProperty(
				some,
				fc.stringMatching(/^[0-9a-f]{0,3}$/),
				fc.integer({ min: 1, max: 9 }),
				async (ids, after, count) => {
					const all = ids.map((id, at) => session(id, at % 7 === 3 ? "deleted" : null));
					const page = await sessionsAfter(all, after, count);
					const open = all.filter(({ closing, meta }) => closing === null && meta.id > after);
					const wanted = open.map(({ meta }) => meta.id as string).sort((a, b) => (a < b ? -1 : 1));
					expect(page.map(({ meta }) => meta.id)).toEqual(wanted.slice(0, count));
				},
			),
		);
	});

	it("is cut into slices: others run before a large one is there", async () => {
		const all = Array.from({ length: 200_000 }, (_, at) => session(`s${(at * 7919) % 200_000}`, null));
		let turns = 0;
		let there = false;
		const turn = () => {
			turns++;
			if (!there) setImmediate(turn);
		};
		setImmediate(turn);
		const page = await sessionsAfter(all, "", 100);
		there = true;
		expect(page).toHaveLength(100);
		expect(turns).toBeGreaterThan(0);
	});
});
