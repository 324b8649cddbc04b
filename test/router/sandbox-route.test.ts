// Requests about sandboxes, without the process that makes them and while it is away.
import { afterEach, expect, it } from "vitest";
import { type RouterRig, startRouter } from "../support/router-rig.js";
import { ask } from "../support/sandbox-cluster.js";

let rig: RouterRig;
afterEach(() => rig.close());

const PATHS = [
	["POST", "/sandboxes"],
	["GET", "/sandboxes"],
	["GET", "/sandboxes/sbx-0"],
	["POST", "/sandboxes/sbx-0/exec"],
	["PUT", "/sandboxes/sbx-0/files"],
] as const;

it("without --sandbox are 501 on every path, with the flag's name", async () => {
	rig = await startRouter([null]);
	for (const [method, path] of PATHS) {
		const answer = await ask(rig.url, method, path, method === "GET" ? undefined : {});
		expect([answer.status, answer.json.error.code]).toEqual([501, "sandbox_not_configured"]);
		expect(answer.json.error.message).toContain("--sandbox");
	}
});

it("while it is away are 503 with Retry-After, also when its socket is gone", async () => {
	rig = await startRouter([null]);
	const status = { pid: 1, epoch: 1 };
	const gone = { kind: "socket", path: "/nonexistent/s" } as const;
	for (const sandbox of [
		{ ...status, state: "down", address: null } as const,
		{ ...status, state: "ready", address: gone } as const,
	]) {
		rig.router.update({ ...rig.snapshot, sandbox });
		for (const [method, path] of PATHS) {
			const answer = await ask(rig.url, method, path, method === "GET" ? undefined : {});
			expect([answer.status, answer.json.error.code]).toEqual([503, "sandbox_backend_unavailable"]);
			expect(answer.headers.get("retry-after")).toBe("1");
		}
	}
});

it("are refused to other services' clients in the words of those, whoever answers", async () => {
	rig = await startRouter([null], { authToken: "t" });
	const get = (headers: Record<string, string>, path = "/v1/sandboxes/sbx-0") =>
		ask(rig.url, "GET", path, undefined, headers);
	const told = ({ status, json }: Awaited<ReturnType<typeof get>>) => [
		status,
		json.code,
		typeof json.message,
	];
	const key = { "OPEN-SANDBOX-API-KEY": "t" };
	expect(told(await get({ "OPEN-SANDBOX-API-KEY": "x" }))).toEqual([401, "unauthorized", "string"]);
	expect(told(await get({ ...key, authorization: "Bearer t" }))).toEqual([401, "unauthorized", "string"]);
	expect(told(await get(key))).toEqual([501, "sandbox_not_configured", "string"]);
	expect(told(await get(key, "/v1/sandboxes/sbx-0/pause"))).toEqual([404, "not_found", "string"]);
	const deleted = (headers: Record<string, string>) =>
		ask(rig.url, "DELETE", "/v1/sessions/sbx-0", undefined, headers);
	expect((await deleted({})).json).toEqual({ detail: "a valid bearer token is required" });
	expect([(await deleted(key)).status, typeof (await deleted(key)).json.detail]).toEqual([501, "string"]);
	expect((await get(key, "/sandboxes/sbx-0")).json.error.code).toBe("sandbox_not_configured");
});
