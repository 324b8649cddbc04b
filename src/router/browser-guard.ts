// Tells what a page in somebody's browser sends from what a client sends, where no token does. Pure; what no browser sends of
// itself (no Origin, no Sec-Fetch-Site) is judged by its Host alone.
import { isIP } from "node:net";
import { RollpinError } from "../base/errors.js";
import { isLoopback } from "../base/loopback.js";

/** What a browser says of a request, whatever the page in it wants. Null: not sent. */
export interface BrowserHead {
	host: string | null;
	origin: string | null;
	fetchSite: string | null;
	contentType: string | null;
	hasBody: boolean;
}

/** Why the request goes no further, or null. */
export type BrowserGuard = (head: BrowserHead) => RollpinError | null;

export interface GuardOptions {
	/** `--host`. */
	host: string;
	/** `--allowed-hosts`: names, `.suffix` for all names below one, `*` for any. */
	allowedHosts: readonly string[];
	/** The machine's own name. */
	machineName: string;
}

/**
 * Below these no stranger can have a name, so none can lead here from a page of theirs: RFC 6761 and 8375, ICANN's reservation of
 * `.internal`, and what Kubernetes gives its services.
 */
const RESERVED = [".localhost", ".internal", ".home.arpa", ".svc", ".cluster.local"];
const JSON_TYPE = /^\s*application\/([\w.-]+\+)?json\s*(;|$)/i;

export function createBrowserGuard(options: GuardOptions): BrowserGuard {
	const isOurs = hostRule(options);
	// Nearly all requests of a cluster have the same one.
	let known: string | null = null;
	return ({ host, origin, fetchSite, contentType, hasBody }) => {
		// A name of the page's owner that leads to this address makes the page one of ours to the browser (DNS rebinding).
		if (host !== null && host !== known) {
			if (!isOurs(host)) return foreignHost(host);
			known = host;
		}
		if (origin === null && fetchSite === null) return null;
		if (
			fetchSite === "cross-site" ||
			(origin !== null && !isSameOrigin(origin, host, options.allowedHosts))
		) {
			return new RollpinError(
				"forbidden",
				`a page of ${origin ?? "another site"} asked for this: without a token pages of other origins are refused; ` +
					"give --auth-token-file, and the token to those who may",
			);
		}
		// What a page may send without asking first is never JSON.
		if (hasBody && !(contentType !== null && JSON_TYPE.test(contentType))) {
			return new RollpinError(
				"unsupported_media_type",
				"from a browser a body must have content-type: application/json",
			);
		}
		return null;
	};
}

function foreignHost(host: string): RollpinError {
	return new RollpinError(
		"forbidden",
		`the Host header ${JSON.stringify(host.slice(0, 100))} is no name of this cluster, so a page of a stranger may have led here; ` +
			"add the name to --allowed-hosts, or give --auth-token-file",
	);
}

function hostRule({ host: listen, allowedHosts, machineName }: GuardOptions): (host: string) => boolean {
	const own = new Set([listen.toLowerCase(), machineName.toLowerCase()]);
	return (host) => {
		const name = nameOf(host);
		if (name === null) return false;
		if (isAllowed(name, allowedHosts) || own.has(name)) return true;
		// No address can be made to lead elsewhere.
		if (isIP(name) !== 0) return !isLoopback(listen) || isLoopback(name);
		return !name.includes(".") || RESERVED.some((suffix) => name.endsWith(suffix));
	};
}

/** Lower case, without port, brackets and the root's dot; null when it is no host. */
function nameOf(host: string): string | null {
	const found = /^(?:\[([0-9a-f:.]+)\]|([^:[\]/@\s]+))(?::\d{1,5})?$/i.exec(host);
	const name = (found?.[1] ?? found?.[2])?.toLowerCase().replace(/\.$/, "");
	return name === undefined || name === "" ? null : name;
}

function isAllowed(name: string, allowed: readonly string[]): boolean {
	return allowed.some((entry) =>
		entry.startsWith(".") ? name.endsWith(entry) : entry === "*" || entry === name,
	);
}

/** By host and port: whether a proxy in front speaks TLS can't be seen from here. */
function isSameOrigin(origin: string, host: string | null, allowedHosts: readonly string[]): boolean {
	const found = /^https?:\/\/([^/]+)$/i.exec(origin)?.[1]?.toLowerCase();
	if (found === undefined || host === null) return false;
	if (found === host.toLowerCase()) return true;
	const name = nameOf(found);
	// Any name may be one of this cluster's, but no page is therefore.
	return (
		name !== null &&
		isAllowed(
			name,
			allowedHosts.filter((entry) => entry !== "*"),
		)
	);
}
