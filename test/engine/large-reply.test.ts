// How a reply of the engine shares the event loop: undici's dispatch handler is driven by hand, as undici drives it.
import type { Dispatcher } from "undici";
import { expect, test } from "vitest";
import { Cancellation } from "../../src/base/cancellation.js";
import { exchange } from "../../src/engine/http/exchange.js";
import { sglang } from "../../src/engine/sglang/sglang.js";

const PIECE = Buffer.alloc(64 * 1024, "x");

/** A connection that has a piece of a reply ready whenever it is not paused, as a fast engine's has. */
class EagerConnection {
	/** Pieces that were taken one after the other, before anybody else had a turn. */
	readonly runs: number[] = [];
	readonly dispatcher = {
		dispatch: (_options: unknown, handler: Dispatcher.DispatchHandler) => {
			this.#handler = handler;
			handler.onRequestStart?.(this.#controller, {});
			handler.onResponseStart?.(this.#controller, 200, {}, "");
			setImmediate(() => {
				handler.onResponseData?.(this.#controller, Buffer.from('{"text":"'));
				this.#send();
			});
			return true;
		},
	} as unknown as Dispatcher;
	#handler: Dispatcher.DispatchHandler = {};
	#left: number;
	#paused = false;
	readonly #controller = {
		rawHeaders: [],
		pause: () => {
			this.#paused = true;
		},
		resume: () => {
			this.#paused = false;
			this.#send();
		},
	} as unknown as Dispatcher.DispatchController;

	constructor(pieces: number) {
		this.#left = pieces;
	}

	#send(): void {
		let run = 0;
		for (; !this.#paused && this.#left > 0; this.#left--, run++) {
			const untilMs = performance.now() + 1;
			while (performance.now() < untilMs);
			this.#handler.onResponseData?.(this.#controller, PIECE);
			if (this.#left === 1) this.#handler.onResponseData?.(this.#controller, Buffer.from('"}'));
		}
		this.runs.push(run);
		if (this.#left === 0 && !this.#paused) this.#handler.onResponseEnd?.(this.#controller, {});
	}
}

async function read(connection: EagerConnection): Promise<number> {
	const reply = await exchange(connection.dispatcher, {
		...{ path: "/", headers: [], chunks: [Buffer.from("{}")], byteLength: 2, timeoutMs: 60_000 },
		...{ maxRefusalBytes: 2 ** 30, maxReplyBytes: 2 ** 30, signal: new Cancellation() },
		...{
			onCancelled: () => {},
			onReplyBytes: undefined,
			knownPayloads: [],
			sites: sglang.sites,
			sentIds: [],
		},
	});
	return reply.scanned?.rest.length ?? 0;
}

test("a large reply takes its slices of the loop in turn with others, and is whole", async () => {
	const connection = new EagerConnection(40);
	expect(await read(connection)).toBe(40 * PIECE.length + '{"text":""}'.length);
	expect(Math.max(...connection.runs)).toBeLessThan(40);
	expect(connection.runs.length).toBeGreaterThan(4);
});

test("a small reply is taken as it comes", async () => {
	const connection = new EagerConnection(3);
	expect(await read(connection)).toBe(3 * PIECE.length + '{"text":""}'.length);
	expect(connection.runs).toEqual([3]);
});
