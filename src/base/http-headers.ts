// Which HTTP headers belong to one connection and never to a message. Pure; names are in lower case.

/**
 * Not to be forwarded by any proxy: RFC 9110 7.6.1 (https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1), the
 * credentials of a proxy, and what HTTP/1.1 clients send to ask for HTTP/2 (RFC 7540 3.2.1).
 */
export const HOP_BY_HOP: ReadonlySet<string> = new Set([
	"connection",
	"http2-settings",
	"keep-alive",
	"proxy-authenticate",
	"proxy-authorization",
	"proxy-connection",
	"te",
	"trailer",
	"transfer-encoding",
	"upgrade",
]);

/**
 * The names that `connection` headers declare to be of this connection only, the usual `close` and `keep-alive` aside.
 * @param raw names and values in turn, as node:http gives them
 * @returns null when there are none
 */
export function connectionOptions(raw: readonly string[]): Set<string> | null {
	let options: Set<string> | null = null;
	for (let index = 0; index + 1 < raw.length; index += 2) {
		if ((raw[index] as string).toLowerCase() !== "connection") continue;
		for (const part of (raw[index + 1] as string).split(",")) {
			const option = part.trim().toLowerCase();
			if (option === "keep-alive" || option === "close" || option === "") continue;
			options ??= new Set();
			options.add(option);
		}
	}
	return options;
}
