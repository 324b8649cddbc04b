// The private directory of the unix sockets between the router and the workers. Owns its making and removal.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { ConfigError } from "../base/errors.js";

/** A unix socket path ends at 107 bytes on Linux, 103 on macOS; `/w63.999999.sock` must fit after it. */
const MAX_DIR_BYTES = 80;

export interface SocketDir {
	/** A path that no earlier process had: a late one cannot be mistaken for its successor. */
	path(name: "w" | "r" | "s", index: number, epoch: number): string;
	/** Never throws: what cannot be removed is left to the system's cleaner. */
	remove(): void;
}

/** Makes the directory, mode 0700 (mkdtemp's own rule). @throws ConfigError where none can be made */
export function createSocketDir(): SocketDir {
	const prefix = join(tmpdir(), "rollpin-");
	const dir = makeDir(Buffer.byteLength(prefix) > MAX_DIR_BYTES - 6 ? "/tmp/rollpin-" : prefix);
	return {
		path: (name, index, epoch) => join(dir, `${name}${index}.${epoch}.sock`),
		remove() {
			try {
				rmSync(dir, { recursive: true, force: true });
			} catch {
				// Left behind: an empty directory in the system's temporary one.
			}
		},
	};
}

function makeDir(prefix: string): string {
	try {
		return mkdtempSync(prefix);
	} catch (error) {
		const reason = error instanceof Error && "code" in error ? String(error.code) : String(error);
		throw new ConfigError(
			`no directory for the workers' sockets can be made in ${dirname(prefix)} (${reason}); set TMPDIR to one that this user may write`,
			{ cause: error },
		);
	}
}
