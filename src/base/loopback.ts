// Which addresses only this machine can reach. Pure.
import { isIP } from "node:net";

/** True for 127.0.0.0/8, ::1 and `localhost`. */
export function isLoopback(host: string): boolean {
	if (isIP(host) === 4) return host.startsWith("127.");
	return host === "::1" || host.toLowerCase() === "localhost";
}
