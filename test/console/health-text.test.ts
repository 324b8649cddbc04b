// Whether a cluster is well, what is not, and what to do about it.
import { expect, test } from "vitest";
import { complaints, isFine } from "../../src/console/health-text.js";

test.each<
	[Parameters<typeof complaints>[0]["health"], Parameters<typeof complaints>[0]["cluster"], boolean, string[]]
>([
	[{ status: "ok" }, {}, true, []],
	[
		{ status: "ok", checks: { engine_check: "none", engine: "unknown", store: "ok" } },
		{ not_ready: [] },
		true,
		[],
	],
	[
		{ status: "degraded", checks: { store: "low", engine: "failing", log: "ok" } },
		{ checks: { store: { detail: "free space" }, engine: { detail: null }, log: { detail: "never shown" } } },
		false,
		["NOT OK: store low: free space", "NOT OK: engine failing"],
	],
	[{ status: "ok", checks: { engine_check: "differs" } }, {}, false, ["NOT OK: engine_check differs"]],
	[{ status: "draining" }, {}, false, []],
	[
		{ status: "ok", checks: {} },
		{ not_ready: ["a", "b\u001b"] },
		false,
		["NOT READY for new sessions: a; b\\e"],
	],
	[{ status: "ok", checks: { odd: { a: "\u009b" } } }, {}, false, ['NOT OK: odd {"a":"\\u{9b}"}']],
])("%j and %j: %s, %j", (health, cluster, fine, lines) => {
	expect([isFine({ health, cluster }), complaints({ health, cluster })]).toEqual([fine, lines]);
});
