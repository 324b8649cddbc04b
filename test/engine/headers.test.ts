// Owns the tables of which headers cross, in both directions.
import { describe, expect, it } from "vitest";
import { clientHeaders, upstreamHeaders } from "../../src/engine/http/headers.js";

const ours = ["X-SMG-Routing-Key", "s1", "accept-encoding", "identity"];

describe("upstreamHeaders", () => {
	const send = (client: string[], forwardAuthorization = false): string[] =>
		upstreamHeaders(client, { routingKey: "s1", forwardAuthorization });

	it.each([
		["Content-Type", "application/json; charset=utf-8"],
		["Accept", "*/*"],
		["traceparent", "00-1-1-01"],
		["tracestate", "a=b"],
		["X-Request-Id", "r1"],
		["X-Custom", "caf\u00e9"],
	])("forwards %s", (name, value) => {
		expect(send([name, value])).toEqual([name.toLowerCase(), value, ...ours]);
	});

	it.each([
		"Host",
		"Connection",
		"Keep-Alive",
		"TE",
		"Transfer-Encoding",
		"Content-Length",
		"Content-Encoding",
		"Expect",
		"Upgrade",
		"Cookie",
		"Proxy-Authorization",
		"Accept-Encoding",
		"X-Rollpin-Worker",
		"X-Forwarded-For",
		"X-Real-IP",
		"X-SMG-Routing-Key",
		"x-smg-routing-KEY",
		"Authorization",
		"X-API-Key",
		"x-goog-api-key",
		"Api-Key",
		"X-Auth-Token",
		"X-Amz-Security-Token",
		"X-Vault-Token",
		"X-Session-Cookie",
		"x-access-key",
		"User-Agent",
	])("does not forward %s", (name) => {
		expect(send([name, "value"])).toEqual(ours);
	});

	it.each(["X-API-Key", "Cookie", "X-Auth-Token"])("forwards %s when told", (name) => {
		expect(send([name, "secret"], true)).toEqual([name.toLowerCase(), "secret", ...ours]);
	});

	it.each(["X-Tokens", "X-Max-Tokens", "X-Key", "X-Author"])("takes %s for no credential", (name) => {
		expect(send([name, "1"])).toEqual([name.toLowerCase(), "1", ...ours]);
	});

	it("forwards authorization only when told", () => {
		expect(send(["Authorization", "Bearer t"], true)).toEqual(["authorization", "Bearer t", ...ours]);
	});

	it("keeps repeats of custom headers, takes one content-type, and drops what Connection names", () => {
		expect(
			send([
				"X-A",
				"1",
				"x-a",
				"2",
				"Content-Type",
				"a/b",
				"content-type",
				"c/d",
				"Connection",
				"close, X-Hop",
				"x-hop",
				"1",
			]),
		).toEqual(["x-a", "1", "x-a", "2", "content-type", "a/b", ...ours]);
	});
});

describe("clientHeaders", () => {
	const engine = [
		["Content-Type", "application/json; charset=utf-8"],
		["Content-Length", "12"],
		["Transfer-Encoding", "chunked"],
		["Content-Encoding", "gzip"],
		["Server", "uvicorn"],
		["Date", "today"],
		["Connection", "keep-alive, X-Hop"],
		["Keep-Alive", "timeout=5"],
		["X-Hop", "1"],
		["X-Rollpin-Worker", "9"],
		["X-Request-Id", "theirs"],
		["Set-Cookie", "a=1"],
		["set-cookie", "b=2"],
		["X-Custom", "1"],
	].flat();

	it("drops what is of the connection or recomputed, and folds repeats", () => {
		expect(clientHeaders(engine)).toEqual([
			["content-type", "application/json; charset=utf-8"],
			["set-cookie", "a=1, b=2"],
			["x-custom", "1"],
		]);
	});

	it("keeps length and encoding of a body that goes on untouched", () => {
		expect(clientHeaders(engine, true)).toContainEqual(["content-length", "12"]);
		expect(clientHeaders(engine, true)).toContainEqual(["content-encoding", "gzip"]);
	});
});
