// Decides whether a request about sandboxes can go to their process as things stand, or why not. Pure.
import { RollpinError } from "../base/errors.js";
import type { SandboxStatus } from "../ipc/messages.js";
import type { RelayTarget } from "./relay.js";
import type { Route } from "./route.js";

export type SandboxRoute = Extract<Route, { kind: "sandbox" }>;

/** In the place of a worker's index. */
export const SANDBOX_PROCESS = -1;

/** @param status null: `--sandbox off` */
export function chooseSandbox(
	{ path }: SandboxRoute,
	status: SandboxStatus | null,
): RelayTarget | RollpinError {
	if (status === null) {
		return new RollpinError(
			"sandbox_not_configured",
			"this cluster runs no sandboxes; start it with --sandbox to have them",
		);
	}
	if (status.state !== "ready" || status.address === null) return sandboxProcessFailed(true);
	return { worker: SANDBOX_PROCESS, address: status.address, internalHeaders: "", path };
}

/** @param untouched not a byte of the request reached it */
export function sandboxProcessFailed(untouched: boolean): RollpinError {
	return new RollpinError(
		"sandbox_backend_unavailable",
		untouched
			? "the sandbox process is not ready; try again: the sandboxes live on"
			: "the sandbox process ended before it answered; the sandboxes live on, and whether it had done what was asked is unknown",
		{ retryAfterS: 1 },
	);
}
