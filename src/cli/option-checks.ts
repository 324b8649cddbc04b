// Rules of single values that are more than a range: addresses, URLs, paths. Pure.
import { isIP } from "node:net";

const HOST_NAME =
	/^(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$/;

export function checkHost(host: string): string | undefined {
	// All digits and dots but no address: `999.1.1.1` would only fail later, with a look-up error.
	if (/^[\d.]+$/.test(host)) return isIP(host) === 4 ? host : undefined;
	return isIP(host) === 6 || HOST_NAME.test(host) ? host : undefined;
}

/** As browsers send it: lower case. */
export function checkAllowedHost(entry: string): boolean {
	const name = entry.startsWith(".") ? entry.slice(1) : entry;
	return entry === "*" || (checkHost(name) !== undefined && name === name.toLowerCase());
}

/** An engine's base URL without its trailing slashes. */
export function checkEngineUrl(text: string): string | undefined {
	if (!URL.canParse(text)) return undefined;
	const url = new URL(text);
	if (url.protocol !== "http:" && url.protocol !== "https:") return undefined;
	// Several engines, as it were: one name can't have a comma.
	if (url.hostname.includes(",")) return undefined;
	if (url.username !== "" || url.password !== "" || text.includes("?") || text.includes("#"))
		return undefined;
	const base = url.href.replace(/\/+$/, "");
	// Sessions add /v1/... themselves: a base that ends so would ask for /v1/v1/...
	return base.endsWith("/v1") ? undefined : base;
}

export function checkInstanceId(text: string): string | undefined {
	return /^[A-Za-z0-9._-]{1,128}$/.test(text) ? text : undefined;
}

export function checkModelName(name: string): string | undefined {
	return /^[^\p{Cc}\p{Cs}]{1,512}$/u.test(name) && name.trim() === name ? name : undefined;
}

export function checkPassThroughPath(path: string): boolean {
	return /^(\/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+$/.test(path);
}
