// The contract of a sandbox backend: what the core may ask of whatever runs sandboxes. Makes nothing itself.

/** How long before the announced end a sandbox ends by itself: what is promised is never late. */
export const KILL_MARGIN_MS = 2_000;

/**
 * One way to run sandboxes. Ids are the core's (`newSandboxId`), chosen before `create`, and name the thing at the backend.
 * Every call may throw `sandbox_backend_unavailable` (the backend cannot be reached or does not do its work) and, but for
 * `create`, `remove`, `ended` and those without an id, `sandbox_lost` when there is no such sandbox. No call waits longer than
 * its signal: a call that is aborted throws the signal's reason, if not said otherwise.
 */
export interface SandboxBackend {
	readonly name: string;
	/** False where a deadline can only be shortened. */
	readonly canExtend: boolean;
	/** What it cannot give: a create that asks for one of them by name is refused, so that nobody gets less than asked. */
	readonly lacks: ReadonlySet<SandboxFeature>;
	/** It answers and can make sandboxes. @throws RollpinError `sandbox_backend_unavailable` with what is missing and the remedy */
	probe(signal: AbortSignal): Promise<void>;
	/** The backend's own wall clock, in ms since the epoch: deadlines are judged by it. */
	nowMs(signal: AbortSignal): Promise<number>;
	/**
	 * Makes and starts one; resolves when commands can run. Called with the same spec again, after a crash in the middle, it
	 * takes over what is there. The thing ends itself `KILL_MARGIN_MS` before `deadlineMs` though every process of ours is dead.
	 * What a failed or aborted call left is ended by `remove`.
	 * @param phase called when a phase begins; a phase that is not needed is left out
	 * @throws RollpinError `image_unavailable`
	 */
	create(spec: SandboxSpec, phase: (name: CreatePhase) => void, signal: AbortSignal): Promise<void>;
	/** Moves the end; never above the spec's ceiling. Only called with a later one where `canExtend`. */
	setDeadline(id: string, deadlineMs: number, signal: AbortSignal): Promise<void>;
	/**
	 * Runs a command as the agent's user, in a session (setsid) of its own with `ROLLPIN_EXEC=<exec id>` in its environment.
	 * Resolves when the command has ended and its streams are closed or held open only by what it left running. When the
	 * signal fires it kills every process that carries the exec id and resolves; it throws the signal's reason when that fired
	 * before anything was started. A command that is not there ends with 127
	 * and a message on stderr, one that may not be run with 126.
	 * @param output gets the bytes as they come, in order for each stream; no more is read while its promise is pending
	 */
	exec(id: string, command: ExecCommand, output: ExecOutput, signal: AbortSignal): Promise<ExecEnd>;
	/** Live processes that the exec has left: those that carry its id, and those of the sandbox that carry none. */
	survivors(id: string, execId: string, signal: AbortSignal): Promise<number>;
	/** Extracts a tar stream below the workspace, as the agent's user. @throws RollpinError `invalid_request`: it is no tar */
	putTar(id: string, tar: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void>;
	/**
	 * A tar of a file or a tree.
	 * @param path relative to the workspace, without `..`; `.` is all of it. The entries' names begin with it
	 * @throws RollpinError `sandbox_path_not_found` before the first byte
	 */
	getTar(id: string, path: string, signal: AbortSignal): AsyncIterable<Uint8Array>;
	/** Nothing of it is left when this resolves, whether it was there, half made or gone. False: there was nothing. */
	remove(id: string, signal: AbortSignal): Promise<boolean>;
	/** All of ours at the backend, live or ended, of every instance. Throws when the list fails or is cut: never a shorter list. */
	list(signal: AbortSignal): AsyncIterable<FoundSandbox>;
	/** Why one that was made is gone, as far as the backend can tell; null while it lives. */
	ended(id: string, signal: AbortSignal): Promise<SandboxEnd | null>;
	/** Lets go of what the backend holds here; the sandboxes live on. */
	close(): Promise<void>;
}

export type CreatePhase = "pull" | "create" | "start";

export type SandboxFeature = "image" | "user" | "runtime" | "no_network" | "bridge" | "cpu" | "pids" | "disk";

export interface SandboxSpec {
	id: string;
	/** Whose it is: one name for each data dir. */
	instance: string;
	/** The session it is bound to. */
	sessionId: string | null;
	image: string;
	pullPolicy: "never" | "missing";
	/** Announced end, ms since the epoch. */
	deadlineMs: number;
	/** How far the end may be moved. */
	ceilingMs: number;
	/** Of every command. */
	env: Readonly<Record<string, string>>;
	/** Where commands start: relative to the workspace, or absolute. */
	workdir: string;
	/** Null: the backend's own unprivileged user. */
	user: string | null;
	resources: SandboxResources;
	network: "none" | "bridge";
	runtime: string | null;
	labels: Readonly<Record<string, string>>;
}

export interface SandboxResources {
	/** Cores. */
	cpu: number;
	memoryMib: number;
	pids: number;
	/** Of the workspace. */
	diskMib: number;
}

export interface ExecCommand {
	execId: string;
	/** At least one. */
	argv: readonly string[];
	/** Null: closed from the start. */
	stdin: Uint8Array | null;
	/** Added to the sandbox's own. */
	env: Readonly<Record<string, string>>;
	/** As `SandboxSpec.workdir`; null: that one. */
	cwd: string | null;
}

export type ExecOutput = (stream: "stdout" | "stderr", bytes: Uint8Array) => void | Promise<void>;

export interface ExecEnd {
	/** 128 + signal's number for one that a signal ended; null when we killed it or cannot tell. */
	exitCode: number | null;
	/** A process of it was killed for want of memory. */
	oom: boolean;
}

export interface FoundSandbox {
	id: string;
	/** Null: it carries none that can be read. */
	instance: string | null;
	createdMs: number;
	/** Null: missing or invalid; the reaper reckons from its creation then. */
	ceilingMs: number | null;
	running: boolean;
}

export interface SandboxEnd {
	reason: "deadline" | "oom" | "lost" | "removed";
	/** Ms since the epoch by the backend's clock, or when it was found. */
	atMs: number;
}
