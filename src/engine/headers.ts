// Which headers pass, both ways. Allow-lists and drop-lists only; pure.

const FORWARDED = new Set(["content-type", "accept", "traceparent", "tracestate", "x-request-id"]);
/** Custom headers that are ours, or that say something about a hop that is not the engine's. */
const NOT_FORWARDED = /^x-(rollpin-|forwarded-|real-ip$|smg-routing-key$)/;
/** Engine headers that a client must not get: they describe the engine's hop, not ours (reference section 6.9). */
const DROPPED = new Set([
	"content-length",
	"transfer-encoding",
	"content-encoding",
	"server",
	"date",
	"connection",
	"keep-alive",
	"proxy-connection",
	"te",
	"trailer",
	"upgrade",
]);

export interface UpstreamHeaderOptions {
	/** The session id: requests of one session should meet one engine's prefix cache. */
	routingKey: string;
	forwardAuthorization: boolean;
}

/**
 * Headers for the engine, as a flat list of names and values.
 * @param raw the client's headers as a flat list (`IncomingMessage.rawHeaders`)
 */
export function upstreamHeaders(raw: readonly string[], options: UpstreamHeaderOptions): string[] {
	const headers: string[] = [];
	for (let i = 0; i + 1 < raw.length; i += 2) {
		const name = raw[i] as string;
		const lower = name.toLowerCase();
		const passes =
			FORWARDED.has(lower) ||
			(lower === "authorization" && options.forwardAuthorization) ||
			(lower.startsWith("x-") && !NOT_FORWARDED.test(lower));
		if (passes) headers.push(name, raw[i + 1] as string);
	}
	headers.push("X-SMG-Routing-Key", options.routingKey, "accept-encoding", "identity");
	return headers;
}

/** Headers of an engine reply that may reach the client, repeats folded with `, `, names in lower case. */
export function clientHeaders(
	headers: Readonly<Record<string, string | string[] | undefined>>,
): Array<readonly [string, string]> {
	const kept: Array<readonly [string, string]> = [];
	for (const [name, value] of Object.entries(headers)) {
		const lower = name.toLowerCase();
		if (value === undefined || DROPPED.has(lower) || lower === "x-request-id") continue;
		kept.push([lower, Array.isArray(value) ? value.join(", ") : value]);
	}
	return kept;
}
