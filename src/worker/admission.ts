// How many chats, and how many bytes of their bodies and replies, one worker carries at once. Refuses, never queues.
import { RollpinError } from "../base/errors.js";

export class Admission {
	readonly #maxInflight: number;
	readonly #maxBytes: number;
	#inflight = 0;
	#bytes = 0;

	constructor(maxInflight: number, maxBytes: number) {
		this.#maxInflight = maxInflight;
		this.#maxBytes = maxBytes;
	}

	/** Chats let in and not yet ended. */
	get inflight(): number {
		return this.#inflight;
	}

	/** Bytes of their bodies and replies. */
	get bytes(): number {
		return this.#bytes;
	}

	/**
	 * Lets a chat in.
	 * @throws RollpinError `too_many_requests` with Retry-After over either limit
	 */
	enter(): ChatTicket {
		if (this.#inflight >= this.#maxInflight) {
			throw new RollpinError(
				"too_many_requests",
				`this worker has ${this.#inflight} chats in flight, its limit; retry later or raise --max-inflight`,
				{ retryAfterS: 1 },
			);
		}
		this.#inflight++;
		let held = 0;
		let open = true;
		return {
			hold: (bytes) => {
				// One body is always let in, however large, or a limit set too low would refuse it for ever.
				if (this.#bytes > 0 && this.#bytes + bytes > this.#maxBytes) {
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
				this.#inflight--;
				this.#bytes -= held;
			},
		};
	}
}

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
