// The head that goes to the worker: what is kept, what is dropped, and what a request is refused for by its head alone.
import { describe, expect, test } from "vitest";
import { checkRequest } from "../../src/router/request-check.js";
import { readRequestHead, workerHead } from "../../src/router/request-head.js";

const head = (raw: string[], version = "1.1") =>
	workerHead("POST", "/sessions/a?x=1", readRequestHead(raw, version), "x-rollpin-session-id: b\r\n");
const ID = "x-request-id: id\r\nx-rollpin-session-id: b\r\n";

describe("the head to the worker", () => {
	test.each([
		["no body", ["Host", "h", "X-Request-Id", "id"], "1.1", `Host: h\r\n${ID}`],
		[
			"a length",
			["Host", "h", "Content-Length", "5", "X-Request-Id", "id"],
			"1.1",
			`Host: h\r\n${ID}content-length: 5\r\n`,
		],
		[
			"chunks",
			["Host", "h", "Transfer-Encoding", "chunked", "X-Request-Id", "id"],
			"1.1",
			`Host: h\r\n${ID}transfer-encoding: chunked\r\n`,
		],
		[
			"no token of OpenSandbox's header",
			["Host", "h", "OPEN-SANDBOX-API-KEY", "t", "X-Request-Id", "id"],
			"1.1",
			`Host: h\r\n${ID}`,
		],
		["HTTP/1.0 without a host", ["X-Request-Id", "id"], "1.0", `${ID}host: rollpin\r\n`],
		[
			"names in their spelling and order, ours and those of the connection dropped",
			[
				"X-B",
				"1",
				"x-rollpin-session-id",
				"evil",
				"Host",
				"h",
				"x-b",
				"2",
				"Connection",
				"X-C",
				"X-C",
				"3",
				"X-Request-Id",
				"id",
			],
			"1.1",
			`X-B: 1\r\nHost: h\r\nx-b: 2\r\n${ID}`,
		],
		[
			"what `connection` may not take away",
			[
				"Host",
				"h",
				"Authorization",
				"Bearer t",
				"Content-Type",
				"a/b",
				"Connection",
				"host, authorization, content-type",
				"X-Request-Id",
				"id",
			],
			"1.1",
			`Host: h\r\nAuthorization: Bearer t\r\nContent-Type: a/b\r\n${ID}`,
		],
	])("%s", (_what, raw, version, text) => {
		expect(head(raw, version)).toBe(`POST /sessions/a?x=1 HTTP/1.1\r\n${text}\r\n`);
	});
});

describe("what a request is refused for before its path is looked at", () => {
	const check = (target: string, raw: string[], allowed = true) =>
		checkRequest(target, readRequestHead(["Host", "h", ...raw], "1.1"), () => allowed, 10)?.code ?? null;
	test.each([
		["/sessions", [], true, null],
		["/sessions", [], false, "unauthorized"],
		["/health", [], false, null],
		["/health?x", [], false, null],
		["/healthy", [], false, "unauthorized"],
		["/sessions", ["Content-Encoding", "gzip"], true, "unsupported_media_type"],
		["/sessions", ["Content-Encoding", "Identity"], true, null],
		["/sessions", ["Content-Length", "10"], true, null],
		["/sessions", ["Content-Length", "11"], true, "body_too_large"],
		["/sessions", ["Content-Length", "11"], false, "unauthorized"],
		["/sessions", ["Host", "h"], false, "invalid_request"],
	])("%s with %j, token good: %s, gives %s", (target, raw, allowed, code) => {
		expect(check(target, raw, allowed)).toBe(code);
	});
});
