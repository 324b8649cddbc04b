// What a child prints beside its log: which of it becomes a record, and when.
import { PassThrough } from "node:stream";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ChildOutput } from "../../src/primary/child-output.js";

beforeEach(() => {
	vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
});
afterEach(() => {
	vi.useRealTimers();
});

test("one that prints without a pause is heard all the same, line for line", async () => {
	const stderr = new PassThrough();
	const told: string[] = [];
	const log = {
		event: (_event: string, fields: object) => void ("text" in fields && told.push(String(fields.text))),
		relay: () => undefined,
	};
	const output = new ChildOutput("worker", 7, { stdout: null, stderr }, log);
	const printed: string[] = [];
	for (let line = 0; line < 50; line++) {
		printed.push(`line ${line}`);
		stderr.write(`line ${line}\n`);
		await new Promise(setImmediate);
		vi.advanceTimersByTime(100);
	}
	expect(told).toHaveLength(2);
	expect([...told, output.ended()].join("\n").split("\n")).toEqual(printed);
});
