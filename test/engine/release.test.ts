// What an engine's own words mean: does it fit, how does it spell tools.
import { describe, expect, test } from "vitest";
import type { EngineIdentity } from "../../src/engine/engine.js";
import { engineIdentity, identityOf, type SglangIdentity } from "../../src/engine/sglang/release.js";

const sglang = (release: string): SglangIdentity => ({ kind: "sglang", release });

function told(identity: SglangIdentity): Extract<EngineIdentity, { kind: "answered" }> {
	const told = engineIdentity(identity);
	if (told.kind !== "answered") throw new Error("nobody answered");
	return told;
}

describe("an SGLang release", () => {
	test.each([
		["0.4.10.post2", 1, true],
		["0.5.9", 1, true],
		["0.5.12", 1, true],
		["0.5.12.post1", 1, true],
		["0.5.13", 2, false],
		["0.5.13rc0", 2, false],
		["0.5.13.post1", 2, false],
		["v0.5.16", 2, false],
		["0.5.22", 2, false],
		["0.5.23", 3, false],
		["0.5.23.dev17+g0123abc", 3, false],
		["0.5.100", 3, false],
		["0.6", 3, false],
		["1.0.0", 3, false],
	])("%s spells tools by schema %i; refused: %s", (release, schema, refused) => {
		expect(identityOf(200, { version: release })).toEqual(sglang(release));
		expect(told(sglang(release))).toMatchObject({ engine: "sglang", release, toolSchema: schema });
		expect(told(sglang(release)).unfit !== null).toBe(refused);
	});

	test("before 0.5.13 is refused with the reason", () => {
		expect(told(sglang("0.5.12")).unfit).toBe(
			"it is SGLang 0.5.12, whose chats have no input_ids; 0.5.13 is the first release that has",
		);
	});
});

test("sglang-router is known by its own server info, and refused by name", () => {
	const identity = identityOf(200, { router_manager: true, routers_count: 1, workers_count: 1 });
	expect(identity).toEqual({ kind: "sglang-router" });
	expect(told({ kind: "sglang-router" }).unfit).toMatch(/^it is sglang-router, which drops input_ids/);
});

test.each([
	[404, { error: {} }],
	[401, { error: "key" }],
	[200, undefined],
	[200, null],
	[200, []],
	[200, { model_path: "x" }],
	[200, { version: 5 }],
	[503, { version: "0.5.23" }],
])("status %i with %j says nothing", (status, body) => {
	expect(identityOf(status, body)).toBeNull();
});

test.each(["", "0.0.0", "0.0.0.dev1+gabc", "main", "5"])(
	"the version %j names no release: unknown, without a tool schema, and not refused",
	(version) => {
		const identity = identityOf(200, { version }) ?? sglang("");
		expect(identity.kind).toBe("unknown");
		expect(told(identity)).toMatchObject({ engine: "unknown", release: null, toolSchema: null, unfit: null });
		expect(told(identity).name).toContain(JSON.stringify(version));
	},
);
