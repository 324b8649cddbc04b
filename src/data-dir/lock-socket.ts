// The socket in a data dir that its owner listens on. The kernel closes it when the owner dies, however it dies, and it is
// found from every process id, host name and network namespace that sees the directory. Never judges what that means.
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** Linux has room for 107 bytes in a socket's address, macOS for 103; libuv before 1.47 cut longer ones off in silence. */
const MAX_PATH_BYTES = 103;

/**
 * Listens there until closed. Nothing is answered: to be reached is all it is for.
 * @throws Error of the system
 */
export async function listenAt(path: string): Promise<Server> {
	return await withShortPath(path, async (short) => {
		const server = createServer((connection) => void connection.on("error", () => undefined).destroy());
		await new Promise<void>((resolve, reject) => {
			server.once("error", reject);
			server.listen(short, resolve);
		});
		// Out of descriptors for a moment, say: the next one is accepted again.
		server.on("error", () => undefined);
		return server.unref();
	});
}

/** `alive`: somebody listens. `dead`: nobody on this kernel does. `unknown`: it can't be told. */
export type Knock = "alive" | "dead" | "unknown";

export async function knock(path: string): Promise<Knock> {
	return await withShortPath(
		path,
		(short) =>
			new Promise<Knock>((resolve) => {
				const connection = connect(short);
				connection.once("connect", () => {
					connection.destroy();
					resolve("alive");
				});
				connection.once("error", (error) => {
					const code = "code" in error ? error.code : undefined;
					// EAGAIN: so many wait there that no more may. Whoever they wait for holds the socket.
					if (code === "EAGAIN") resolve("alive");
					else resolve(code === "ECONNREFUSED" ? "dead" : "unknown");
				});
			}),
	);
}

/** Calls `work` with a path that leads to the same name and fits a socket's address. */
async function withShortPath<T>(path: string, work: (short: string) => Promise<T>): Promise<T> {
	if (Buffer.byteLength(path) <= MAX_PATH_BYTES) return await work(path);
	const prefix = join(tmpdir(), "rollpin-");
	const detour = mkdtempSync(Buffer.byteLength(prefix) > 40 ? "/tmp/rollpin-" : prefix);
	try {
		symlinkSync(dirname(path), join(detour, "d"));
		return await work(join(detour, "d", path.slice(dirname(path).length + 1)));
	} finally {
		rmSync(detour, { recursive: true, force: true });
	}
}
