// Commands in sandboxes: their time, their output, what becomes of what they leave. Makes and ends no sandbox but one it cannot clean.
import { RollpinError } from "../base/errors.js";
import type { ExecEnd, ExecOutput } from "./backend.js";
import { BackgroundExec } from "./background.js";
import { ClippedOutput } from "./clipped-output.js";
import { newExecId } from "./ids.js";
import { lateError } from "./late.js";
import type { Entry, SandboxLedger, SandboxParts } from "./ledger.js";
import type { ReapFailures } from "./reap-failures.js";
import { endError } from "./record.js";

export interface ExecRequest {
	argv: readonly string[];
	stdin: Uint8Array | null;
	env: Readonly<Record<string, string>>;
	cwd: string | null;
	/** Null: as long as the sandbox lives. */
	timeoutMs: number | null;
	outputLimitBytes: number;
}

export interface ExecResult {
	exitCode: number | null;
	timedOut: boolean;
	oom: boolean;
	durationMs: number;
	stdoutBytes: number;
	stderrBytes: number;
}

export interface BufferedResult extends ExecResult {
	stdout: string;
	stderr: string;
	truncated: boolean;
}

/** At once in one sandbox; each holds its output. */
const MAX_EXECS = 32;
/** Of background commands that have ended, so many are kept in each sandbox. */
const MAX_ENDED_BACKGROUND = 16;
/** A kill that takes longer does not keep the answer. */
const KILL_ANSWER_MS = 1_000;
/** What is left of a dead command by then cannot be ended but with its sandbox. */
const SURVIVORS_MS = 2_000;
const SHORT_CALL_MS = 15_000;

export class SandboxCommands {
	readonly #parts: SandboxParts;
	readonly #ledger: SandboxLedger;
	readonly #failures: ReapFailures;

	constructor(parts: SandboxParts, ledger: SandboxLedger, failures: ReapFailures) {
		this.#parts = parts;
		this.#ledger = ledger;
		this.#failures = failures;
	}

	/**
	 * @param left fires when the client goes: nobody would read the answer
	 * @throws RollpinError 410 when the sandbox ends under the command
	 */
	async run(id: string, request: ExecRequest, left: AbortSignal): Promise<BufferedResult> {
		const outputs = {
			stdout: new ClippedOutput(request.outputLimitBytes),
			stderr: new ClippedOutput(request.outputLimitBytes),
		};
		const result = await this.stream(id, request, (stream, bytes) => outputs[stream].add(bytes), left);
		const { stdout, stderr } = outputs;
		return {
			...result,
			stdout: stdout.text(),
			stderr: stderr.text(),
			truncated: stdout.truncated || stderr.truncated,
		};
	}

	/** As `run`; whole output goes to the sink, which must not throw. */
	async stream(id: string, request: ExecRequest, sink: ExecOutput, left: AbortSignal): Promise<ExecResult> {
		return await this.#exec(await this.#enter(id), newExecId(), request, sink, left);
	}

	async start(id: string, request: ExecRequest): Promise<BackgroundExec> {
		const entry = await this.#enter(id);
		const exec = new BackgroundExec(newExecId(), this.#ledger.nowMs(), request.outputLimitBytes);
		const ended = [...entry.background.values()].filter(({ end }) => end !== null);
		if (ended.length >= MAX_ENDED_BACKGROUND) entry.background.delete(ended[0]?.execId ?? "");
		entry.background.set(exec.execId, exec);
		const startedMs = performance.now();
		const write: ExecOutput = (stream, bytes) => exec.write(stream, bytes);
		exec.done = this.#exec(entry, exec.execId, request, write, exec.killed.signal).then(
			(result) => exec.ended(result),
			(error: unknown) =>
				exec.ended({
					exitCode: null,
					timedOut: false,
					oom: false,
					durationMs: performance.now() - startedMs,
					failure: error instanceof RollpinError ? error.code : "internal",
				}),
		);
		return exec;
	}

	/** @throws RollpinError `sandbox_exec_not_found` */
	background(id: string, execId: string): BackgroundExec {
		const exec = this.#ledger.find(id).background.get(execId);
		if (exec !== undefined) return exec;
		throw new RollpinError("sandbox_exec_not_found", `sandbox ${id} has no background command ${execId}`);
	}

	/** Resolves when it has ended. */
	async kill(id: string, execId: string): Promise<void> {
		const exec = this.background(id, execId);
		exec.killed.abort(new Error("ended by its client"));
		await exec.done;
	}

	async #enter(id: string): Promise<Entry> {
		const entry = this.#ledger.find(id);
		await entry.made;
		const running = this.#ledger.find(id);
		if (running.execs >= MAX_EXECS) {
			throw new RollpinError(
				"too_many_requests",
				`${running.execs} commands run in sandbox ${id} already; wait for one of them`,
				{ retryAfterS: 1 },
			);
		}
		// Before anything is waited for: many that come at once count each other.
		running.execs++;
		return running;
	}

	/** @param entry of `#enter` */
	async #exec(
		entry: Entry,
		execId: string,
		request: ExecRequest,
		sink: ExecOutput,
		left: AbortSignal,
	): Promise<ExecResult> {
		const startedMs = performance.now();
		const bytes = { stdout: 0, stderr: 0 };
		let isOver = false;
		const output: ExecOutput = (stream, piece) => {
			// It was answered without waiting for the last of it.
			if (isOver) return;
			bytes[stream] += piece.length;
			return sink(stream, piece);
		};
		try {
			const { end, why } = await this.#bounded(entry, execId, request, output, left);
			const result: ExecResult = {
				exitCode: end.exitCode,
				timedOut: why === "timeout",
				oom: end.oom,
				durationMs: Math.round(performance.now() - startedMs),
				stdoutBytes: bytes.stdout,
				stderrBytes: bytes.stderr,
			};
			this.#done(entry, execId, result);
			if (why === "deadline") {
				await this.#ledger.end(entry, "expired");
				void this.#ledger.removeOrLog(entry);
				throw deadlineError(entry);
			}
			return result;
		} finally {
			isOver = true;
			entry.execs--;
		}
	}

	async #bounded(
		entry: Entry,
		execId: string,
		request: ExecRequest,
		output: ExecOutput,
		left: AbortSignal,
	): Promise<{ end: ExecEnd; why: Why }> {
		const { backend } = this.#parts;
		const { argv, stdin, env, cwd, timeoutMs } = request;
		const { id } = entry.record;
		const stopped: { why: Why } = { why: null };
		const stop = new AbortController();
		const stopFor = (reason: Exclude<Why, null>): void => {
			stopped.why ??= reason;
			stop.abort(new Error(`the command was stopped: ${reason}`));
		};
		const onLeft = (): void => stopFor("left");
		const onOver = (): void => stopFor("over");
		left.addEventListener("abort", onLeft, { once: true });
		entry.over.signal.addEventListener("abort", onOver, { once: true });
		if (left.aborted) onLeft();
		if (entry.over.signal.aborted) onOver();
		let timer: NodeJS.Timeout | undefined;
		const arm = (): void => {
			// The sandbox's end may be moved meanwhile.
			const lifeMs = Math.max(0, entry.record.killAtMs - this.#ledger.nowMs());
			const ownMs =
				timeoutMs === null ? Number.POSITIVE_INFINITY : timeoutMs - (performance.now() - startedMs);
			if (ownMs <= 0) stopFor("timeout");
			else if (lifeMs <= 0) stopFor("deadline");
			else timer = setTimeout(arm, Math.min(ownMs, lifeMs, 10_000));
		};
		const startedMs = performance.now();
		arm();
		try {
			const running = backend.exec(id, { execId, argv, stdin, env, cwd }, output, stop.signal);
			const end = await answerInTime(running, stop.signal);
			if (entry.over.signal.aborted) throw await endOf(entry);
			// Its PID 1 may have gone, and all with it.
			const { why } = stopped;
			const isSuspect = why === null && (end.exitCode === null || end.exitCode === 137);
			const gone = isSuspect ? await this.#ledger.settleNow(entry) : null;
			if (gone !== null) throw gone;
			return { end: why === null ? end : { ...end, exitCode: null }, why };
		} catch (error) {
			if (entry.over.signal.aborted) throw await endOf(entry);
			if (stop.signal.aborted && error === stop.signal.reason) {
				if (stopped.why === "timeout") throw notStarted();
				return { end: { exitCode: null, oom: false }, why: stopped.why };
			}
			const isGone = error instanceof RollpinError && error.code === "sandbox_lost";
			if (!isGone) throw lateError(error);
			throw (await this.#ledger.settleNow(entry)) ?? error;
		} finally {
			clearTimeout(timer);
			left.removeEventListener("abort", onLeft);
			entry.over.signal.removeEventListener("abort", onOver);
			if (stop.signal.aborted) this.#lookForSurvivors(entry, execId);
		}
	}

	/** Whoever escaped the kill could write what no turn knows of: the sandbox goes with it. */
	#lookForSurvivors(entry: Entry, execId: string, isAgain = false): void {
		setTimeout(() => void this.#endWithSurvivors(entry, execId, isAgain), SURVIVORS_MS).unref();
	}

	/** Never throws. */
	async #endWithSurvivors(entry: Entry, execId: string, isAgain: boolean): Promise<void> {
		const { id } = entry.record;
		try {
			if (entry.record.state === "ended") return;
			const left = await this.#parts.backend.survivors(id, execId, AbortSignal.timeout(SHORT_CALL_MS));
			if (left > 0) await this.#ledger.finish(entry, "lost");
		} catch (error) {
			// Not counted is not none: asked until it is known, or the sandbox has ended.
			if (!isAgain) this.#failures.add(id, error);
			this.#lookForSurvivors(entry, execId, true);
		}
	}

	#done(entry: Entry, execId: string, result: ExecResult): void {
		const { log, metrics } = this.#parts;
		metrics.sandbox_exec_seconds.observe(result.durationMs / 1000);
		if (result.timedOut) metrics.sandbox_exec_timeouts_total.value++;
		log.event("exec_done", {
			sandbox_id: entry.record.id,
			session_id: entry.record.sessionId,
			exec_id: execId,
			exit_code: result.exitCode,
			timed_out: result.timedOut,
			duration_ms: result.durationMs,
			stdout_bytes: result.stdoutBytes,
			stderr_bytes: result.stderrBytes,
		});
	}
}

/** Why a command was stopped: its own time, its sandbox's, its sandbox ended, its client left. */
type Why = "timeout" | "deadline" | "over" | "left" | null;

/** Its time was over before there was anything to stop: no command of an agent's was too slow. */
function notStarted(): RollpinError {
	return new RollpinError(
		"sandbox_backend_unavailable",
		"what runs the sandboxes did not start the command within its time; it was not run",
		{ retryAfterS: 1 },
	);
}

/** Once its session knows: who hears of the end may look there at once. */
async function endOf(entry: Entry): Promise<RollpinError> {
	await entry.ended;
	return endError(entry.record, true);
}

function deadlineError({ record }: Entry): RollpinError {
	return new RollpinError(
		"sandbox_expired",
		`the command was cut: the time of sandbox ${record.id} is over`,
		{ status: 410, details: { reason: "expired", at: record.deadlineMs / 1000 } },
	);
}

/** What the command gives; once it is stopped, no later than a moment after. */
async function answerInTime(running: Promise<ExecEnd>, stop: AbortSignal): Promise<ExecEnd> {
	let timer: NodeJS.Timeout | undefined;
	let onStop = (): void => undefined;
	const late = new Promise<ExecEnd>((resolve) => {
		onStop = () => {
			timer = setTimeout(() => resolve({ exitCode: null, oom: false }), KILL_ANSWER_MS);
		};
		if (stop.aborted) onStop();
		else stop.addEventListener("abort", onStop, { once: true });
	});
	running.catch(() => undefined);
	try {
		return await Promise.race([running, late]);
	} finally {
		clearTimeout(timer);
		stop.removeEventListener("abort", onStop);
	}
}
