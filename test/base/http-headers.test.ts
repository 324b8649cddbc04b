// Headers of one connection: the same set in both directions and towards the engine.
import { expect, test } from "vitest";
import { connectionOptions, HOP_BY_HOP } from "../../src/base/http-headers.js";
import { clientHeaders } from "../../src/engine/http/headers.js";
import { ReplyParser } from "../../src/router/reply-parser.js";
import { readRequestHead } from "../../src/router/request-head.js";

test.each([
	[["Host", "x"], null],
	[["Connection", "keep-alive"], null],
	[["Connection", "Keep-Alive, close,"], null],
	[
		["connection", "close, X-Hop", "CONNECTION", " te "],
		["x-hop", "te"],
	],
])("%j names %j", (raw, names) => {
	const options = connectionOptions(raw);
	expect(options === null ? null : [...options]).toEqual(names);
});

/** Written out once more, so that a name that goes missing is seen. */
const NAMES = [
	"connection",
	"http2-settings",
	"keep-alive",
	"proxy-authenticate",
	"proxy-authorization",
	"proxy-connection",
	"te",
	"trailer",
	"upgrade",
];

test("no other name is of one connection, transfer-encoding aside, which is judged before it is dropped", () => {
	expect([...HOP_BY_HOP].sort()).toEqual([...NAMES, "transfer-encoding"].sort());
});

test.each(NAMES)("%s crosses neither the router, in either direction, nor from the engine", (name) => {
	const raw = ["host", "x", name.toUpperCase(), "1", "x-kept", "1"];
	expect(readRequestHead(raw, "1.1").forwarded).toBe("host: x\r\nx-kept: 1\r\n");
	let headers: string[] = [];
	const sink = {
		head: (head: { headers: string[] }) => {
			headers = head.headers;
		},
		body: () => undefined,
	};
	new ReplyParser(sink, false).feed(Buffer.from(`HTTP/1.1 204 No\r\n${name}: 1\r\nx-kept: 1\r\n\r\n`));
	expect(headers).toEqual(["x-kept", "1"]);
	expect(clientHeaders(raw)).not.toContainEqual([name, "1"]);
});
