// The event loop's side of the assembly thread: starts it when needed, feeds it, bounds how much runs at once.
import { setImmediate as breathe } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { ConfigError } from "../base/errors.js";
import { background } from "../base/pace.js";
import type { ContainerPiece } from "./deferred-payloads.js";
import type { HookPaths } from "./hooks.js";
import type { SampleJob } from "./job.js";
import { SampleError } from "./sample.js";
import type { FromThread, ThreadSettings, ToThread } from "./thread-messages.js";

/** The entry beside this file in the build. */
const BUILT_ENTRY = fileURLToPath(new URL("./thread.js", import.meta.url));

/** Jobs on the thread at once: each may hold a session's payloads. The others wait in turn. */
const MAX_JOBS = 2;

/** A turn has four lists and texts; about a millisecond. */
const TURNS_AT_ONCE = 64;

/** Payloads cross in slices of this size, and other work gets its turn between two of them. */
const SLICE_BYTES = 2 * 1024 * 1024;

/** What a job reads while it runs. */
export interface JobReads {
	/** Base64 text of one payload, in pieces; each is used up before the next one is asked for. */
	payload(turn: number, index: number): AsyncIterable<Uint8Array>;
	decode(lists: readonly Int32Array[]): Promise<string[]>;
}

export interface PreparedJob {
	input: SampleJob;
	reads: JobReads;
}

export interface AssembledJob {
	pieces: ContainerPiece[];
	/** Those of the prepared job, for the deferred pieces. */
	reads: JobReads;
}

interface RunningJob {
	thread: Thread;
	reads: JobReads;
	/** Why a question could not be answered. */
	fault: unknown;
	resolve(pieces: ContainerPiece[]): void;
	reject(error: unknown): void;
}

interface Thread {
	worker: Worker;
	ready: Promise<void>;
}

export class SampleAssembler {
	readonly #hooks: HookPaths;
	readonly #entry: string;
	#thread: Thread | null = null;
	readonly #jobs = new Map<number, RunningJob>();
	#nextJob = 0;
	readonly #waiting: Array<() => void> = [];
	#running = 0;

	/** @param entry absolute path of the thread's file; for tests that run from source */
	constructor(hooks: HookPaths, entry: string = BUILT_ENTRY) {
		this.#hooks = hooks;
		this.#entry = entry;
	}

	/** Starts the thread ahead of the first job. @throws ConfigError when a hook cannot be loaded */
	async start(): Promise<void> {
		await this.#started().ready;
	}

	/**
	 * The container in pieces; the deferred ones are read by `containerBytes` after the job.
	 * @param prepare called when the job's turn has come, so that jobs that wait hold nothing
	 * @throws SampleError with the text of a 422; whatever `prepare` and the reads throw
	 */
	async assemble(prepare: () => Promise<PreparedJob>): Promise<AssembledJob> {
		if (this.#running >= MAX_JOBS) await new Promise<void>((resolve) => this.#waiting.push(resolve));
		else this.#running++;
		try {
			const { input, reads } = await prepare();
			const thread = this.#started();
			await thread.ready;
			const job = this.#nextJob++;
			const made = new Promise<ContainerPiece[]>((resolve, reject) => {
				this.#jobs.set(job, { thread, reads, fault: undefined, resolve, reject });
			});
			// Awaited below, and a thread may die before.
			made.catch(() => {});
			await this.#send(thread, job, input);
			return { pieces: await made, reads };
		} finally {
			const next = this.#waiting.shift();
			// The place goes to the one who waits, so nobody can slip in between.
			if (next === undefined) this.#running--;
			else next();
		}
	}

	async close(): Promise<void> {
		const thread = this.#thread;
		this.#thread = null;
		await thread?.worker.terminate();
	}

	/** Copied as it is sent, so not all turns at once. */
	async #send(thread: Thread, job: number, { turns, ...input }: SampleJob): Promise<void> {
		for (let at = 0; at < turns.length; at += TURNS_AT_ONCE) {
			if (background.isOver) await background.breathe();
			this.#post(thread, { type: "turns", job, turns: turns.slice(at, at + TURNS_AT_ONCE) });
		}
		if (background.isOver) await background.breathe();
		this.#post(thread, { type: "assemble", job, input });
	}

	#started(): Thread {
		if (this.#thread !== null) return this.#thread;
		const settings: ThreadSettings = { ...this.#hooks };
		const worker = new Worker(this.#entry, { workerData: settings, name: "rollpin-samples" });
		// A request under way keeps the process alive; an idle thread must not.
		worker.unref();
		const ready = new Promise<void>((resolve, reject) => {
			worker.on("message", (message: FromThread) => {
				if (message.type === "ready") resolve();
				else if (message.type === "unusable") reject(new ConfigError(message.reason));
				else this.#take(thread, message);
			});
			worker.on("error", (error) => {
				reject(error);
				this.#lost(thread, error);
			});
			worker.on("exit", () => {
				const error = new Error("the assembly thread has ended");
				reject(error);
				this.#lost(thread, error);
			});
		});
		// Whoever waits for it sees the failure; nobody waiting is no crash.
		ready.catch(() => {});
		const thread: Thread = { worker, ready };
		this.#thread = thread;
		return thread;
	}

	/** Every job of a thread that died fails; the next one starts another thread. */
	#lost(thread: Thread, error: unknown): void {
		if (this.#thread === thread) this.#thread = null;
		for (const [id, job] of this.#jobs) {
			if (job.thread !== thread) continue;
			this.#jobs.delete(id);
			job.reject(error);
		}
	}

	#take(thread: Thread, message: Exclude<FromThread, { type: "ready" | "unusable" }>): void {
		const job = this.#jobs.get(message.job);
		if (job === undefined) return;
		if (message.type === "ask_decode" || message.type === "ask_payload") {
			void this.#answer(thread, job, message);
			return;
		}
		this.#jobs.delete(message.job);
		if (job.fault !== undefined) job.reject(job.fault);
		else if (message.type === "done") job.resolve(message.pieces);
		else if (message.type === "refused") job.reject(new SampleError(message.reason));
		else job.reject(message.error);
	}

	async #answer(
		thread: Thread,
		job: RunningJob,
		message: Extract<FromThread, { type: "ask_decode" | "ask_payload" }>,
	): Promise<void> {
		const { ask } = message;
		try {
			if (message.type === "ask_decode") {
				const texts = await job.reads.decode(message.lists);
				this.#post(thread, { type: "texts", ask, texts });
				return;
			}
			for await (const piece of job.reads.payload(message.turn, message.index)) {
				for (let at = 0; at < piece.byteLength; at += SLICE_BYTES) {
					// Copied, because a store's piece may be a view; then handed over without a second copy.
					const slice = new Uint8Array(piece.subarray(at, at + SLICE_BYTES));
					this.#post(thread, { type: "payload", ask, piece: slice }, [slice.buffer]);
					await breathe();
				}
			}
			this.#post(thread, { type: "payload", ask, piece: new Uint8Array(0) });
		} catch (error) {
			job.fault = error;
			this.#post(thread, { type: "unanswered", ask });
		}
	}

	#post(thread: Thread, message: ToThread, transfer: ArrayBuffer[] = []): void {
		thread.worker.postMessage(message, transfer);
	}
}
