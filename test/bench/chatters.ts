// The other sessions of bench:read: short chats at a fixed pace from the first phase to the last.
import { open } from "./agents.js";
import { Conversation, type Post, words } from "./chat-client.js";

/** Turns of a session before the chatter goes on in a fresh one, so that every turn costs about the same. */
const TURNS = 8;

export interface Pace {
	chatters: number;
	/** From the start of a chatter's turn to the start of its next, as long as the answer is back by then. */
	everyMs: number;
}

export class Chatters {
	#turnMs: number[] = [];
	#stopped = false;
	readonly #running: Promise<unknown>;
	#minted = 0;

	constructor(connect: () => Post, pace: Pace) {
		const chatters = Array.from({ length: pace.chatters }, (_, index) =>
			this.#chat(connect(), pace.everyMs, (index * pace.everyMs) / pace.chatters),
		);
		this.#running = Promise.all(chatters);
	}

	/** Durations of the turns that ended since the last call. */
	take(): number[] {
		const taken = this.#turnMs;
		this.#turnMs = [];
		return taken;
	}

	/** Rejects with what a chatter failed by. */
	async stop(): Promise<void> {
		this.#stopped = true;
		await this.#running;
	}

	async #chat(post: Post, everyMs: number, delayMs: number): Promise<void> {
		let dueMs = performance.now() + delayMs;
		while (!this.#stopped) {
			const id = await open(post);
			this.#minted++;
			const conversation = new Conversation();
			for (let turn = 0; turn < TURNS && !this.#stopped; turn++) {
				await new Promise((resolve) => setTimeout(resolve, dueMs - performance.now()));
				conversation.user(words(20, this.#minted * TURNS + turn));
				const body = conversation.body(',"model":"sim","max_tokens":32');
				const answer = await post.send(`/sessions/${id}/v1/chat/completions`, body);
				this.#turnMs.push(answer.elapsedMs);
				conversation.assistant(answer.bytes);
				// A late turn is not made up for: that would measure a burst.
				dueMs = Math.max(dueMs + everyMs, performance.now());
			}
		}
		await post.close();
	}
}
