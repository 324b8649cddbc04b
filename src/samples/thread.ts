// Entry of the assembly thread: runs jobs, asks the event loop for payloads and texts. Opens nothing itself.
import { parentPort, workerData } from "node:worker_threads";
import { ConfigError } from "../base/errors.js";
import type { ContainerPiece } from "./deferred-payloads.js";
import { type Hooks, loadHooks } from "./hooks.js";
import { runJob, type SampleJob, type StoredTurn } from "./job.js";
import { SampleError } from "./sample.js";
import type { FromThread, ThreadSettings, ToThread } from "./thread-messages.js";

if (parentPort === null) throw new Error("this module runs on a thread of its own only");
const port = parentPort;

interface Question {
	/** Of a payload. */
	take(piece: Uint8Array): void;
	resolve(texts: string[]): void;
	reject(error: Error): void;
}

/** Of jobs that are still to come. */
const turns = new Map<number, StoredTurn[]>();
const questions = new Map<number, Question>();
let asked = 0;

function tell(message: FromThread, transfer: ArrayBuffer[] = []): void {
	port.postMessage(message, transfer);
}

/** Resolves with the texts that were asked for; a payload's pieces go to `take` before. */
function ask(
	make: (ask: number) => FromThread,
	take: (piece: Uint8Array) => void = () => undefined,
): Promise<string[]> {
	return new Promise((resolve, reject) => {
		const number = asked++;
		questions.set(number, { take, resolve, reject });
		tell(make(number));
	});
}

async function run(job: number, input: SampleJob, hooks: Hooks): Promise<void> {
	try {
		const pieces = await runJob(
			input,
			{
				// Copied: a view would take its whole buffer along.
				decode: (lists) =>
					ask((number) => ({
						type: "ask_decode",
						job,
						ask: number,
						lists: lists.map((list) => list.slice()),
					})),
				payload: async (turn, index, takePiece) => {
					await ask((number) => ({ type: "ask_payload", job, ask: number, turn, index }), takePiece);
				},
			},
			hooks,
		);
		tell({ type: "done", job, pieces }, transferable(pieces));
	} catch (error) {
		if (error instanceof SampleError) tell({ type: "refused", job, reason: error.message });
		else tell({ type: "failed", job, error });
	}
}

/** Buffers that hold one piece and nothing else; the others are copied. */
function transferable(pieces: readonly ContainerPiece[]): ArrayBuffer[] {
	const whole = pieces.flatMap((piece) =>
		piece instanceof Uint8Array &&
		piece.buffer instanceof ArrayBuffer &&
		piece.byteLength === piece.buffer.byteLength
			? piece.buffer
			: [],
	);
	return [...new Set(whole)];
}

function take(message: Exclude<ToThread, { type: "turns" | "assemble" }>): void {
	const question = questions.get(message.ask);
	if (question === undefined) return;
	if (message.type === "payload" && message.piece.byteLength > 0) {
		question.take(message.piece);
		return;
	}
	questions.delete(message.ask);
	if (message.type === "texts") question.resolve(message.texts);
	else if (message.type === "payload") question.resolve([]);
	else question.reject(new Error("the event loop could not answer; it knows why"));
}

try {
	const hooks = await loadHooks(workerData as ThreadSettings);
	port.on("message", (message: ToThread) => {
		if (message.type === "turns") {
			const before = turns.get(message.job);
			if (before === undefined) turns.set(message.job, message.turns);
			else for (const turn of message.turns) before.push(turn);
		} else if (message.type === "assemble") {
			const input = { ...message.input, turns: turns.get(message.job) ?? [] };
			turns.delete(message.job);
			void run(message.job, input, hooks);
		} else take(message);
	});
	tell({ type: "ready" });
} catch (error) {
	if (!(error instanceof ConfigError)) throw error;
	tell({ type: "unusable", reason: error.message });
}
