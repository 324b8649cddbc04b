// One run of a command inside a sandbox: its output without our marks, and how it ended, or why that cannot be told. Kills nothing.
import { randomHex } from "../../base/random-hex.js";
import type { ExecEnd } from "../backend.js";
import { AttachedExec } from "./attached-exec.js";
import { type Engine, lost, unavailable } from "./engine.js";
import { MarkFinder } from "./mark-finder.js";
import type { Frame } from "./raw-stream.js";

export interface InsideCommand {
	/** Of the runner, which writes marks with this nonce. */
	argv: (nonce: string) => readonly string[];
	user: string;
	env: readonly string[];
	withStdin: boolean;
}

const INSPECT_LIMIT_MS = 10_000;
/** A sandbox that ends takes its commands along a moment before the engine says so. */
const ENDING_LIMIT_MS = 1_000;
/** Of what the engine says where the command's output should begin. */
const MAX_ENGINE_TEXT = 2_000;
/** So near a limit it is the sandbox that has no room for another process. */
const SPARE_PIDS = 12;
const SPARE_BYTES = 16 * 1024 * 1024;

export class Run {
	readonly #engine: Engine;
	readonly #id: string;
	readonly #attached: AttachedExec;
	readonly #finders: Record<Frame["stream"], MarkFinder>;
	readonly #begun = new Set<Frame["stream"]>();
	readonly #ends: Array<string> = [];
	#engineText = "";
	#calledOff = false;
	#tellBegun: () => void = () => undefined;
	/** When the command's runner was started, in ticks of the kernel; 0 before `begun` and of scripts of ours. */
	startTicks = 0;
	/** The command's processes can be found, or there will be none. */
	readonly begun: Promise<void>;

	private constructor(engine: Engine, id: string, attached: AttachedExec, nonce: string) {
		this.#engine = engine;
		this.#id = id;
		this.#attached = attached;
		this.#finders = { stdout: new MarkFinder(nonce), stderr: new MarkFinder(nonce) };
		this.begun = new Promise((resolve) => {
			this.#tellBegun = resolve;
		});
	}

	/** @throws RollpinError `sandbox_lost`, `sandbox_backend_unavailable`; the signal's reason while nothing is started */
	static async start(engine: Engine, id: string, command: InsideCommand, signal: AbortSignal): Promise<Run> {
		const nonce = randomHex(16);
		const argv = command.argv(nonce);
		const attached = await AttachedExec.start(engine, id, { ...command, argv }, signal);
		return new Run(engine, id, attached, nonce);
	}

	feed(stdin: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<void> {
		return this.#attached.feed(stdin);
	}

	/** It is about to be killed: how it ended is of no interest, and `output` ends with its streams. */
	callOff(): void {
		this.#calledOff = true;
	}

	/** Nobody reads on; what runs goes on. */
	detach(): void {
		this.#attached.detach();
	}

	/**
	 * What the command writes, in order for each stream, until it has ended. What it left running may write on, unheard.
	 * @throws RollpinError `sandbox_lost`: the sandbox went away under it; `sandbox_backend_unavailable`: its end is not known
	 */
	async *output(): AsyncGenerator<Frame, ExecEnd> {
		try {
			for await (const { stream, bytes } of this.#attached.frames()) {
				for (const piece of this.#finders[stream].push(bytes)) {
					if (typeof piece === "string") this.#mark(stream, piece);
					else if (this.#begun.has(stream)) yield { stream, bytes: piece };
					else this.#engineText = (this.#engineText + piece.toString()).slice(0, MAX_ENGINE_TEXT);
				}
				if (this.#ends.length === 2) return endOf(this.#ends[0] ?? "");
			}
		} catch (error) {
			if (this.#ends.length === 0) throw this.#engine.unreachable(error);
		} finally {
			this.#tellBegun();
			this.detach();
		}
		for (const stream of this.#begun) {
			const bytes = this.#finders[stream].rest();
			if (bytes.length > 0) yield { stream, bytes };
		}
		if (this.#calledOff) return { exitCode: null, oom: false };
		return yield* this.#unmarkedEnd();
	}

	#mark(stream: Frame["stream"], words: string): void {
		const [what, ticks] = words.split(" ");
		if (what === "begin") {
			this.#begun.add(stream);
			this.startTicks = Number(ticks ?? 0);
			this.#tellBegun();
		} else {
			this.#ends.push(words);
		}
	}

	/** The streams are closed and the runner has not said the end: it was killed, never started, or the sandbox ended. */
	async *#unmarkedEnd(): AsyncGenerator<Frame, ExecEnd> {
		const signal = AbortSignal.timeout(5 * INSPECT_LIMIT_MS);
		const inspect = { method: "GET", limitMs: INSPECT_LIMIT_MS, signal } as const;
		const found = await this.#engine.call({ ...inspect, path: `/exec/${this.#attached.execId}/json` });
		const { Running, ExitCode } = found.body as { Running?: boolean; ExitCode?: number | null };
		if (found.status !== 404 && Running === true) {
			throw unavailable(`the container engine closed the streams of a command that runs on in ${this.#id}`);
		}
		if (await this.#isEnding(signal)) throw lost(this.#id, "it ended while a command ran");
		if (this.#begun.size > 0) return { exitCode: ExitCode ?? null, oom: false };

		const why = this.#engineText.trim();
		if (/argument list too long/i.test(why)) {
			yield { stream: "stderr", bytes: Buffer.from(`the command cannot be started: ${why}\n`) };
			return { exitCode: 126, oom: false };
		}
		const full = await this.#full(signal);
		if (full === null)
			throw unavailable(`the container engine cannot start a command in ${this.#id}: ${why}`);
		const text = `the command cannot be started, the sandbox has no ${full} left: ${why}\n`;
		yield { stream: "stderr", bytes: Buffer.from(text) };
		return { exitCode: 126, oom: full === "memory" };
	}

	async #isEnding(signal: AbortSignal): Promise<boolean> {
		const limit = AbortSignal.timeout(ENDING_LIMIT_MS);
		try {
			const path = `/containers/${this.#id}/wait?condition=not-running`;
			const both = AbortSignal.any([signal, limit]);
			await this.#engine.call({ method: "POST", path, limitMs: INSPECT_LIMIT_MS, signal: both });
			return true;
		} catch (error) {
			if (limit.aborted) return false;
			throw error;
		}
	}

	/** Which of its own limits keeps a sandbox from starting another process; null: none. */
	async #full(signal: AbortSignal): Promise<"processes" | "memory" | null> {
		const path = `/containers/${this.#id}/stats?stream=false&one-shot=true`;
		const { body } = await this.#engine.call({ method: "GET", path, limitMs: INSPECT_LIMIT_MS, signal });
		const { pids_stats: pids, memory_stats: memory } = body as {
			pids_stats?: { current?: number; limit?: number };
			memory_stats?: { usage?: number; limit?: number };
		};
		if ((pids?.current ?? 0) > (pids?.limit ?? Number.POSITIVE_INFINITY) - SPARE_PIDS) return "processes";
		if ((memory?.usage ?? 0) > (memory?.limit ?? Number.POSITIVE_INFINITY) - SPARE_BYTES) return "memory";
		return null;
	}
}

/** @param words of the mark: "end <code> <processes killed>" */
function endOf(words: string): ExecEnd {
	const [, code, killed] = words.split(" ");
	return { exitCode: Number(code), oom: Number(killed) > 0 };
}
