// A session's sandbox, as a thing outside the store: the sandbox process makes and ends it, this asks for that. Knows no backend.
import { RollpinError } from "../base/errors.js";
import type { SessionId } from "../base/ids.js";
import { ask } from "../ipc/ask.js";
import type { WorkerAddress } from "../ipc/worker-address.js";
import type { SessionResource } from "../session/life/resource.js";

/** Under this name the obligations are stored. */
export const SANDBOX_RESOURCE = "sandbox";

/** Making one may pull an image. */
const OPEN_TIMEOUT_MS = 600_000;
const ASK_TIMEOUT_MS = 15_000;

/** As the sandbox process tells it; what a client gets. */
export type SandboxView = Record<string, unknown>;

export class SandboxResource implements SessionResource {
	readonly name = SANDBOX_RESOURCE;
	readonly #address: WorkerAddress;
	/** By sandbox: what a client asked for here. What it asked of the sandbox process is there. */
	readonly #asked = new Map<string, unknown>();
	readonly #made = new Map<string, SandboxView>();

	/** @param address the sandbox process's, over all its processes */
	constructor(address: WorkerAddress) {
		this.#address = address;
	}

	/** What the next `open` of this sandbox is to make; `made` tells what came of it. */
	asks(sandboxId: string, request: unknown): void {
		this.#asked.set(sandboxId, request);
	}

	/** To be called once, also when `open` threw. */
	made(sandboxId: string): SandboxView | undefined {
		const view = this.#made.get(sandboxId);
		this.#asked.delete(sandboxId);
		this.#made.delete(sandboxId);
		return view;
	}

	async open(session: SessionId, handleJson: string, signal: AbortSignal): Promise<void> {
		const id = sandboxOf(handleJson);
		const request = this.#asked.get(id) ?? null;
		const either = AbortSignal.any([signal, AbortSignal.timeout(OPEN_TIMEOUT_MS)]);
		const body = { session_id: session, request };
		this.#made.set(id, (await this.#ask("PUT", `/internal/bound/${id}`, body, either)) as SandboxView);
	}

	async close(_session: SessionId, handleJson: string, signal: AbortSignal): Promise<void> {
		await this.#ask("DELETE", `/internal/bound/${sandboxOf(handleJson)}`, undefined, signal);
	}

	async reconcile(isOwed: (session: SessionId) => Promise<boolean>): Promise<void> {
		const list = await this.#ask("GET", "/internal/bound", undefined, AbortSignal.timeout(ASK_TIMEOUT_MS));
		let failure: unknown = null;
		for (const { sandbox_id, session_id } of list as Array<{ sandbox_id: string; session_id: SessionId }>) {
			try {
				if (await isOwed(session_id)) continue;
				const signal = AbortSignal.timeout(ASK_TIMEOUT_MS);
				await this.#ask("DELETE", `/internal/bound/${sandbox_id}`, undefined, signal);
			} catch (error) {
				failure = error;
			}
		}
		if (failure !== null) throw failure;
	}

	async #ask(
		method: "GET" | "PUT" | "DELETE",
		path: string,
		json: unknown,
		signal: AbortSignal,
	): Promise<unknown> {
		try {
			return await ask(this.#address, method, path, json, signal);
		} catch (error) {
			if (error instanceof RollpinError || signal.aborted) throw error;
			throw new RollpinError("sandbox_backend_unavailable", "the sandbox process is not ready; try again", {
				retryAfterS: 1,
				cause: error,
			});
		}
	}
}

function sandboxOf(handleJson: string): string {
	return (JSON.parse(handleJson) as { sandbox_id: string }).sandbox_id;
}
