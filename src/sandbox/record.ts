// What is known of one sandbox, as it is stored: made before the thing, kept for a while after its end. Pure.
import { RollpinError } from "../base/errors.js";
import type { SandboxEnd } from "./backend.js";

export type EndReason = "deleted" | "session_ended" | "expired" | "lost" | "oom" | "failed";

export interface SandboxRecord {
	id: string;
	sessionId: string | null;
	/** The client's Idempotency-Key and the hash of what it asked for. */
	key: string | null;
	fingerprint: string;
	state: "creating" | "running" | "ended";
	image: string;
	labels: Readonly<Record<string, string>>;
	/** Times are ms since the epoch by the backend's clock. */
	createdMs: number;
	/** Announced. */
	deadlineMs: number;
	/** When it ends itself. */
	killAtMs: number;
	ceilingMs: number;
	end: { reason: EndReason; atMs: number } | null;
	/** Ended, and nothing of it is left at the backend. */
	gone: boolean;
	/** Its session has not heard of its end yet. */
	untold: boolean;
}

/** @throws Error when the text is no record of that sandbox */
export function readRecord(text: string, id: string): SandboxRecord {
	const record = JSON.parse(text) as Partial<SandboxRecord> | null;
	const times = [record?.createdMs, record?.deadlineMs, record?.killAtMs, record?.ceilingMs];
	const { state, end, labels } = record ?? {};
	const isEnded = state === "ended" && Object.hasOwn(ENDS, end?.reason ?? "") && Number.isFinite(end?.atMs);
	const isWhole =
		record?.id === id &&
		times.every(Number.isFinite) &&
		(isEnded || state === "creating" || state === "running") &&
		typeof labels === "object" &&
		labels !== null;
	if (isWhole) return record as SandboxRecord;
	throw new Error("it is no whole record of a sandbox");
}

/** In the place of a record that is damaged: nobody knows until when it may live, or who asked for it. */
export function lostRecord(id: string, sessionId: string | null, nowMs: number): SandboxRecord {
	return {
		id,
		sessionId,
		key: null,
		fingerprint: "",
		state: "ended",
		image: "",
		labels: {},
		createdMs: nowMs,
		deadlineMs: nowMs,
		killAtMs: nowMs,
		ceilingMs: nowMs,
		end: { reason: "lost", atMs: nowMs },
		gone: false,
		untold: sessionId !== null,
	};
}

/** An end that no client asked for: what it did until then must not be scored. */
export function isSurprise(reason: EndReason): boolean {
	return reason === "expired" || reason === "lost" || reason === "oom";
}

/** What the backend says of an end, by what we know: what is gone after its time has expired, whoever saw it go. */
export function reasonOf(end: SandboxEnd, killAtMs: number): EndReason {
	if (end.reason === "deadline" || end.atMs >= killAtMs) return "expired";
	return end.reason === "oom" ? "oom" : "lost";
}

/**
 * The error for who asks for a sandbox that has ended.
 * @param running it ended under a command
 */
export function endError({ id, end }: SandboxRecord, running = false): RollpinError {
	const reason = end?.reason ?? "lost";
	const at = end === null ? null : end.atMs / 1000;
	const [code, why] = ENDS[reason];
	const status = running ? 410 : undefined;
	return new RollpinError(code, `sandbox ${id} has ended: ${why}`, {
		...(status === undefined ? {} : { status }),
		details: { reason, at },
	});
}

const ENDS = {
	deleted: ["sandbox_deleted", "it was deleted"],
	session_ended: ["sandbox_deleted", "its session has ended"],
	expired: ["sandbox_expired", "its time was over"],
	lost: ["sandbox_lost", "it was lost; mask what was done with it, do not score it"],
	oom: ["sandbox_lost", "it ran out of memory; mask what was done with it, do not score it"],
	failed: ["sandbox_not_found", "it could not be made"],
} as const satisfies Record<EndReason, readonly [string, string]>;
