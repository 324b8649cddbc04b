// When an idle worker has V8 collect, and that it does.
import { describe, expect, it } from "vitest";
import { IdleWatch, nudgeCollector } from "../../src/worker/idle-collection.js";
import { until } from "../support/wait.js";

/** What the watch says after stretches of the loop's time, each `[active, idle]` in ms. */
function said(...stretches: Array<[active: number, idle: number]>): boolean[] {
	const watch = new IdleWatch();
	const now = { active: 0, idle: 0 };
	return stretches.map(([active, idle]) => {
		now.active += active;
		now.idle += idle;
		return watch.look({ ...now });
	});
}

describe("the collection of an idle worker", () => {
	it("comes once after each stretch of work, when the loop has been idle for a while", () => {
		expect(said([4000, 1000], [500, 4500], [20, 4980], [20, 4980], [20, 4980])).toEqual([
			false,
			false,
			true,
			false,
			false,
		]);
		expect(said([300, 4700], [0, 5000], [260, 4740], [1, 4999], [1, 4999])).toEqual([
			false,
			true,
			false,
			true,
			false,
		]);
	});

	it("does not come for little work, nor while there is work", () => {
		expect(said([100, 4900], [1, 4999], [1, 4999])).toEqual([false, false, false]);
		expect(said([4000, 1000], [4000, 1000], [150, 4850])).toEqual([false, false, false]);
		expect(said([0, 0])).toEqual([false]);
	});

	it("collects what nobody holds, without a flag for it", async () => {
		let collected = 0;
		// Not a WeakRef that is looked at: that keeps what it refers to.
		const registry = new FinalizationRegistry(() => collected++);
		registry.register({ buffer: Buffer.allocUnsafeSlow(1024 * 1024) }, null);
		nudgeCollector();
		await until("it to be collected", 20_000, () => collected === 1);
	});
});
