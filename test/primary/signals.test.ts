// Which signals count, with a clock of the test's own.
import { EventEmitter } from "node:events";
import { describe, expect, test } from "vitest";
import {
	listenForHangup,
	listenForSignals,
	SAME_SIGNAL_MS,
	signalExitCode,
} from "../../src/primary/signals.js";

const PENDING = "pending";
const settled = (promise: Promise<string>): Promise<string> =>
	Promise.race([promise, new Promise<string>((resolve) => setImmediate(resolve, PENDING))]);

describe("signals", () => {
	test.each([
		["the first alone", [["SIGINT", 0]], "SIGINT", PENDING],
		[
			"npm's echo within milliseconds is the same Ctrl-C",
			[
				["SIGINT", 0],
				["SIGINT", 3],
			],
			"SIGINT",
			PENDING,
		],
		[
			"so is its other name",
			[
				["SIGINT", 0],
				["SIGTERM", SAME_SIGNAL_MS],
			],
			"SIGINT",
			PENDING,
		],
		[
			"a later one is the second",
			[
				["SIGTERM", 0],
				["SIGINT", SAME_SIGNAL_MS + 1],
			],
			"SIGTERM",
			"SIGINT",
		],
		[
			"an echo does not push the second away",
			[
				["SIGINT", 0],
				["SIGINT", 400],
				["SIGINT", 600],
			],
			"SIGINT",
			"SIGINT",
		],
	] as const)("%s", async (_title, given, first, second) => {
		const target = new EventEmitter();
		let now = 0;
		const signals = listenForSignals(target, () => now);
		expect(await settled(signals.first)).toBe(PENDING);
		for (const [signal, atMs] of given) {
			now = 10_000 + atMs;
			target.emit(signal, signal);
		}
		expect(await settled(signals.first)).toBe(first);
		expect(await settled(signals.second)).toBe(second);
		signals.dispose();
		expect(target.listenerCount("SIGINT") + target.listenerCount("SIGTERM")).toBe(0);
	});

	test("give the shell's exit codes", () => {
		expect([signalExitCode("SIGINT"), signalExitCode("SIGTERM")]).toEqual([130, 143]);
	});
});

test("SIGHUP reloads while stdout is as it was, and ends where it was a terminal that has gone", () => {
	const target = new EventEmitter();
	const heard: string[] = [];
	let terminal = true;
	const listen = () =>
		listenForHangup(
			() => heard.push("gone"),
			() => heard.push("reload"),
			target,
			() => terminal,
		);
	const stop = listen();
	target.emit("SIGHUP");
	terminal = false;
	target.emit("SIGHUP");
	stop();
	target.emit("SIGHUP");
	// Never a terminal: nothing can go.
	const stopAgain = listen();
	target.emit("SIGHUP");
	stopAgain();
	expect(heard).toEqual(["reload", "gone", "reload"]);
});

test("a terminal that has gone is a first signal, never a second", async () => {
	const target = new EventEmitter();
	let nowMs = 0;
	const signals = listenForSignals(target, () => nowMs);
	let second = false;
	void signals.second.then(() => {
		second = true;
	});
	signals.hangUp();
	expect(await signals.first).toBe("SIGHUP");
	nowMs = SAME_SIGNAL_MS + 1;
	signals.hangUp();
	await Promise.resolve();
	expect(second).toBe(false);
	target.emit("SIGTERM", "SIGTERM");
	expect(await signals.second).toBe("SIGTERM");
	signals.dispose();
});
