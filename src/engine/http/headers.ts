// Owns which headers cross between client and engine: allow-list out, drop-list back. Pure; values are never changed.
import { connectionOptions, HOP_BY_HOP } from "../../base/http-headers.js";

/** A flat `[name, value, name, value, ...]` list, as node:http gives `rawHeaders` and undici takes headers. */
type RawHeaders = readonly string[];

interface UpstreamHeaderOptions {
	/** Sent as the one `X-SMG-Routing-Key`. */
	routingKey: string;
	/** Send the client's `authorization` and its other credentials on (`--forward-authorization`). */
	forwardAuthorization: boolean;
}

const FORWARDED = new Set(["content-type", "accept", "traceparent", "tracestate", "x-request-id"]);
const WITHHELD_PREFIXES = ["x-rollpin-", "x-forwarded-"];
/** `x-request-id` is ours to say. */
const REPLY_DROPPED = new Set(["content-length", "content-encoding", "server", "date", "x-request-id"]);

/**
 * Headers of an upstream request: the client's that are allow-listed, in their order, then
 * ours. Content-length and host are the HTTP client's to write.
 */
export function upstreamHeaders(client: RawHeaders, options: UpstreamHeaderOptions): string[] {
	const nominated = connectionOptions(client);
	const headers: string[] = [];
	let contentType = false;
	for (const [name, value] of pairs(client)) {
		const key = name.toLowerCase();
		if (nominated?.has(key) === true || !crosses(key, options)) continue;
		if (key === "content-type") {
			if (contentType) continue;
			contentType = true;
		}
		headers.push(key, value);
	}
	headers.push("X-SMG-Routing-Key", options.routingKey, "accept-encoding", "identity");
	return headers;
}

function crosses(key: string, options: UpstreamHeaderOptions): boolean {
	if (isCredential(key)) return options.forwardAuthorization;
	if (key === "x-smg-routing-key" || key === "x-real-ip") return false;
	if (FORWARDED.has(key)) return true;
	return key.startsWith("x-") && !WITHHELD_PREFIXES.some((prefix) => key.startsWith(prefix));
}

const CREDENTIAL =
	/(^|-)(auth|authorization|token|secret|password|passwd|credentials?|cookie|jwt|signature|api-?key|access-?key|subscription-?key)$/;

/** By its name: the client's own accounts elsewhere are none of the engine's business. */
function isCredential(key: string): boolean {
	return (
		key === "authorization" ||
		key === "cookie" ||
		key === "api-key" ||
		(key.startsWith("x-") && CREDENTIAL.test(key))
	);
}

/**
 * Headers of an engine's reply that may reach the client: lower-case names, repeats folded with `, `.
 * @param untouchedBody the reply's bytes go on as they are, so content-length and content-encoding still hold
 */
export function clientHeaders(engine: RawHeaders, untouchedBody = false): Array<readonly [string, string]> {
	const nominated = connectionOptions(engine);
	const folded = new Map<string, string>();
	for (const [name, value] of pairs(engine)) {
		const key = name.toLowerCase();
		if (HOP_BY_HOP.has(key) || nominated?.has(key) === true || key.startsWith("x-rollpin-")) continue;
		if (REPLY_DROPPED.has(key) && !(untouchedBody && key.startsWith("content-"))) continue;
		const earlier = folded.get(key);
		folded.set(key, earlier === undefined ? value : `${earlier}, ${value}`);
	}
	return [...folded];
}

/** The value of a header, repeats folded; undefined when absent. */
export function headerValue(headers: RawHeaders, name: string): string | undefined {
	const values: string[] = [];
	for (const [key, value] of pairs(headers)) if (key.toLowerCase() === name) values.push(value);
	return values.length === 0 ? undefined : values.join(", ");
}

function* pairs(headers: RawHeaders): Generator<readonly [string, string]> {
	for (let index = 0; index + 1 < headers.length; index += 2) {
		yield [headers[index] as string, headers[index + 1] as string];
	}
}

/** undici hands headers on as buffers; latin1 is what HTTP/1.1 carries, and it can always be written again. */
export function rawHeaderList(raw: unknown): string[] {
	if (!Array.isArray(raw)) return [];
	return raw.map((item: unknown) => (Buffer.isBuffer(item) ? item.toString("latin1") : String(item)));
}
