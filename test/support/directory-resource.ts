// A real, small session resource: one directory for each handle. What is there can be listed and taken away.
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { SessionId } from "../../src/base/ids.js";
import type { SessionResource } from "../../src/session/life/resource.js";

export class DirectoryResource implements SessionResource {
	readonly name = "directory";
	readonly #root: string;

	/** @param root a directory of its own */
	constructor(root: string) {
		this.#root = root;
	}

	async open(session: SessionId, handleJson: string, signal: AbortSignal): Promise<void> {
		signal.throwIfAborted();
		mkdirSync(this.#path(session, handleJson), { recursive: true });
	}

	async close(session: SessionId, handleJson: string): Promise<void> {
		rmSync(this.#path(session, handleJson), { recursive: true, force: true });
	}

	async reconcile(isOwed: (session: SessionId) => Promise<boolean>): Promise<void> {
		for (const name of readdirSync(this.#root)) {
			const session = name.slice(0, name.indexOf("~")) as SessionId;
			if (!(await isOwed(session))) rmSync(join(this.#root, name), { recursive: true, force: true });
		}
	}

	/** Sessions of the directories that are there, one for each. */
	left(): SessionId[] {
		return readdirSync(this.#root)
			.map((name) => name.slice(0, name.indexOf("~")) as SessionId)
			.sort();
	}

	/** No session id has a `~` in it. */
	#path(session: SessionId, handleJson: string): string {
		return join(this.#root, `${session}~${(JSON.parse(handleJson) as { name: string }).name}`);
	}
}
