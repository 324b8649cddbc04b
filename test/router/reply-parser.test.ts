// The reply parser: every split of the bytes gives the same reply, and what is malformed is an error.
import { expect, test } from "vitest";
import { ReplyParser } from "../../src/router/reply-parser.js";

function read(pieces: readonly Buffer[], headOnly = false): { text: string; done: boolean; status: number } {
	const seen = { text: "", status: 0 };
	const parser = new ReplyParser(
		{
			head: ({ status, headers }) => {
				seen.status = status;
				seen.text += `${headers.join("|")}\n`;
			},
			body: (piece) => {
				seen.text += piece.toString("latin1");
			},
		},
		headOnly,
	);
	for (const piece of pieces) parser.feed(piece);
	return { ...seen, done: parser.done };
}

const SOUND: Array<[what: string, reply: string, text: string]> = [
	[
		"a length",
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: b\r\n\r\nhello",
		"Content-Length|5|X-A|b\nhello",
	],
	["no body", "HTTP/1.1 204 No Content\r\nConnection: keep-alive\r\n\r\n", "\n"],
	["length 0", "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", "content-length|0\n"],
	[
		"chunks, an extension-free trailer and an interim reply before",
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0A\r\n0123456789\r\n0\r\nx: y\r\n\r\n",
		"Transfer-Encoding|chunked\nhello0123456789",
	],
];

test.each(SOUND)("a reply with %s is the same at every split", (_what, reply, text) => {
	const bytes = Buffer.from(reply, "latin1");
	for (let split = 0; split <= bytes.length; split += 1) {
		const seen = read([bytes.subarray(0, split), bytes.subarray(split)]);
		expect([split, seen.text, seen.done]).toEqual([split, text, true]);
	}
	const single = read([...bytes].map((byte) => Buffer.from([byte])));
	expect([single.text, single.done]).toEqual([text, true]);
});

test("the reply to HEAD ends with its head", () => {
	expect(read([Buffer.from("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n")], true)).toMatchObject({
		done: true,
	});
});

test.each([
	["no status line", "nonsense\r\n\r\n"],
	["another version", "HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n"],
	["no framing", "HTTP/1.1 200 OK\r\n\r\n"],
	["two lengths", "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 1\r\n\r\nx"],
	["a length and chunks", "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n"],
	["a coding that is not chunked", "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\n"],
	["a header without a colon", "HTTP/1.1 200 OK\r\nnonsense\r\n\r\n"],
	["a chunk size that is none", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n"],
	["a chunk longer than it says", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nab\r\n"],
	["bytes after its end", "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nab"],
	["a head without end", `HTTP/1.1 200 OK\r\na: ${"x".repeat(70_000)}`],
])("a reply with %s is an error", (_what, reply) => {
	expect(() => read([Buffer.from(reply)])).toThrow();
});
