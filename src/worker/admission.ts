// How many chats, and how many bytes of their bodies and replies, one worker carries at once. Refuses, never queues.
import { RollpinError } from "../base/errors.js";
import type { Limits } from "../config/cluster-config.js";

type AdmissionLimits = Readonly<Pick<Limits, "maxInflightPerWorker" | "maxInflightBytesPerWorker">>;

export class Admission {
	readonly #limits: AdmissionLimits;
	readonly #chats = new Set<ChatCut>();
	#bytes = 0;
	#cut: RollpinError | null = null;

	/** @param limits looked at for each chat: a reload changes them */
	constructor(limits: AdmissionLimits) {
		this.#limits = limits;
	}

	/** Chats let in and not yet ended. */
	get inflight(): number {
		return this.#chats.size;
	}

	/** Bytes of their bodies and replies. */
	get bytes(): number {
		return this.#bytes;
	}

	/**
	 * Lets a chat in.
	 * @param cut called when `cut` is
	 * @throws RollpinError `too_many_requests` with Retry-After over either limit
	 */
	enter(cut: ChatCut): ChatTicket {
		if (this.#cut !== null) throw this.#cut;
		if (this.inflight >= this.#limits.maxInflightPerWorker) {
			throw new RollpinError(
				"too_many_requests",
				`this worker has ${this.inflight} chats in flight, its limit; retry later or raise --max-inflight`,
				{ retryAfterS: 1 },
			);
		}
		const chat: ChatCut = (reason) => cut(reason);
		this.#chats.add(chat);
		let held = 0;
		let open = true;
		return {
			hold: (bytes) => {
				// One body is always let in, however large, or a limit set too low would refuse it for ever.
				if (this.#bytes > 0 && this.#bytes + bytes > this.#limits.maxInflightBytesPerWorker) {
					throw new RollpinError(
						"too_many_requests",
						`this worker holds ${this.#bytes} bytes of bodies, and ${bytes} more pass its limit; ` +
							"retry later or raise --max-inflight-mib",
						{ retryAfterS: 1 },
					);
				}
				held += bytes;
				this.#bytes += bytes;
			},
			grow: (bytes) => {
				held += bytes;
				this.#bytes += bytes;
			},
			leave: () => {
				if (!open) return;
				open = false;
				this.#chats.delete(chat);
				this.#bytes -= held;
			},
		};
	}

	/** The time is over: ends every chat that is in, and lets none in any more. */
	cut(reason: RollpinError): void {
		this.#cut = reason;
		for (const chat of this.#chats) chat(reason);
	}
}

/** Ends a chat from outside: it fails with `reason`. */
type ChatCut = (reason: RollpinError) => void;

export interface ChatTicket {
	/** Accounts for bytes of this chat until it leaves. */
	hold(bytes: number): void;
	/**
	 * The same for bytes that are not refused: a reply under way was paid for. While it stands over the limit no new body
	 * is let in.
	 */
	grow(bytes: number): void;
	leave(): void;
}
