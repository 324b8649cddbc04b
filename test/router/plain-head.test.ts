// The reader of plain heads: what it takes it reads as node's parser does, and what could be read in two ways it does not take.
import { createServer, type Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { readPlainHead } from "../../src/router/plain-head.js";

const read = (text: string) => readPlainHead(Buffer.from(text, "latin1"));

it("gives method, target, headers in order and spelling, and where the body begins", () => {
	const text = "POST /sessions/a?x=%20 HTTP/1.1\r\nHost: x:1\r\nX-Odd: a: b, c\r\nx-odd: d\r\n\r\nbody";
	expect(read(text)).toEqual({
		method: "POST",
		target: "/sessions/a?x=%20",
		raw: ["Host", "x:1", "X-Odd", "a: b, c", "x-odd", "d"],
		length: text.length - "body".length,
	});
});

describe("what is not plain is left to node's parser:", () => {
	it.each([
		["a head that has not come whole", "GET / HTTP/1.1\r\nHost: x\r\n"],
		["no header at all", "GET / HTTP/1.1\r\n\r\n"],
		["HTTP/1.0", "GET / HTTP/1.0\r\nHost: x\r\n\r\n"],
		["HEAD", "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n"],
		["CONNECT", "CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n"],
		["an unknown method", "BREW / HTTP/1.1\r\nHost: x\r\n\r\n"],
		["a method in lower case", "get / HTTP/1.1\r\nHost: x\r\n\r\n"],
		["an absolute target", "GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n"],
		["two spaces", "GET  / HTTP/1.1\r\nHost: x\r\n\r\n"],
		["an empty line before it", "\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n"],
		["a bare LF", "GET / HTTP/1.1\r\nHost: x\na: b\r\n\r\n"],
		["a bare CR", "GET / HTTP/1.1\r\nHost: x\r\na: b\rc\r\n\r\n"],
		["a NUL", "GET / HTTP/1.1\r\nHost: x\r\na: b\0c\r\n\r\n"],
		["a folded header", "GET / HTTP/1.1\r\nHost: x\r\na: b\r\n c\r\n\r\n"],
		["a space before the colon", "GET / HTTP/1.1\r\nHost: x\r\na : b\r\n\r\n"],
		["no space behind the colon", "GET / HTTP/1.1\r\nHost: x\r\na:b\r\n\r\n"],
		["two spaces behind the colon", "GET / HTTP/1.1\r\nHost: x\r\na:  b\r\n\r\n"],
		["a space at the end of a value", "GET / HTTP/1.1\r\nHost: x \r\n\r\n"],
		["an empty value", "GET / HTTP/1.1\r\nHost: x\r\na: \r\n\r\n"],
		["a value beyond ASCII", "GET / HTTP/1.1\r\nHost: x\r\na: \xe4\r\n\r\n"],
	])("%s", (_what, text) => {
		expect(read(text)).toBeNull();
	});
});

describe("beside node's parser", () => {
	let server: Server;
	beforeAll(async () => {
		server = createServer({ requireHostHeader: false }, (req, res) => {
			const { method, url, rawHeaders } = req;
			res.end(JSON.stringify({ method, target: url, raw: rawHeaders }));
		});
		await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	});
	afterAll(() => void server.close());

	/** What node's server made of it; null when it was refused. */
	function byNode(text: string): Promise<unknown> {
		return new Promise((resolve, reject) => {
			const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
			let reply = "";
			socket.on("data", (piece) => {
				reply += piece.toString("latin1");
			});
			socket.on("error", reject);
			socket.on("close", () => {
				const body = reply.slice(reply.indexOf("\r\n\r\n") + 4);
				resolve(reply.startsWith("HTTP/1.1 200") ? JSON.parse(body) : null);
			});
			socket.write(Buffer.from(text, "latin1"));
		});
	}

	const head = "GET /sessions/0a?x=1 HTTP/1.1\r\nHost: x\r\nX-Other: a b\r\nConnection: close\r\n\r\n";
	const odd = fc.constantFrom(
		...' \t\r\n:;,%#?\\"<>{}|^`@[]()=/_-aZ0\0\x7f\x80\xff',
		"\r\n",
		"\r\n ",
		"a: b\r\n",
	);
	const edit = fc.record({
		at: fc.nat(head.length - "\r\nConnection: close\r\n\r\n".length),
		cut: fc.nat(2),
		text: odd,
	});

	test("whatever it takes is read by both alike", async () => {
		let taken = 0;
		await fc.assert(
			fc.asyncProperty(fc.array(edit, { maxLength: 2 }), async (edits) => {
				let text = head;
				for (const { at, cut, text: put } of edits) text = text.slice(0, at) + put + text.slice(at + cut);
				const plain = read(text);
				if (plain === null) return;
				taken += 1;
				const { method, target, raw } = plain;
				expect(await byNode(text)).toEqual({ method, target, raw });
			}),
			{ numRuns: 600 },
		);
		expect(taken).toBeGreaterThan(50);
	});
});
