// The chats of one session, from their place in the queue to their end. Each can be ended from outside until its commit
// begins, and not any more after that. Knows neither locks nor reasons.
import { Cancellation, type CancelSignal } from "../../base/cancellation.js";

export class SessionChats {
	/** In the order in which they came. */
	readonly #chats = new Set<SessionChat>();
	#waiting = 0;

	/** Those that wait for their turn included. */
	get inFlight(): number {
		return this.#chats.size;
	}

	/** Those whose turn it is, or was: some no longer hold the lock. */
	get running(): number {
		return this.#chats.size - this.#waiting;
	}

	/** When the longest running one arrived, float Unix seconds; null while none runs. */
	get runningSinceS(): number | null {
		let since: number | null = null;
		for (const chat of this.#chats) {
			if (!chat.waiting && (since === null || chat.arrivedAt < since)) since = chat.arrivedAt;
		}
		return since;
	}

	/**
	 * Registers a chat, waiting at first.
	 * @param client ends the chat when it fires; undefined when a client that leaves must not
	 * @param arrivedAt float Unix seconds
	 */
	enter(client: CancelSignal | undefined, arrivedAt: number): SessionChat {
		const chat: SessionChat = new SessionChat(client, arrivedAt, {
			admitted: () => void this.#waiting--,
			left: () => {
				if (this.#chats.delete(chat) && chat.waiting) this.#waiting--;
			},
		});
		this.#chats.add(chat);
		this.#waiting++;
		return chat;
	}

	/**
	 * Ends all that can still be ended, before this returns.
	 * @param reasonOf what a chat fails with
	 * @returns how many those were; each of them fails, and nothing of it is committed
	 */
	end(reasonOf: (chat: SessionChat) => unknown): number {
		let ended = 0;
		for (const chat of this.#chats) if (chat.end(reasonOf)) ended++;
		return ended;
	}
}

export class SessionChat {
	readonly arrivedAt: number;
	waiting = true;
	readonly #cancellation = new Cancellation();
	readonly #client: CancelSignal | undefined;
	readonly #onClientGone = () => this.#cancellation.abort(this.#client?.reason);
	readonly #told: { admitted: () => void; left: () => void };
	#committing = false;

	constructor(
		client: CancelSignal | undefined,
		arrivedAt: number,
		told: { admitted: () => void; left: () => void },
	) {
		this.#client = client;
		this.arrivedAt = arrivedAt;
		this.#told = told;
		client?.addEventListener("abort", this.#onClientGone);
		if (client?.aborted) this.#onClientGone();
	}

	/** Fires when somebody ends it, or its client goes away. */
	get signal(): CancelSignal {
		return this.#cancellation;
	}

	/** Its turn has come. Throws the reason when it has been ended. */
	admitted(): void {
		this.#told.admitted();
		this.waiting = false;
		this.signal.throwIfAborted();
	}

	/** From here on it will be kept: nothing ends it any more. Throws the reason when it has been ended before. */
	commits(): void {
		this.signal.throwIfAborted();
		this.#committing = true;
	}

	/** What it fails with: why it was ended, where it was, however late `error` came of it. */
	failure(error: unknown): unknown {
		return this.signal.aborted && !this.#committing ? this.signal.reason : error;
	}

	/** @returns whether this call ended it */
	end(reasonOf: (chat: SessionChat) => unknown): boolean {
		if (this.#committing || this.signal.aborted) return false;
		this.#cancellation.abort(reasonOf(this));
		return true;
	}

	leave(): void {
		this.#told.left();
		this.#client?.removeEventListener("abort", this.#onClientGone);
	}
}
