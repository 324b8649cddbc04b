// What a pass of the reaper does with what it finds: a table of its decisions, and passes over real processes.
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { FoundSandbox, SandboxBackend } from "../../src/sandbox/backend.js";
import { troubleOf, verdictOf } from "../../src/sandbox/reaper.js";
import { NOTHING_ASKED } from "../../src/sandbox/request.js";
import { type SandboxRoom, sandboxRoom } from "../support/sandbox-room.js";

const never = new AbortController().signal;

describe("The reaper's verdict", () => {
	const found: FoundSandbox = {
		id: "x",
		instance: "own",
		createdMs: 1_000_000,
		ceilingMs: 1_500_000,
		running: true,
	};
	const at = { instance: "own", maxTtlMs: 2_000_000, nowMs: 1_400_000 };
	const running = { state: "running" as const, deadlineMs: 1_450_000 };
	const rows: Array<[string, Partial<FoundSandbox>, Parameters<typeof verdictOf>[1], number, string]> = [
		["one that lives in its time", {}, running, 1_449_999, "keep"],
		["one at its announced end", {}, running, 1_450_000, "overdue"],
		["one that has stopped", { running: false }, running, 1_400_000, "ended"],
		["one that is being made", { running: false }, { ...running, state: "creating" }, 1_400_000, "keep"],
		["one whose end is known", {}, { ...running, state: "ended" }, 1_400_000, "ended"],
		["ours that no record knows", {}, undefined, 1_400_000, "orphan"],
		["another's before its time", { instance: "b" }, undefined, 1_559_999, "keep"],
		["another's a minute after", { instance: "b" }, undefined, 1_560_001, "foreign_overdue"],
		["another's without a ceiling", { instance: "b", ceilingMs: null }, undefined, 3_060_000, "keep"],
		["the same, later", { instance: "b", ceilingMs: null }, undefined, 3_060_001, "foreign_overdue"],
		["one of nobody", { instance: null, ceilingMs: null }, undefined, 3_060_001, "foreign_overdue"],
	];
	it.each(rows)("of %s", (_name, over, record, nowMs, verdict) => {
		expect(verdictOf({ ...found, ...over }, record, { ...at, nowMs })).toBe(verdict);
	});
});

it("The reaper's trouble is a failed pass, or none for a minute and a half", () => {
	expect(troubleOf({ ageS: 90, failure: null })).toBeNull();
	expect(troubleOf({ ageS: 91, failure: null })).toContain("has ended for a long time");
	expect(troubleOf({ ageS: 0, failure: "no list" })).toContain("(no list)");
});

describe("A pass of the reaper", () => {
	let room: SandboxRoom;
	beforeEach(() => {
		room = sandboxRoom();
	});
	afterEach(() => room.stop());

	const make = (sandboxes: Awaited<ReturnType<SandboxRoom["start"]>>) =>
		sandboxes.create(NOTHING_ASKED, { key: null, fingerprint: "" });

	it("finds what was lost, ends what nobody knows, and leaves what lives", async () => {
		const sandboxes = await room.start();
		const [kept, lost, orphan] = [await make(sandboxes), await make(sandboxes), await make(sandboxes)];
		rmSync(join(room.root, lost.id), { recursive: true });
		await sandboxes.close();
		rmSync(join(room.root, "..", "records", `${orphan.id}.json`));
		const later = await room.start();
		await later.reaper.pass();
		const left: string[] = [];
		for await (const { id } of room.backend.list(never)) left.push(id);
		expect(left).toEqual([kept.id]);
		expect(later.get(kept.id).state).toBe("running");
		expect(() => later.get(lost.id)).toThrow(expect.objectContaining({ code: "sandbox_lost" }));
		expect(later.reaper.figures()).toMatchObject({ failures: 0, failure: null });
	});

	it("fails closed: without a ceiling that can be read, one that nobody owns ends when none may live any more", async () => {
		const sandboxes = await room.start();
		const made = await make(sandboxes);
		await sandboxes.close();
		writeFileSync(join(room.root, made.id, "meta.json"), "{damaged");
		rmSync(join(room.root, "..", "records", `${made.id}.json`));
		const early = await room.start({ maxTtlS: 900 });
		expect(await early.reaper.pass()).toBe(0);
		await early.close();
		const late = await room.start({ maxTtlS: -61, ttlS: 1 });
		await late.reaper.pass();
		const left: string[] = [];
		for await (const { id } of room.backend.list(never)) left.push(id);
		expect(left).toEqual([]);
	});

	it("tells a list that fails as an error, and ends nothing for it", async () => {
		let fails = true;
		const flaky: SandboxBackend = new Proxy(room.backend, {
			get(target, name) {
				if (name === "list" && fails) {
					return async function* () {
						yield* [];
						throw new Error("no list");
					};
				}
				const value = Reflect.get(target, name) as unknown;
				return typeof value === "function" ? value.bind(target) : value;
			},
		});
		const sandboxes = await room.start({}, flaky);
		const made = await make(sandboxes);
		await sandboxes.reaper.pass();
		expect(sandboxes.get(made.id).state).toBe("running");
		expect(sandboxes.reaper.figures()).toMatchObject({ failure: "no list" });
		expect(room.events.some(({ event }) => event === "sandbox_reap_failed")).toBe(true);
		fails = false;
		await sandboxes.reaper.pass();
		expect(sandboxes.reaper.figures()).toMatchObject({ failures: 0, failure: null });
	});

	it("goes on past one that cannot be ended, and ends it later", async () => {
		let stuck = "";
		const flaky: SandboxBackend = new Proxy(room.backend, {
			get(target, name) {
				const value = Reflect.get(target, name) as unknown;
				if (name === "remove") {
					return (id: string, signal: AbortSignal) =>
						id === stuck ? Promise.reject(new Error("stuck")) : target.remove(id, signal);
				}
				return typeof value === "function" ? value.bind(target) : value;
			},
		});
		const sandboxes = await room.start({}, flaky);
		const [first, second] = [await make(sandboxes), await make(sandboxes)];
		stuck = first.id;
		await expect(sandboxes.remove(first.id, "deleted")).rejects.toThrow("stuck");
		rmSync(join(room.root, second.id), { recursive: true });
		await sandboxes.reaper.pass();
		expect(() => sandboxes.get(second.id)).toThrow(expect.objectContaining({ code: "sandbox_lost" }));
		expect(sandboxes.reaper.figures().failures).toBeGreaterThan(0);
		stuck = "";
		await sandboxes.reaper.pass();
		const left: string[] = [];
		for await (const { id } of room.backend.list(never)) left.push(id);
		expect(left).toEqual([]);
		expect(sandboxes.reaper.figures()).toMatchObject({ failures: 0 });
	});
});
