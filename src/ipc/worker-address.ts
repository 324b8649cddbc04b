// Where a worker takes requests: a socket on this host, or a port of a host. Pure.

export type WorkerAddress = { kind: "socket"; path: string } | { kind: "tcp"; host: string; port: number };

/** What `net.connect` and a server's `listen` take. */
export function netOptions(address: WorkerAddress): { path: string } | { host: string; port: number } {
	if (address.kind === "socket") return { path: address.path };
	return { host: address.host, port: address.port };
}

/** One text for each address: a path begins with a slash, and no host does. */
export function addressKey(address: WorkerAddress): string {
	return address.kind === "socket" ? address.path : `${address.host}:${address.port}`;
}
