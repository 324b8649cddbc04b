// A slot over an in-memory transport: what it tells its owner, and what it does to its child, moment by moment.
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { FromChild, ToChild } from "../../src/ipc/messages.js";
import { ChildSlot, type SlotListener } from "../../src/primary/child-slot.js";
import type { ChildHandle } from "../../src/primary/fork.js";
import { WORKER_RULES } from "../../src/primary/restart-policy.js";
import { figuresWith } from "../support/heartbeats.js";

class MemoryChild implements ChildHandle {
	readonly pid: number;
	readonly told: ToChild[] = [];
	readonly signals: string[] = [];
	/** Answers pings and dies of SIGKILL, as a healthy process does. */
	answers = true;
	#message: (message: FromChild) => void = () => undefined;
	#exit: (code: number | null, signal: string | null) => void = () => undefined;

	constructor(pid: number) {
		this.pid = pid;
	}

	send(message: ToChild): void {
		this.told.push(message);
		if (message.type === "ping" && this.answers) this.says({ type: "pong", seq: message.seq });
	}

	kill(signal: NodeJS.Signals): void {
		this.signals.push(signal);
		if (signal === "SIGKILL") this.#exit(null, "SIGKILL");
	}

	onMessage(listener: (message: FromChild) => void): void {
		this.#message = listener;
	}

	onExit(listener: (code: number | null, signal: string | null) => void): void {
		this.#exit = listener;
	}

	says(message: FromChild): void {
		this.#message(message);
	}

	exits(code: number | null, signal: string | null = null): void {
		this.#exit(code, signal);
	}
}

let children: MemoryChild[];
let heard: string[];
let slot: ChildSlot;
/** What the primary can't start a child for. */
let noStart: Error | null;
let starts: number;

beforeEach(() => {
	noStart = null;
	starts = 0;
	vi.useFakeTimers();
	children = [];
	heard = [];
	const listener: SlotListener = {
		spawned: (it, attempt) => heard.push(`spawned ${it.epoch} attempt ${attempt}`),
		ready: (it) => heard.push(`ready ${it.epoch}`),
		failed: (_it, message, code) => heard.push(`failed ${code} ${message}`),
		exited: (_it, exit) =>
			heard.push(`exited ${exit.code} ${exit.signal} planned ${exit.planned} inflight ${exit.inflight}`),
		quarantined: (_it, crashes) => heard.push(`quarantined ${crashes}`),
		unresponsive: (_it, silentMs) => heard.push(`unresponsive ${Math.round(silentMs / 1000)}`),
		message: (_it, message) => heard.push(message.type),
		changed: (it) => heard.push(it.state),
	};
	slot = new ChildSlot({
		role: "worker",
		index: 3,
		rules: WORKER_RULES,
		fork: () => {
			const child = new MemoryChild(100 + children.length);
			children.push(child);
			return child;
		},
		startMessage: () => {
			starts += 1;
			if (noStart !== null) throw noStart;
			return { type: "ask_stats" };
		},
		listener,
	});
	slot.start();
});
afterEach(() => {
	vi.useRealTimers();
});

const child = (): MemoryChild => children.at(-1) as MemoryChild;
const up = (): void => {
	child().says({ type: "hello", role: "worker" });
	child().says({ type: "ready" });
};

test("hello is answered with the start message, and only ready opens the slot for traffic", async () => {
	child().says({ type: "hello", role: "worker" });
	// The message may be waited for: a worker's carries a fresh epoch of the data dir.
	await vi.waitFor(() => expect(child().told).not.toEqual([]));
	expect(child().told).toEqual([{ type: "ask_stats" }]);
	expect(slot.state).toBe("starting");
	child().says({ type: "ready" });
	expect(heard).toEqual(["spawned 1 attempt 0", "starting", "ready 1", "ready"]);
});

test("a crash tells code, signal and what was running, and the successor has the next epoch", () => {
	up();
	child().says({ type: "stats", stats: figuresWith({ inflight: 4 }) });
	heard.length = 0;
	child().exits(null, "SIGSEGV");
	expect(heard).toEqual(["exited null SIGSEGV planned false inflight 4", "down"]);
	vi.advanceTimersByTime(99);
	expect(children).toHaveLength(1);
	vi.advanceTimersByTime(1);
	expect(heard.slice(2)).toEqual(["spawned 2 attempt 1", "starting"]);
});

test("the first child is awaited until it is ready, through a planned end at its start; nobody waits for one that crashed", () => {
	expect([slot.state, slot.awaited]).toEqual(["starting", true]);
	child().exits(null, "SIGTERM");
	vi.advanceTimersByTime(0);
	expect([slot.epoch, slot.state, slot.awaited]).toEqual([2, "starting", true]);
	up();
	expect([slot.state, slot.awaited]).toEqual(["ready", false]);
	child().exits(null, "SIGSEGV");
	vi.advanceTimersByTime(100);
	expect([slot.state, slot.awaited]).toEqual(["starting", false]);
	child().exits(null, "SIGTERM");
	expect([slot.state, slot.awaited]).toEqual(["down", true]);
});

test("a late message of a dead child is not heard", () => {
	const first = child();
	first.exits(1);
	vi.advanceTimersByTime(100);
	first.says({ type: "ready" });
	expect(slot.state).toBe("starting");
});

test("what is not about the child's own life goes to the owner", () => {
	up();
	heard.length = 0;
	child().says({ type: "connection_received", seq: 1 });
	child().says({ type: "worker_idle", worker: 0, epoch: 1 });
	child().says({ type: "engine_checked", result: "ok" });
	child().says({ type: "pong", seq: 1 });
	expect(heard).toEqual(["connection_received", "worker_idle", "engine_checked"]);
});

test("a second ready of the same process changes nothing, not even while it drains", () => {
	up();
	slot.replace();
	heard.length = 0;
	child().says({ type: "ready" });
	expect(slot.state).toBe("draining");
	expect(heard).toEqual([]);
});

test("five crashes in a row end in quarantine, and a minute later it is tried once more", () => {
	for (const delay of [100, 200, 400, 800, 0]) {
		child().exits(1);
		vi.advanceTimersByTime(delay);
	}
	expect(slot.state).toBe("quarantined");
	expect(heard).toContain("quarantined 5");
	vi.advanceTimersByTime(60_000);
	expect(slot.state).toBe("starting");
	expect(slot.epoch).toBe(6);
});

test("a child that answers no ping for ten seconds is killed, and only its exit brings the successor", () => {
	up();
	child().answers = false;
	const silent = child();
	silent.kill = (signal) => void silent.signals.push(signal);
	vi.advanceTimersByTime(11_000);
	expect(silent.signals).toEqual(["SIGKILL"]);
	vi.advanceTimersByTime(5_000);
	expect(children).toHaveLength(1);
	silent.exits(null, "SIGKILL");
	vi.advanceTimersByTime(100);
	expect(children).toHaveLength(2);
});

test("a child that never gets ready is killed after its start time", () => {
	child().says({ type: "hello", role: "worker" });
	vi.advanceTimersByTime(121_000);
	expect(heard).toContain("exited null SIGKILL planned false inflight 0");
});

test("a child whose start can't be written down is started as soon as it can, not after its start time", async () => {
	noStart = new Error("EROFS: no epoch can be written");
	child().says({ type: "hello", role: "worker" });
	await vi.advanceTimersByTimeAsync(3_000);
	expect(heard.slice(2)).toEqual(Array(2).fill("failed 1 EROFS: no epoch can be written"));
	noStart = null;
	await vi.advanceTimersByTimeAsync(2_000);
	expect(child().told).toContainEqual({ type: "ask_stats" });
});

test("a start that could not be written down is not tried again for a child that is gone", async () => {
	noStart = new Error("EROFS: no epoch can be written");
	child().says({ type: "hello", role: "worker" });
	await slot.drain(500);
	await vi.advanceTimersByTimeAsync(5_000);
	expect(starts).toBe(1);
});

describe("an end that was asked for", () => {
	test("drains a ready child and has no successor", async () => {
		up();
		const ended = slot.drain(500);
		expect(child().told.at(-1)).toEqual({ type: "drain", timeoutMs: 500 });
		expect(slot.state).toBe("draining");
		child().exits(0);
		await ended;
		vi.advanceTimersByTime(60_000);
		expect(children).toHaveLength(1);
		expect(slot.state).toBe("down");
	});

	test("kills a child that was still starting", async () => {
		await slot.drain(500);
		expect(child().signals).toEqual(["SIGKILL"]);
	});

	test("calls off a respawn that was due", async () => {
		child().exits(1);
		await slot.drain(500);
		vi.advanceTimersByTime(60_000);
		expect(children).toHaveLength(1);
	});

	test("by a SIGTERM to a child that was still starting is no crash either, however often", () => {
		for (let n = 0; n < 6; n++) {
			child().exits(null, "SIGTERM");
			vi.advanceTimersByTime(0);
			expect(children).toHaveLength(n + 2);
		}
		expect(heard.filter((it) => it === "exited null SIGTERM planned true inflight 0")).toHaveLength(6);
		up();
		child().exits(null, "SIGTERM");
		expect(heard).toContain("exited null SIGTERM planned false inflight 0");
	});

	test("by the child itself is no crash: its successor starts at once", () => {
		up();
		child().says({ type: "draining" });
		expect(slot.state).toBe("draining");
		child().exits(0);
		vi.advanceTimersByTime(0);
		expect(children).toHaveLength(2);
		expect(heard).toContain("exited 0 null planned true inflight 0");
	});
});

test("a planned replacement drains only when told, and the slot is being replaced until the successor is ready", () => {
	up();
	expect(slot.replace()).toBe(true);
	expect([slot.state, slot.awaited]).toEqual(["draining", true]);
	const old = child();
	expect(old.told).not.toContainEqual({ type: "drain", timeoutMs: 500 });
	slot.drainForSuccessor(500, 700);
	expect(old.told).toContainEqual({ type: "drain", timeoutMs: 500 });
	old.exits(0, null);
	expect([slot.state, slot.awaited]).toEqual(["down", true]);
	vi.advanceTimersByTime(0);
	expect([slot.state, slot.awaited, slot.epoch]).toEqual(["starting", true, 2]);
	up();
	expect([slot.state, slot.awaited]).toEqual(["ready", false]);
	vi.advanceTimersByTime(1_000);
	expect(old.signals).toEqual([]);
});

test("a child that does not end in its drain time is killed, and nobody is promised a successor any more", () => {
	up();
	slot.replace();
	slot.drainForSuccessor(500, 700);
	vi.advanceTimersByTime(700);
	expect(child().signals).toEqual(["SIGKILL"]);
	expect([slot.state, slot.awaited]).toEqual(["down", false]);
});

test("a slot that is not ready is not replaced: whoever comes up is new", () => {
	expect(slot.replace()).toBe(false);
	child().exits(1, null);
	expect(slot.replace()).toBe(false);
});
