// Sandboxes that belong to a session: the two steps in which one is made, and the requests of the workers. Makes none itself.
import { RollpinError } from "../base/errors.js";
import { newSandboxId } from "../sandbox/ids.js";
import type { SandboxRecord } from "../sandbox/record.js";
import type { SandboxRequest } from "../sandbox/request.js";
import type { CreateOptions, Sandboxes } from "../sandbox/sandboxes.js";
import type { SessionWorkers } from "./sessions.js";

interface Waiting {
	request: SandboxRequest;
	options: CreateOptions;
}

export class BoundSandboxes {
	readonly #sandboxes: Sandboxes;
	readonly #workers: SessionWorkers;
	/** Asked of us and not yet asked for by the session's worker, by sandbox. */
	readonly #waiting = new Map<string, Waiting>();
	/** One at a time for each session. */
	readonly #binding = new Map<string, Promise<SandboxRecord>>();

	constructor(sandboxes: Sandboxes, workers: SessionWorkers) {
		this.#sandboxes = sandboxes;
		this.#workers = workers;
	}

	/**
	 * For a client: the worker stores the obligation first, and has it made then.
	 * @throws RollpinError `sandbox_state_conflict` when the session has one, of the session, of the making
	 */
	async bind(sessionId: string, request: SandboxRequest, options: CreateOptions): Promise<SandboxRecord> {
		const earlier = this.#sandboxes.earlier(options);
		if (earlier !== undefined) return await earlier;
		const running = this.#binding.get(sessionId);
		if (running !== undefined) {
			const record = await running;
			if (options.key !== null && record.key === options.key) return this.bind(sessionId, request, options);
			throw taken(sessionId);
		}
		if (this.#sandboxes.list({ labels: [], sessionId, state: null }).length > 0) throw taken(sessionId);
		this.#sandboxes.check(request);
		const binding = this.#bind(sessionId, request, options).finally(() => this.#binding.delete(sessionId));
		this.#binding.set(sessionId, binding);
		return await binding;
	}

	/** For a worker that has stored the obligation. @param request null: what a client asked of this process */
	async make(id: string, sessionId: string, request: SandboxRequest | null): Promise<SandboxRecord> {
		const waiting = this.#waiting.get(id);
		const asked = waiting?.request ?? request;
		// A worker that comes again after somebody's death: it is there, or never will be.
		if (asked === null) return this.#sandboxes.get(id);
		const options = waiting?.options ?? { key: null, fingerprint: "" };
		return await this.#sandboxes.create({ ...asked, sessionId }, { ...options, id });
	}

	async #bind(sessionId: string, request: SandboxRequest, options: CreateOptions): Promise<SandboxRecord> {
		const id = newSandboxId();
		this.#waiting.set(id, { request, options });
		try {
			await this.#workers.bind(sessionId, id);
			return this.#sandboxes.get(id);
		} finally {
			this.#waiting.delete(id);
		}
	}
}

function taken(sessionId: string): RollpinError {
	return new RollpinError(
		"sandbox_state_conflict",
		`session ${sessionId} has a sandbox; DELETE /sessions/${sessionId}/sandbox ends it`,
	);
}
