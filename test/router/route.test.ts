// The routing decision as a table: method and target in, route out.
import { describe, expect, test } from "vitest";
import type { SessionId } from "../../src/base/ids.js";
import { PARTITION_COUNT, PartitionMap, partitionOf } from "../../src/base/partitions.js";
import { route as decide } from "../../src/router/route.js";

const ID = "1f0123456789abcdef0123456789abcd";
const PASS_THROUGH = ["/v1/models", "/some/engine/path"];
const route = (method: string, target: string) => decide(method, target, PASS_THROUGH);

describe("where a request goes", () => {
	test.each([
		["GET", "/health", "local"],
		["HEAD", "/health", "local"],
		["GET", "/health?x=1", "local"],
		["GET", "/cluster", "local"],
		["GET", "/metrics", "local"],
		["POST", "/sessions", "create"],
		["GET", "/sessions", "list"],
		["GET", `/sessions/${ID}`, "session"],
		["DELETE", `/sessions/${ID}`, "session"],
		["GET", `/sessions/${ID}?payloads=none`, "session"],
		["POST", `/sessions/${ID}/v1/chat/completions`, "session"],
		["POST", `/sessions/${ID}/samples`, "session"],
		["POST", `/sessions/${ID}/extend`, "session"],
		["GET", `/sessions/${ID}/v1/model_info`, "session"],
		["PUT", `/sessions/${ID}/some/engine/path`, "session"],
		["GET", `/sessions/${ID}/v1/models/Qwen/Qwen3-8B`, "session"],
		["GET", `/sessions/${ID}/v1/models/Qwen%2FQwen3-8B`, "session"],
		["GET", `/sessions/${ID}/v1/models/Qwen%2fQwen2.5-7B%3Aadapter?x=%2e`, "session"],
		["GET", "/sessions/own-id_1.x", "session"],
		["GET", `/sessions/${"a".repeat(128)}`, "session"],
	])("%s %s is the %s route", (method, target, kind) => {
		expect(route(method, target).kind).toBe(kind);
	});

	test.each(["/health", "/cluster", "/metrics"] as const)("%s is answered by the router itself", (path) => {
		expect(route("GET", path)).toEqual({ kind: "local", path });
	});

	test("a minted id names its partition in its first two digits", () => {
		expect(route("GET", `/sessions/${ID}`)).toEqual({
			kind: "session",
			id: ID,
			partition: 0x1f,
			path: "/sessions/{id}",
		});
	});

	test("an id of the client's own goes where its hash says, within the partitions", () => {
		const decision = route("GET", "/sessions/my-id");
		expect(decision).toMatchObject({ kind: "session", partition: partitionOf("my-id" as SessionId) });
		expect(partitionOf("my-id" as SessionId)).toBeLessThan(PARTITION_COUNT);
		expect(new PartitionMap(3).workerOf("my-id" as SessionId)).toBeLessThan(3);
	});

	test.each([
		["/sessions", 0],
		["/sessions?limit=5", 0],
		["/sessions?cursor=3%3Aabc", 3],
		["/sessions?limit=2&cursor=12:", 12],
	])("%s lists from worker %i", (target, worker) => {
		expect(route("GET", target)).toEqual({ kind: "list", worker, path: "/sessions" });
	});
});

describe("what is refused", () => {
	test.each([
		["GET", "/", "not_found"],
		["GET", "/nothing", "not_found"],
		["GET", "/health/", "not_found"],
		["GET", `/sessions/${ID}/`, "not_found"],
		["GET", `/sessions/${ID}/nothing`, "not_found"],
		["POST", `/sessions/${ID}/tokenize`, "not_found"],
		["POST", `/sessions/${ID}/v1/completions`, "path_not_allowed"],
		["GET", "http://host/health", "invalid_request"],
		["OPTIONS", "*", "invalid_request"],
		["GET", "//host/x", "invalid_request"],
		["GET", `/sessions/${ID}/v1/models/a%2F..%2Fgenerate`, "invalid_request"],
		["GET", `/sessions/${ID}/v1/models/%2e%2e/generate`, "invalid_request"],
		["GET", `/sessions/${ID}/v1/models/..%2f..%2fgenerate`, "invalid_request"],
		["GET", `/sessions/${ID}/v1/models/a%252F%00`, "invalid_request"],
		["GET", `/sessions/${ID}/v1/models%2Fx`, "invalid_request"],
		["GET", `/sessions/${ID}/v1%2Fmodels/x`, "invalid_request"],
		["GET", `/sessions/${ID}/generate%2Fx`, "invalid_request"],
		["GET", "/\\host", "invalid_request"],
		["GET", `/sessions/${ID}/../x`, "invalid_request"],
		["GET", `/sessions/./x`, "invalid_request"],
		["GET", "/..", "invalid_request"],
		["GET", `/sessions/${ID}/%2e%2e/x`, "invalid_request"],
		["GET", `/sessions/${ID}%2Fv1`, "invalid_request"],
		["GET", `/sessions/${ID}%5cv1`, "invalid_request"],
		["GET", `/sessions/${ID}%00`, "invalid_request"],
		["GET", `/sessions/${ID}/%zz`, "invalid_request"],
		["GET", `/sessions/${ID}/%4`, "invalid_request"],
		["GET", `/sessions/${ID}#x`, "invalid_request"],
		["GET", "/sessions/\xe9", "invalid_request"],
		["GET", "/sessions/", "invalid_id"],
		["GET", "/sessions//v1/models", "invalid_id"],
		["GET", "/sessions/.hidden", "invalid_id"],
		["GET", `/sessions/${"a".repeat(129)}`, "invalid_id"],
		["GET", "/sessions/a%20b", "invalid_id"],
		["GET", "/sessions/a~b", "invalid_id"],
		["GET", "/sessions?cursor=nonsense", "invalid_request"],
		["GET", "/sessions?cursor=", "invalid_request"],
		["GET", `/${"a".repeat(8 * 1024)}`, "uri_too_long"],
	])("%s %s is refused with %s", (method, target, code) => {
		expect(route(method, target)).toMatchObject({ kind: "reject", error: { code } });
	});

	test.each([
		["POST", "/health", "GET, HEAD"],
		["DELETE", "/cluster", "GET, HEAD"],
		["PUT", "/sessions", "GET, HEAD, POST"],
		["POST", `/sessions/${ID}`, "DELETE, GET, HEAD"],
		["TRACE", `/sessions/${ID}`, "DELETE, GET, HEAD"],
		["GET", `/sessions/${ID}/v1/chat/completions`, "POST"],
		["GET", `/sessions/${ID}/samples`, "POST"],
		["DELETE", `/sessions/${ID}/extend`, "POST"],
		["POST", `/sessions/${ID}/v1/model_info`, "GET, HEAD"],
		["TRACE", `/sessions/${ID}/v1/models`, "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"],
	])("%s %s is 405 and allows %s", (method, target, allow) => {
		expect(route(method, target)).toMatchObject({
			kind: "reject",
			error: { code: "method_not_allowed", allow },
		});
	});

	test("a percent escape of a harmless byte below a session is read as the worker reads it", () => {
		expect(route("POST", `/sessions/${ID}/sample%73`).kind).toBe("session");
		expect(route("GET", `/sessions/${ID}/v1/models/a%20b`).kind).toBe("session");
		expect(route("GET", `/sessions/${ID}/%ff`)).toMatchObject({ error: { code: "not_found" } });
	});

	test("a bad id is named before an unknown path below it", () => {
		expect(route("GET", "/sessions/a~b/nothing")).toMatchObject({ error: { code: "invalid_id" } });
	});
});
