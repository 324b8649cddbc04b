// What OpenSandbox's clients get: a sandbox, a command's state, as their models have them. Decides nothing.
import type { BackgroundExec } from "../../background.js";
import type { SandboxRecord } from "../../record.js";
import { IDLE_ENTRYPOINT } from "./bodies.js";

export function sandboxJson(record: SandboxRecord): Record<string, unknown> {
	const { createdMs, deadlineMs, end, id, image, labels } = record;
	return {
		id,
		image: { uri: image },
		entrypoint: IDLE_ENTRYPOINT,
		status: {
			state: stateOf(record),
			...(end === null ? {} : { reason: end.reason }),
			lastTransitionAt: timeText(end?.atMs ?? createdMs),
		},
		metadata: labels,
		createdAt: timeText(createdMs),
		expiresAt: timeText(deadlineMs),
	};
}

function stateOf({ end, state }: SandboxRecord): string {
	if (state === "creating") return "Pending";
	if (state === "running") return "Running";
	return end?.reason === "lost" || end?.reason === "oom" || end?.reason === "failed"
		? "Failed"
		: "Terminated";
}

export function backgroundJson({ end, execId, startedMs }: BackgroundExec): Record<string, unknown> {
	return {
		id: execId,
		running: end === null,
		exit_code: end?.exitCode ?? null,
		...(end === null || end.exitCode !== null ? {} : { error: end.timedOut ? "timed out" : "ended" }),
		started_at: timeText(startedMs),
		finished_at: end === null ? null : timeText(startedMs + end.durationMs),
	};
}

export function timeText(ms: number): string {
	return new Date(ms).toISOString();
}
