import { describe, expect, it } from "vitest";
import { Pace } from "../../src/base/pace.js";

/** Keeps every turn of the loop busy until it is told to end. */
function busyLoop(): { turns: () => number; end: () => void } {
	let turns = 0;
	let ended = false;
	const turn = () => {
		turns++;
		const startedMs = performance.now();
		while (performance.now() - startedMs < 1);
		if (!ended) setImmediate(turn);
	};
	setImmediate(turn);
	return { turns: () => turns, end: () => (ended = true) };
}

describe("work that can wait", () => {
	it("begins with a breath, and may go on at once after it", async () => {
		const pace = new Pace();
		expect(pace.isOver).toBe(true);
		await pace.breathe();
		expect(pace.isOver).toBe(false);
	});

	it("lets a loop that is always busy go first eight times, and goes on then", async () => {
		const pace = new Pace();
		const others = busyLoop();
		await pace.breathe();
		const before = others.turns();
		await pace.breathe();
		others.end();
		expect(others.turns() - before).toBe(8);
	});

	it("has one slice at a time, first come, first served", async () => {
		const pace = new Pace();
		const order: string[] = [];
		const work = async (name: string) => {
			for (let step = 0; step < 3; step++) {
				await pace.breathe();
				order.push(name);
			}
		};
		await Promise.all([work("a"), work("b"), work("c")]);
		expect(order.join("")).toBe("abcabcabc");
	});

	it("gives each slice a turn of its own", async () => {
		const pace = new Pace();
		let turn = 0;
		const count = () => {
			turn++;
			if (turn < 1000) setImmediate(count);
		};
		setImmediate(count);
		const turns: number[] = [];
		const work = async () => {
			await pace.breathe();
			turns.push(turn);
		};
		await Promise.all([work(), work(), work()]);
		turn = 1000;
		expect(new Set(turns).size).toBe(3);
	});
});
