// Requests are read whole, wherever the connection cuts them.
import { expect, test } from "vitest";
import { type HttpRequest, RequestReader } from "./raw-http.js";

const BYTES = Buffer.from(
	"POST /a HTTP/1.1\r\nContent-Length: 5\r\n\r\nhelloGET /b HTTP/1.1\r\nhost: x\r\n\r\nPOST /c HTTP/1.1\r\ncontent-length: 3\r\n\r\nend",
);

function read(pieces: readonly Buffer[]) {
	const requests: HttpRequest[] = [];
	const reader = new RequestReader((request) => requests.push(request));
	for (const piece of pieces) reader.push(piece);
	return requests.map(({ body, method, path }) => [method, path, body.toString()]);
}

test("three requests come out the same for every place where their bytes are cut in two, and byte by byte", () => {
	const whole = [
		["POST", "/a", "hello"],
		["GET", "/b", ""],
		["POST", "/c", "end"],
	];
	for (let at = 0; at <= BYTES.length; at++) {
		expect(read([BYTES.subarray(0, at), BYTES.subarray(at)])).toEqual(whole);
	}
	expect(read(Array.from(BYTES, (byte) => Buffer.from([byte])))).toEqual(whole);
});

test("a body without a length is refused", () => {
	const reader = new RequestReader(() => undefined);
	expect(() => reader.push(Buffer.from("POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n"))).toThrow(
		"content-length",
	);
});
