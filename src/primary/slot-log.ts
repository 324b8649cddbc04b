// Turns what happens to a child into its log record. Logs only; the closed event union names one set per role.
import type { Logger } from "../telemetry/logger.js";
import { headline } from "./child-output.js";
import type { ChildSlot, SlotExit } from "./child-slot.js";

const whole = (ms: number): number => Math.round(ms);

export function logSpawn(log: Logger, slot: ChildSlot, attempt: number, sinceLastMs: number): void {
	const common = { epoch: slot.epoch, attempt, after_ms: whole(sinceLastMs) };
	const pid = slot.pid ?? 0;
	const msg = attempt === 0 ? `${nameOf(slot)} started` : `${nameOf(slot)} started again, attempt ${attempt}`;
	if (slot.role === "worker") {
		log.event("worker_spawn", { worker: slot.index, worker_pid: pid, ...common }, msg);
	} else if (slot.role === "router") log.event("router_spawn", { router_pid: pid, ...common }, msg);
	else if (slot.role === "sandbox") log.event("sandbox_process_spawn", { sandbox_pid: pid, ...common }, msg);
	else log.event("sim_spawn", { sim_pid: pid, ...common }, msg);
}

export function logReady(log: Logger, slot: ChildSlot, afterMs: number): void {
	const common = { epoch: slot.epoch, after_ms: whole(afterMs) };
	const pid = slot.pid ?? 0;
	const msg = `${nameOf(slot)} is ready after ${common.after_ms} ms`;
	if (slot.role === "worker") {
		log.event("worker_ready", { worker: slot.index, worker_pid: pid, ...common }, msg);
	} else if (slot.role === "router") log.event("router_ready", { router_pid: pid, ...common }, msg);
	else if (slot.role === "sandbox") log.event("sandbox_process_ready", { sandbox_pid: pid, ...common }, msg);
	else log.event("sim_ready", { sim_pid: pid, ...common }, msg);
}

/** @param sessionsLost the worker's sessions lived in its memory only */
export function logExit(log: Logger, slot: ChildSlot, exit: SlotExit, sessionsLost: boolean): void {
	const common = {
		epoch: exit.epoch,
		exit_code: exit.code,
		exit_signal: exit.signal,
		stderr: exit.stderr,
		after_ms: whole(exit.afterMs),
	};
	const how = exit.signal === null ? `exited with code ${exit.code}` : `was ended by ${exit.signal}`;
	// The figure is the last heartbeat's: after an ordered end nothing was running any more.
	const plural = exit.inflight === 1 ? "request was" : "requests were";
	const running =
		exit.inflight > 0 && !exit.planned ? `; ${exit.inflight} ${plural} running at the last heartbeat` : "";
	const lost = sessionsLost ? "; its sessions are lost (--store memory keeps nothing over an exit)" : "";
	const last = exit.stderr === null ? "" : `; it printed: ${headline(exit.stderr)}`;
	const msg = `${nameOf(slot)} ${how}${running}${slot.role === "worker" ? lost : ""}${last}`;
	// An end that was asked for is no error.
	const level = exit.planned ? "info" : "error";
	if (slot.role === "worker") {
		const fields = { worker: slot.index, worker_pid: exit.pid, inflight: exit.inflight, ...common };
		log.event("worker_exit", fields, msg, level);
	} else if (slot.role === "router")
		log.event("router_exit", { router_pid: exit.pid, ...common }, msg, level);
	else if (slot.role === "sandbox")
		log.event("sandbox_process_exit", { sandbox_pid: exit.pid, ...common }, msg, level);
	else log.event("sim_exit", { sim_pid: exit.pid, ...common }, msg, level);
}

export function logUnresponsive(log: Logger, slot: ChildSlot, silentMs: number): void {
	const silent_ms = whole(silentMs);
	const pid = slot.pid ?? 0;
	const msg = `${nameOf(slot)} gave no sign of life for ${silent_ms} ms; it is killed`;
	if (slot.role === "worker") {
		log.event("worker_unresponsive", { worker: slot.index, worker_pid: pid, silent_ms }, msg);
	} else if (slot.role === "router") log.event("router_unresponsive", { router_pid: pid, silent_ms }, msg);
	else if (slot.role === "sandbox")
		log.event("sandbox_process_unresponsive", { sandbox_pid: pid, silent_ms }, msg);
	else log.event("sim_unresponsive", { sim_pid: pid, silent_ms }, msg);
}

export function logQuarantined(log: Logger, { index: worker }: ChildSlot, crashes: number): void {
	log.event(
		"worker_quarantined",
		{ worker, crashes },
		`worker ${worker} crashed ${crashes} times in a short while: its sessions answer 503 until a later try succeeds`,
	);
}

export function nameOf(slot: ChildSlot): string {
	if (slot.role === "worker") return `worker ${slot.index}`;
	if (slot.role === "sandbox") return "the sandbox process";
	return slot.role === "router" ? "the router" : "the simulated engine";
}
