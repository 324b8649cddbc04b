// The worker serves the table of paths and nothing else, and refuses in the router's words.
import { afterAll, beforeAll, expect, it } from "vitest";
import type { RollpinError } from "../../src/base/errors.js";
import { PATHS, sessionPath, topPath } from "../../src/base/paths.js";
import { startRig, type WorkerRig } from "../support/worker-rig.js";

const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"];
const PASS_THROUGH = ["/v1/models"];
let rig: WorkerRig;
beforeAll(async () => {
	rig = await startRig({ passThroughPaths: PASS_THROUGH });
});
afterAll(() => rig.close());

const served = Object.entries(PATHS).filter(([, { answeredBy }]) => answeredBy === "worker");
const unserved = ["/nothing", "/sessions/{id}/nothing", "/sessions/{id}/", "/sessions/{id}/generate"];
const decide = (method: string, path: string) =>
	path.startsWith("/sessions/{id}")
		? sessionPath(method, path.slice("/sessions/{id}".length), PASS_THROUGH)
		: topPath(method, path);

it.each(
	served.flatMap(([path, { methods }]) =>
		METHODS.map((method) => [method, path, method in methods] as const),
	),
)("%s %s: served is %s", async (method, path, isServed) => {
	const { status, headers, json } = await rig.request(method, path.replace("{id}", "a"));
	if (isServed) {
		expect([404, 405].includes(status) ? json.error?.code : "served").not.toMatch(/^not_found|^method|^path/);
		expect(headers["x-rollpin-worker"]).toBe("0");
		return;
	}
	const refusal = decide(method, path) as RollpinError;
	expect([status, headers["allow"]]).toEqual([405, refusal.allow]);
	expect(json.error).toMatchObject({ code: refusal.code, message: refusal.message });
});

it.each(unserved.flatMap((path) => METHODS.map((method) => [method, path] as const)))(
	"%s %s is a 404",
	async (method, path) => {
		const { status, json } = await rig.request(method, path.replace("{id}", "a"));
		expect(status).toBe(404);
		const refusal = decide(method, path) as RollpinError;
		expect(json.error).toMatchObject({ code: refusal.code, message: refusal.message });
	},
);

it("the router's own paths are a fault of ours here, not a client's", async () => {
	expect((await rig.request("GET", "/health")).json.error?.code).toBe("internal");
});
