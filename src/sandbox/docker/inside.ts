// Small programs of ours inside a sandbox, run to their end; and what every run of a command needs. Knows no command of a client.
import type { ExecEnd, ExecOutput } from "../backend.js";
import type { Engine } from "./engine.js";
import { type InsideCommand, Run } from "./run.js";

export const EXEC_VARIABLE = "ROLLPIN_EXEC=";
/** In the environment of our own processes inside: no command left them. */
export const OWN_ENTRY = `${EXEC_VARIABLE}own`;
const MAX_TEXT = 4_000;

export interface OwnProgram {
	argv: InsideCommand["argv"];
	user: string;
	env?: readonly string[];
	/** Without it stdin stays open and gives nothing. */
	stdin?: AsyncIterable<Uint8Array>;
}

/** Keeps little of its output. @throws the signal's reason when that fires */
export async function runInside(
	engine: Engine,
	id: string,
	{ argv, user, env = [], stdin }: OwnProgram,
	signal: AbortSignal,
): Promise<ExecEnd & { stdout: string; stderr: string }> {
	const inside: InsideCommand = { argv, user, env: [OWN_ENTRY, ...env], withStdin: true };
	const run = await Run.start(engine, id, inside, signal);
	const text = { stdout: "", stderr: "" };
	const reading = deliver(run, (stream, bytes) => {
		text[stream] = bounded(text[stream], bytes);
	});
	// Stdin that fails must not leave us with a command that waits for more of it.
	const fed = stdin === undefined ? reading : run.feed(stdin).then(() => reading);
	const fired = whenAborted(signal);
	try {
		const end = await Promise.race([reading, fed, fired.promise]);
		if (end === null) throw signal.reason;
		return { ...end, ...text };
	} finally {
		fired.forget();
		for (const each of [reading, fed]) each.catch(() => undefined);
		run.detach();
	}
}

/** Hands on what a run writes; reads no further while `output` is pending. */
export async function deliver(run: Run, output: ExecOutput): Promise<ExecEnd> {
	const frames = run.output();
	for (;;) {
		const next = await frames.next();
		if (next.done === true) return next.value;
		const pending = output(next.value.stream, next.value.bytes);
		if (pending !== undefined) await pending;
	}
}

/** Resolves with null when the signal fires; `forget` lets go of it. */
export function whenAborted(signal: AbortSignal): { promise: Promise<null>; forget: () => void } {
	let fire = (): void => undefined;
	const promise = new Promise<null>((resolve) => {
		fire = () => resolve(null);
	});
	if (signal.aborted) fire();
	signal.addEventListener("abort", fire);
	return { promise, forget: () => signal.removeEventListener("abort", fire) };
}

export function bounded(text: string, bytes: Uint8Array): string {
	return (text + Buffer.from(bytes).toString()).slice(0, MAX_TEXT);
}
