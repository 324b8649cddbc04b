// The sessions' workers as the sandbox process asks them: to bind a sandbox, and to keep what became of it. Knows where each is.
import { RollpinError } from "../base/errors.js";
import type { SessionId } from "../base/ids.js";
import type { PartitionMap } from "../base/partitions.js";
import { ask } from "../ipc/ask.js";
import type { WorkerStatus } from "../ipc/messages.js";
import type { SandboxRecord } from "../sandbox/record.js";

/** Making one may pull an image. */
const BIND_TIMEOUT_MS = 600_000;
/** A command that waits for its answer until its session knows of the end does not wait longer. */
const TELL_TIMEOUT_MS = 5_000;

export class SessionWorkers {
	readonly #partitions: PartitionMap;
	#workers: readonly Pick<WorkerStatus, "state" | "address">[] = [];

	constructor(partitions: PartitionMap) {
		this.#partitions = partitions;
	}

	update(workers: readonly Pick<WorkerStatus, "state" | "address">[]): void {
		this.#workers = workers;
	}

	/**
	 * Has the session's worker store that it owes this sandbox; it asks for its making then.
	 * @throws RollpinError of the session (404), of the making; `worker_unavailable`
	 */
	async bind(sessionId: string, sandboxId: string): Promise<void> {
		await this.#ask("POST", sessionId, { sandbox_id: sandboxId }, BIND_TIMEOUT_MS);
	}

	/** Keeps an end with its session. Resolves also when the session has gone. */
	async tell({ end, id, sessionId }: SandboxRecord): Promise<void> {
		if (sessionId === null || end === null) return;
		const entry = { sandbox_id: id, state: "ended", reason: end.reason, at: end.atMs / 1000 };
		try {
			await this.#ask("PUT", sessionId, entry, TELL_TIMEOUT_MS);
		} catch (error) {
			// A session that has gone needs no entry any more.
			if (!(error instanceof RollpinError && error.code.startsWith("session_") && error.status === 404))
				throw error;
		}
	}

	async #ask(method: "POST" | "PUT", sessionId: string, json: unknown, timeoutMs: number): Promise<void> {
		const worker = this.#workers[this.#partitions.workerOf(sessionId as SessionId)];
		const unavailable = (cause?: unknown): RollpinError =>
			new RollpinError("worker_unavailable", "the session's worker is not ready; try again", {
				retryAfterS: 1,
				cause,
			});
		if (worker === undefined || worker.state !== "ready" || worker.address === null) throw unavailable();
		try {
			await ask(
				worker.address,
				method,
				`/internal/sessions/${sessionId}/sandbox`,
				json,
				AbortSignal.timeout(timeoutMs),
			);
		} catch (error) {
			if (error instanceof RollpinError) throw error;
			throw unavailable(error);
		}
	}
}
