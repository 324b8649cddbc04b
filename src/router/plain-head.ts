// Reads the head of a request as clients plainly write it, from the bytes of one read. Pure; all else is for node's parser.

export interface PlainHead {
	method: string;
	target: string;
	/** Names and values in turn, as node:http gives them. */
	raw: string[];
	/** Bytes of the head, with the empty line that ends it. */
	length: number;
}

const HEAD_END = "\r\n\r\n";
/**
 * Narrower than HTTP allows (RFC 9112), so that no two readers can read it in two ways: one space each, values of visible ASCII
 * that are not empty. HEAD and CONNECT have replies of their own kind.
 */
const PLAIN = /^(?:DELETE|GET|PATCH|POST|PUT) \/[!-~]* HTTP\/1\.1(?:\r\n[\w-]+: [!-~](?:[ -~]*[!-~])?)+$/;
const VERSION_LENGTH = " HTTP/1.1".length;

/** @returns null when the head is not whole in `bytes`, or not plain */
export function readPlainHead(bytes: Buffer): PlainHead | null {
	const end = bytes.indexOf(HEAD_END);
	if (end < 0) return null;
	const text = bytes.toString("latin1", 0, end);
	if (!PLAIN.test(text)) return null;
	const lineEnd = text.indexOf("\r\n");
	const space = text.indexOf(" ");
	const raw: string[] = [];
	for (let at = lineEnd + 2; at < end; ) {
		const next = text.indexOf("\r\n", at);
		const to = next < 0 ? end : next;
		const colon = text.indexOf(":", at);
		raw.push(text.slice(at, colon), text.slice(colon + 2, to));
		at = to + 2;
	}
	return {
		method: text.slice(0, space),
		target: text.slice(space + 1, lineEnd - VERSION_LENGTH),
		raw,
		length: end + HEAD_END.length,
	};
}
