// The table of paths as a decision: every method on every path, and what an unknown one is told.
import { describe, expect, test } from "vitest";
import type { RollpinError } from "../../src/base/errors.js";
import { OWN_METHODS, PATHS, sessionPath, topPath, workerOfPath } from "../../src/base/paths.js";

const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"];
/** Written out once more, so that a path that loses a method is seen. */
const ALLOW: Record<keyof typeof PATHS, string> = {
	"/health": "GET, HEAD",
	"/ready": "GET, HEAD",
	"/cluster": "GET, HEAD",
	"/cluster/workers/{worker}/drain": "POST",
	"/cluster/workers/{worker}/undrain": "POST",
	"/metrics": "GET, HEAD",
	"/sessions": "GET, HEAD, POST",
	"/sessions/{id}": "DELETE, GET, HEAD",
	"/sessions/{id}/cancel": "POST",
	"/sessions/{id}/extend": "POST",
	"/sessions/{id}/samples": "POST",
	"/sessions/{id}/turns": "GET, HEAD",
	"/sessions/{id}/verify": "POST",
	"/sessions/{id}/v1/chat/completions": "POST",
	"/sessions/{id}/v1/model_info": "GET, HEAD",
	"/sandboxes": "DELETE, GET, HEAD, POST",
	"/sandboxes/{sandbox}": "DELETE, GET, HEAD",
	"/sandboxes/{sandbox}/exec": "POST",
	"/sandboxes/{sandbox}/exec/{exec}": "DELETE, GET, HEAD",
	"/sandboxes/{sandbox}/files": "GET, HEAD, PUT",
	"/sandboxes/{sandbox}/extend": "POST",
	"/v1/sandboxes": "GET, HEAD, POST",
	"/v1/sandboxes/{sandbox}": "DELETE, GET, HEAD",
	"/v1/sandboxes/{sandbox}/renew-expiration": "POST",
	"/v1/sandboxes/{sandbox}/endpoints/{port}": "GET, HEAD",
	"/v1/sandboxes/{sandbox}/proxy/{port}/{rest}": "DELETE, GET, HEAD, POST",
	"/sessions/{id}/sandbox": "DELETE, GET, HEAD, POST",
	"/sessions/{id}/sandbox/exec": "POST",
	"/sessions/{id}/sandbox/exec/{exec}": "DELETE, GET, HEAD",
	"/sessions/{id}/sandbox/files": "GET, HEAD, PUT",
	"/sessions/{id}/sandbox/extend": "POST",
	"/v1/sessions": "POST",
	"/v1/sessions/{sandbox}": "DELETE",
	"/v1/sessions/{sandbox}/bash": "POST",
	"/v1/files": "GET, HEAD, POST",
	"/v1/files/{file}": "DELETE, GET, HEAD",
};
const SESSION = "/sessions/{id}";
const BELOW = Object.keys(ALLOW)
	.filter((path) => path.startsWith(`${SESSION}/`))
	.map((path) => path.slice(SESSION.length))
	.join(", ");
const find = (method: string, path: string) =>
	path.startsWith(SESSION)
		? sessionPath(method, path.slice(SESSION.length), ["/v1/models"])
		: topPath(method, path);

describe("the table of paths", () => {
	test.each(Object.entries(ALLOW))(
		"%s takes %s, and any other method is a 405 that says so",
		(path, allow) => {
			const taken = METHODS.filter((method) => find(method, path) === path);
			expect(taken.sort().join(", ")).toBe(allow);
			for (const method of METHODS.filter((each) => !taken.includes(each))) {
				expect(find(method, path)).toMatchObject({
					code: "method_not_allowed",
					status: 405,
					allow,
					message: `${method} is not allowed here; use ${allow}`,
				});
			}
		},
	);

	test("holds no path that is not listed here, and all its methods together", () => {
		expect(Object.keys(PATHS)).toEqual(Object.keys(ALLOW));
		expect(OWN_METHODS).toBe("DELETE, GET, HEAD, POST, PUT");
	});
});

test("a worker's path names one of those that there are, by its plain number", () => {
	expect(workerOfPath("/cluster/workers/2/drain", 3)).toBe(2);
	for (const text of ["3", "-1", "x", "1e0", "%32", "0x1"]) {
		expect(workerOfPath(`/cluster/workers/${text}/drain`, 3)).toMatchObject({
			code: "not_found",
			message: `no such worker: ${text}; they are numbered from 0 to 2`,
		});
	}
	expect(topPath("POST", "/cluster/workers/drain")).toMatchObject({ code: "not_found" });
	expect(topPath("POST", "/cluster/workers/1/x/drain")).toMatchObject({ code: "not_found" });
});

describe("a path below a session that is not ours", () => {
	test("is the engine's when it is passed through, by every method that can be", () => {
		const taken = METHODS.filter((method) => sessionPath(method, "/tokenize", ["/tokenize"]) === "engine");
		expect(taken).toEqual(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);
		expect(sessionPath("TRACE", "/tokenize", ["/tokenize"])).toMatchObject({
			status: 405,
			allow: "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT",
		});
	});

	test.each(METHODS)("%s of an unknown one is a 404 that names what there is", (method) => {
		const refusal = sessionPath(method, "/nothing", ["/v1/models", "/tokenize"]) as RollpinError;
		expect(refusal).toMatchObject({ code: "not_found", status: 404 });
		expect(BELOW).toContain("/extend, /samples, ");
		expect(refusal.message).toBe(
			`no such path below a session: /nothing; there are ${BELOW}, and the engine's /v1/models, /tokenize (--pass-through)`,
		);
	});

	test("without --pass-through names our own paths alone", () => {
		expect((sessionPath("GET", "/nothing", []) as RollpinError).message).toBe(
			`no such path below a session: /nothing; there are ${BELOW}`,
		);
	});

	test.each([
		["GET", "/v1/models/m", "engine"],
		["HEAD", "/v1/models/a/b", "engine"],
	])("%s %s goes where /v1/models goes", (method, tail, found) => {
		expect(sessionPath(method, tail, ["/v1/models"])).toBe(found);
		expect(sessionPath(method, tail, [])).toMatchObject({ code: "not_found" });
	});

	test.each([
		["POST", "/v1/models/m", "path_not_allowed", "/v1/models/m takes GET and HEAD"],
		[
			"POST",
			"/chat/completions",
			"not_found",
			"/chat/completions lacks /v1: an agent's base URL is /sessions/{id}/v1",
		],
		["POST", "/generate", "path_not_allowed", "/generate would be a generation that is in no record"],
	])("%s %s is told why", (method, tail, code, message) => {
		const refusal = sessionPath(method, tail, ["/v1/models"]) as RollpinError;
		expect(refusal).toMatchObject({ code, status: 404 });
		expect(refusal.message).toContain(message);
	});

	test("of our own wins over one that is passed through by the same name", () => {
		expect(sessionPath("GET", "/samples", ["/samples"])).toMatchObject({ status: 405, allow: "POST" });
	});
});
