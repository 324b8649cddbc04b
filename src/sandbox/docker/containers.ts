// What the engine says of containers, read: the list, one's state, how one ended. Makes and removes none.
import type { FoundSandbox, SandboxEnd } from "../backend.js";
import { isSandboxId } from "../ids.js";
import { LABEL, readCeiling } from "./container-spec.js";

interface ListedContainer {
	Names: string[];
	Labels: Record<string, string>;
	/** Seconds since the epoch. */
	Created: number;
	State: string;
}

export interface InspectedContainer {
	Config: { Labels: Record<string, string> };
	State: { Status: string; Running: boolean; OOMKilled: boolean; ExitCode: number; FinishedAt: string };
}

export interface EngineEvent {
	Action: string;
	timeNano: number;
	Actor: { Attributes: Record<string, string> };
}

/** Query of the list of all containers of ours, whoever's they are and whatever their state. */
export const LIST_QUERY = `all=1&filters=${encodeURIComponent(JSON.stringify({ label: [LABEL.sandbox] }))}`;

/** Query of what has happened until now to one that is gone; the engine remembers the last few hundred events of all. */
export function eventsQuery(id: string, nowMs: number): string {
	const filters = { type: ["container"], container: [id], event: ["die", "kill", "oom"] };
	return `since=1&until=${(nowMs / 1_000).toFixed(3)}&filters=${encodeURIComponent(JSON.stringify(filters))}`;
}

export function readList(body: unknown): FoundSandbox[] {
	return (body as ListedContainer[]).flatMap(({ Names, Labels, Created, State }) => {
		const id = Names[0]?.slice(1) ?? "";
		// Another's, that bears our label.
		if (!isSandboxId(id)) return [];
		return {
			id,
			instance: Labels[LABEL.instance] ?? null,
			createdMs: Created * 1_000,
			ceilingMs: readCeiling(Labels[LABEL.ceiling]),
			running: State === "running" || State === "paused",
		};
	});
}

/** Null: it lives, or has not been started yet. */
export function readEnd({ State }: InspectedContainer): SandboxEnd | null {
	if (State.Running || State.Status === "created") return null;
	const atMs = Date.parse(State.FinishedAt);
	if (State.OOMKilled) return { reason: "oom", atMs };
	return { reason: State.ExitCode === 0 ? "deadline" : "lost", atMs };
}

/** How one ended that is not there any more. PID 1 ends with 0 at its deadline only; memory takes it when nothing else is left. */
export function readEvents(events: readonly EngineEvent[], nowMs: number): SandboxEnd {
	const died = events.findLast(({ Action }) => Action === "die");
	if (died === undefined) return { reason: "lost", atMs: nowMs };
	const atMs = Math.floor(died.timeNano / 1e6);
	if (died.Actor.Attributes["exitCode"] === "0") return { reason: "deadline", atMs };
	if (events.some(({ Action }) => Action === "kill")) return { reason: "removed", atMs };
	return { reason: events.some(({ Action }) => Action === "oom") ? "oom" : "lost", atMs };
}
