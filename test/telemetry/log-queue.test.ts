// What waits for the log's reader: in order, bounded, and what goes first when there is too much.
import { expect, test } from "vitest";
import { LogQueue } from "../../src/telemetry/log-queue.js";

const lines = (queue: LogQueue, maxBytes = 1_000_000) => queue.take(maxBytes).map(({ line }) => line);

test("lines come out in the order they went in, whatever their level", () => {
	const queue = new LogQueue(1_000);
	for (const [line, minor] of [
		["a", true],
		["B", false],
		["c", true],
		["D", false],
	] as const)
		queue.push(line, minor);
	expect(lines(queue)).toEqual(["a", "B", "c", "D"]);
	expect(queue.isEmpty).toBe(true);
});

test("over its bound the oldest minor lines go, the others stay; only when there is nothing else they go too", () => {
	const queue = new LogQueue(6);
	queue.push("B1", false);
	queue.push("a1", true);
	queue.push("a2", true);
	queue.push("B2", false);
	expect(queue.dropped).toBe(1);
	queue.push("B3", false);
	queue.push("B4", false);
	expect(queue.dropped).toBe(3);
	expect(lines(queue)).toEqual(["B2", "B3", "B4"]);
});

test("a line that is larger than the whole bound is dropped, and counted", () => {
	const queue = new LogQueue(4);
	queue.push("äöü", false);
	expect(queue.dropped).toBe(1);
	expect(queue.isEmpty).toBe(true);
});

test("a batch has whole lines up to its size, or one line that is larger, and can be put back to its place", () => {
	const queue = new LogQueue(1_000);
	for (const line of ["12345", "67", "89", "0"]) queue.push(line, line === "67");
	const batch = queue.take(7);
	expect(batch.map(({ line }) => line)).toEqual(["12345", "67"]);
	queue.putBack(batch);
	expect(lines(queue, 1)).toEqual(["12345"]);
	expect(lines(queue, 4)).toEqual(["67", "89"]);
	expect(lines(queue)).toEqual(["0"]);
});

test("a long wait holds the newest lines and counts each of the others", () => {
	const queue = new LogQueue(6_000);
	for (let index = 0; index < 10_000; index++) queue.push(`${String(index).padStart(5, "0")}\n`, true);
	const left = lines(queue);
	expect(left.length).toBe(1_000);
	expect([left[0], left.at(-1)]).toEqual(["09000\n", "09999\n"]);
	expect(queue.dropped).toBe(9_000);
});
