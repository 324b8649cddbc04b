// The pace of background work, on a clock of the test.
import { describe, expect, it } from "vitest";
import { Pace } from "../../src/base/pace.js";

describe("work that can wait", () => {
	it("begins with a breath, and goes on until a millisecond is over", async () => {
		let nowMs = 5;
		const pace = new Pace(() => nowMs);
		expect(pace.isOver).toBe(true);
		await pace.breathe();
		expect(pace.isOver).toBe(false);
		nowMs += 0.9;
		expect(pace.isOver).toBe(false);
		nowMs += 0.1;
		expect(pace.isOver).toBe(true);
	});

	it("lets nobody go before those who wait for a slice", async () => {
		const pace = new Pace(() => 5);
		await pace.breathe();
		expect(pace.isTaken).toBe(false);
		const waits = pace.breathe();
		expect(pace.isOver).toBe(false);
		expect(pace.isTaken).toBe(true);
		await waits;
		expect(pace.isTaken).toBe(false);
	});

	it.each([
		["in which others had work, and in the eighth all the same", 1, 8],
		["if nobody else had any", 0, 1],
	])("goes on after turns of the loop %s", async (_, busyMs, expected) => {
		let nowMs = 0;
		let turns = 0;
		let ended = false;
		const turn = () => {
			turns++;
			nowMs += busyMs;
			if (!ended) setImmediate(turn);
		};
		const pace = new Pace(() => nowMs);
		setImmediate(turn);
		await pace.breathe();
		ended = true;
		expect(turns).toBe(expected);
	});

	it("goes on in the next turn of a busy loop where a chat waits for it", async () => {
		let nowMs = 0;
		let turns = 0;
		let ended = false;
		const turn = () => {
			turns++;
			nowMs += 1;
			if (!ended) setImmediate(turn);
		};
		const pace = new Pace(() => nowMs, { mostTurns: 1 });
		setImmediate(turn);
		await pace.breathe();
		ended = true;
		expect(turns).toBe(1);
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
