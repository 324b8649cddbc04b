// One command as a child process in a session of its own: its streams, its end. Knows no sandbox.
import { type ChildProcess, spawn } from "node:child_process";
import { constants } from "node:os";
import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { RollpinError } from "../../base/errors.js";
import type { ExecEnd, ExecOutput } from "../backend.js";

export interface ChildCommand {
	/** Absolute path of the program, and its arguments. */
	argv: readonly [string, ...string[]];
	cwd: string;
	env: Readonly<Record<string, string>>;
	stdin: Uint8Array | null;
}

/** After the command's end a stream that is held open, and gives nothing for so long, is somebody else's. */
const QUIET_MS = 50;
/** More than what the system holds of a stream: what comes after it was written after the command's end. */
const LEFT_IN_STREAM_BYTES = 1024 * 1024;
/** A process that is stuck in the kernel does not keep the answer. */
const KILLED_MS = 1_000;

/**
 * @param kill ends every process of the command; called when the signal fires
 * @returns when it has ended and what it wrote is read; or after `kill`
 */
export async function runCommand(
	command: ChildCommand,
	output: ExecOutput,
	kill: () => Promise<void>,
	signal: AbortSignal,
): Promise<ExecEnd> {
	const [program, ...args] = command.argv;
	let child: ChildProcess;
	try {
		child = start(program, args, command);
	} catch (error) {
		return await notStarted(error, output);
	}
	const exited = new Promise<number | null>((resolve, reject) => {
		child.once("error", reject);
		child.once("exit", (code, by) => resolve(by === null ? code : 128 + constants.signals[by]));
	});
	let bytesAfterExit = 0;
	let ended = false;
	let delivering = 0;
	const read = async (stream: "stdout" | "stderr", from: Readable): Promise<void> => {
		try {
			for await (const bytes of from as AsyncIterable<Uint8Array>) {
				if (ended) bytesAfterExit += bytes.length;
				delivering++;
				await output(stream, bytes);
				delivering--;
			}
		} catch (error) {
			if (!from.destroyed) throw error;
		}
	};
	const streams = [child.stdout as Readable, child.stderr as Readable];
	const reading = Promise.all([
		read("stdout", streams[0] as Readable),
		read("stderr", streams[1] as Readable),
	]);
	reading.catch(() => undefined);
	let killed = false;
	let stop = (): void => undefined;
	const aborted = new Promise<"killed">((resolve, reject) => {
		stop = () => {
			killed = true;
			kill().then(() => resolve("killed"), reject);
		};
		if (signal.aborted) stop();
		else signal.addEventListener("abort", stop, { once: true });
	});
	aborted.catch(() => undefined);
	if (command.stdin !== null) {
		child.stdin?.on("error", () => undefined);
		child.stdin?.end(command.stdin);
	}
	try {
		const end = await Promise.race([exited, aborted]);
		ended = true;
		if (killed) {
			await aborted;
			await Promise.race([exited, sleep(KILLED_MS)]);
		}
		for (let before = -1; delivering > 0 || before !== bytesAfterExit; ) {
			before = bytesAfterExit;
			if (bytesAfterExit > LEFT_IN_STREAM_BYTES) break;
			const done = await Promise.race([reading.then(() => true), sleep(QUIET_MS).then(() => false)]);
			if (done || killed) break;
		}
		return { exitCode: killed || end === "killed" ? null : end, oom: false };
	} catch (error) {
		if (child.pid !== undefined) throw error;
		return await notStarted(error, output);
	} finally {
		signal.removeEventListener("abort", stop);
		for (const stream of streams) stream.destroy();
	}
}

function start(program: string, args: string[], command: ChildCommand): ChildProcess {
	return spawn(program, args, {
		cwd: command.cwd,
		env: { ...command.env },
		detached: true,
		stdio: [command.stdin === null ? "ignore" : "pipe", "pipe", "pipe"],
	});
}

/** As a shell would tell it, where the command is to blame. */
async function notStarted(error: unknown, output: ExecOutput): Promise<ExecEnd> {
	const code = (error as NodeJS.ErrnoException).code;
	if (code === "E2BIG" || code === "EACCES" || code === "ENOENT") {
		const why = code === "E2BIG" ? "argument list too long" : "its directory cannot be entered";
		await output("stderr", Buffer.from(`the command cannot be started: ${why}\n`));
		return { exitCode: 126, oom: false };
	}
	throw new RollpinError(
		"sandbox_backend_unavailable",
		`the command cannot be started: ${error instanceof Error ? error.message : String(error)}`,
		{ retryAfterS: 1, cause: error },
	);
}
