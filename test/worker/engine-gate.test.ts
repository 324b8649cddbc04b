// The gate between chats and an engine that may be another one by now.
import { expect, test } from "vitest";
import type { EngineIdentity } from "../../src/engine/engine.js";
import { engineIdentity } from "../../src/engine/sglang/release.js";
import type { ToolSchemaVersion } from "../../src/tito/tools.js";
import { EngineChecker } from "../../src/worker/engine-checker.js";
import { EngineGate } from "../../src/worker/engine-gate.js";

const release = (version: string): EngineIdentity => engineIdentity({ kind: "sglang", release: version });
const UP = release("0.5.23");
const DOWN: EngineIdentity = { kind: "unreachable", code: "ECONNREFUSED" };
const SILENT: EngineIdentity = { kind: "unreachable", code: "TIMEOUT" };

function rig(
	answers: EngineIdentity[],
	toolSchemaVersion: ToolSchemaVersion | "auto" = "auto",
	checker: EngineChecker | null = null,
) {
	const state = { reads: 0, nowMs: 0, schemas: [] as number[], told: [] as string[] };
	const gate = new EngineGate({
		url: "http://engine",
		toolSchemaVersion,
		read: async () => answers[Math.min(state.reads++, answers.length - 1)] ?? DOWN,
		useToolSchema: (version) => state.schemas.push(version),
		onRead: (identity, version) => state.told.push(`${identity.engine} ${version}`),
		nowMs: () => state.nowMs,
		checker,
	});
	return { gate, state };
}

test("the engine is asked once, by however many chats", async () => {
	const { gate, state } = rig([UP]);
	await Promise.all([gate.pass(), gate.pass(), gate.look()]);
	await gate.pass();
	expect(state).toMatchObject({ reads: 1, schemas: [3], told: ["sglang 3"] });
});

test("a chat waits for the engine's release before it is rendered", async () => {
	const { gate, state } = rig([release("0.5.16")]);
	await gate.pass();
	expect(state.schemas.at(-1)).toBe(2);
});

test("while nobody answers each chat asks again, so that the first one through is rendered right", async () => {
	const { gate, state } = rig([DOWN, DOWN, UP]);
	expect(await gate.look()).toBeNull();
	await gate.pass();
	await gate.pass();
	expect(state).toMatchObject({ reads: 3, schemas: [3], told: ["sglang 3"] });
});

test("an engine that keeps silent holds up a chat now and then, not every one", async () => {
	const { gate, state } = rig([SILENT]);
	await gate.pass();
	await gate.pass();
	expect(state.reads).toBe(1);
	state.nowMs = 1_500;
	await gate.pass();
	expect(state.reads).toBe(2);
});

test("an engine that was away is asked again, and told of only when it is another one", async () => {
	const { gate, state } = rig([UP, UP, release("0.5.20")]);
	await gate.pass();
	gate.forget();
	await gate.pass();
	expect(state.told).toEqual(["sglang 3"]);
	gate.forget();
	await gate.pass();
	expect(state).toMatchObject({ schemas: [3, 3, 2], told: ["sglang 3", "sglang 2"] });
});

test("an engine that does not say its release spells tools as the newest does", async () => {
	const { gate, state } = rig([engineIdentity({ kind: "unknown", reason: "a gateway" })]);
	await gate.pass();
	expect(state).toMatchObject({ schemas: [3], told: ["unknown 3"] });
});

test("a chosen tool schema stands, whatever the engine is", async () => {
	const { gate, state } = rig([UP], 2);
	await gate.pass();
	expect(state.schemas).toEqual([2, 2]);
});

test("an engine without input_ids, or behind sglang-router, gets no chat", async () => {
	const { gate } = rig([release("0.5.12")]);
	expect(await gate.look()).toMatch(/^the engine at http:\/\/engine cannot be used: it is SGLang 0\.5\.12/);
	await expect(gate.pass()).rejects.toMatchObject({ code: "upstream_unfit", status: 502 });
	const { gate: routed } = rig([engineIdentity({ kind: "sglang-router" })]);
	await expect(routed.pass()).rejects.toThrow(/sglang-router, which drops input_ids/);
});

test("an engine that cannot be used is asked again, though no chat goes there: another one may have taken its place", async () => {
	const { gate, state } = rig([release("0.5.12"), release("0.5.12"), DOWN, UP]);
	await expect(gate.pass()).rejects.toMatchObject({ code: "upstream_unfit" });
	await expect(gate.pass()).rejects.toMatchObject({ code: "upstream_unfit" });
	expect(state.reads).toBe(1);
	state.nowMs = 1_500;
	await expect(gate.pass()).rejects.toMatchObject({ code: "upstream_unfit" });
	expect([state.reads, gate.unfit]).toEqual([2, expect.stringContaining("0.5.12")]);
	state.nowMs = 3_000;
	await gate.look();
	expect(gate.unfit).not.toBeNull();
	await gate.pass();
	expect([state.reads, gate.unfit]).toEqual([4, null]);
});

test("an engine that renders otherwise counts as unfit where such a one gets no chat", async () => {
	const row = { conversation: "plain", tokens: 1, template: "differs", family: "same" } as const;
	const finding = { position: 0, ours: "a", engine: "b" };
	const checker = new EngineChecker(
		{
			mode: "refuse",
			url: "http://engine",
			run: async () => ({ result: "differs", by: "tokenize", rows: [{ ...row, finding }] }),
			onResult: () => undefined,
		},
		false,
	);
	const { gate } = rig([UP], "auto", checker);
	expect(gate.unfit).toBeNull();
	await expect(gate.pass()).rejects.toMatchObject({ code: "upstream_unfit" });
	expect(gate.unfit).toContain("http://engine");
	gate.forget();
	expect(gate.unfit).toBeNull();
});
