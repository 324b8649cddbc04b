// Forks children with node:cluster and shows them as plain handles. The only file that knows node:cluster.
import type { ChildProcess } from "node:child_process";
import cluster from "node:cluster";
import type { Socket } from "node:net";
import { fileURLToPath } from "node:url";
import type { ChildRole, FromChild, ToChild } from "../ipc/messages.js";
import { ChildOutput, type OutputLog } from "./child-output.js";

/** One running child, whatever carries it. No method throws; a dead child ignores every message. */
export interface ChildHandle {
	/** 0 when the process could not even be started; `onExit` follows. */
	readonly pid: number;
	/** `done` gets the reason when the message could not be written. `connection` stays open here, too. */
	send(message: ToChild, connection?: Socket, done?: (error: Error | null) => void): void;
	kill(signal: NodeJS.Signals): void;
	onMessage(listener: (message: FromChild) => void): void;
	/**
	 * Called once, after the child's last message and its last print. Exactly one of code and signal is set; `stderr` is what it
	 * wrote there last, null or left out where that was nothing.
	 */
	onExit(listener: (code: number | null, signal: string | null, stderr?: string | null) => void): void;
}

export type Fork = (role: ChildRole) => ChildHandle;

/** Absolute paths of the children's entry files. */
export type ChildEntries = Readonly<Record<ChildRole, string>>;

/** The entries beside this file in the build. */
const BUILT_ENTRIES: ChildEntries = {
	worker: fileURLToPath(new URL("../worker/child.js", import.meta.url)),
	router: fileURLToPath(new URL("../router/child.js", import.meta.url)),
	sim: fileURLToPath(new URL("../sim/child.js", import.meta.url)),
	sandbox: fileURLToPath(new URL("../sandbox-host/child.js", import.meta.url)),
};

/**
 * Each collection of an idle worker ages the code of its functions, and V8 throws away what is old: the next burst would compile
 * nearly all of it again. And as long as little lives, V8 collects the whole heap each few MiB: it may grow to 64 first.
 * Both are measured in docs/decisions.md, and known to the V8 of every Node from 20 to 26.
 */
const EXEC_ARGV: Readonly<Record<ChildRole, readonly string[]>> = {
	worker: ["--no-flush-bytecode", "--initial-old-space-size=64"],
	router: [],
	sim: [],
	sandbox: [],
};

/** Longest wait for the last messages and prints of a process that has exited. */
const LAST_MESSAGES_MS = 200;

/** @param log takes what the children print: one process writes the cluster's log, so that no line stands within another */
export function createClusterFork(log: OutputLog, entries: ChildEntries = BUILT_ENTRIES): Fork {
	return (role) => {
		cluster.setupPrimary({
			exec: entries[role],
			stdio: ["ignore", "pipe", "pipe", "ipc"],
			args: [],
			execArgv: [...process.execArgv, ...EXEC_ARGV[role]],
		});
		const worker = cluster.fork();
		const child = worker.process;
		const output = new ChildOutput(role, child.pid ?? 0, child, log);
		let exitListener:
			| ((code: number | null, signal: string | null, stderr?: string | null) => void)
			| undefined;
		let gone = false;
		const exited = (code: number | null, signal: string | null): void => {
			if (gone) return;
			gone = true;
			// The exit can overtake a `failed` that is still in the channel, and the stack that it died of.
			let reported = false;
			const report = (): void => {
				if (reported) return;
				reported = true;
				clearTimeout(timer);
				exitListener?.(code, signal, output.ended());
			};
			const timer = setTimeout(report, LAST_MESSAGES_MS);
			void Promise.all([
				ended(child, "disconnect", child.connected),
				ended(child, "close", child.pid !== undefined),
			]).then(report);
		};
		child.once("exit", exited);
		worker.on("error", () => {
			// Errors of sending go to `done`; a process that never started has no other end than this.
			if (child.pid === undefined) setImmediate(exited, 1, null);
		});
		return {
			pid: child.pid ?? 0,
			send(message, connection, done) {
				if (!child.connected) {
					if (done !== undefined) setImmediate(done, new Error("the child's channel is closed"));
					return;
				}
				// Ours stays open until the child took its own: a child that dies on the way loses no connection.
				child.send(message, connection, { keepOpen: true }, (error) => done?.(error));
			},
			kill(signal) {
				child.kill(signal);
			},
			onMessage(listener) {
				child.on("message", (message) => listener(message as FromChild));
			},
			onExit(listener) {
				exitListener = listener;
			},
		};
	};
}

/** @param isToCome false: at once */
function ended(child: ChildProcess, event: "close" | "disconnect", isToCome: boolean): Promise<void> {
	return isToCome ? new Promise((resolve) => child.once(event, () => resolve())) : Promise.resolve();
}
