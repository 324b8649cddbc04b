// A child's end of the channel to the primary: typed messages, and the rule that no child outlives the primary.
import type { FailureCode } from "../base/exit-codes.js";
import type { ChildRole, FromChild, ToChild } from "./messages.js";

type Handler<Type extends ToChild["type"]> = (
	message: Extract<ToChild, { type: Type }>,
	/** The connection handle of a `connection` message; undefined when it closed on its way. */
	handle: unknown,
) => void;

export interface ChildChannel {
	/**
	 * Resolves when the message has been written to the channel; never rejects: without a channel the
	 * process is about to exit anyway.
	 */
	send(message: FromChild): Promise<void>;
	/** One handler per message type; a second one replaces the first. */
	on<Type extends ToChild["type"]>(type: Type, handler: Handler<Type>): void;
	/** Says `failed` with one line for the operator and exits. Call it instead of throwing during the start. */
	fail(message: string, exitCode: FailureCode): Promise<never>;
}

export interface ChildChannelOptions {
	/** Last words when the primary is gone: synchronous, and it must not throw. */
	onOrphaned?: () => void;
	/** The operator sent SIGTERM to this very process; without a handler the signal is ignored. */
	onTerminate?: () => void;
}

/** How often a child looks whether its parent is still the primary; the channel's end is noticed at once. */
const WATCHDOG_MS = 1_000;
/** Exit code of a child whose primary is gone. */
const ORPHAN_EXIT_CODE = 1;

/**
 * Connects this process to the primary that forked it, says `hello` and answers pings. SIGINT is ignored: a
 * terminal sends it to the whole process group, and the primary alone decides what it means.
 * @throws Error when this process was not forked by a primary
 */
export function connectToPrimary(role: ChildRole, options: ChildChannelOptions = {}): ChildChannel {
	if (process.send === undefined) {
		throw new Error(`this file is the ${role} child of a cluster; start it with "rollpin serve"`);
	}
	const parentPid = process.ppid;
	const handlers = new Map<string, (message: ToChild, handle: unknown) => void>();

	const orphaned = (): void => {
		options.onOrphaned?.();
		process.exit(ORPHAN_EXIT_CODE);
	};
	// Before node:cluster's own listener, which exits 0.
	process.prependListener("disconnect", orphaned);
	setInterval(() => {
		if (process.ppid !== parentPid) orphaned();
	}, WATCHDOG_MS).unref();
	process.on("SIGINT", () => undefined);
	// For the primary (reloads); one sent to the whole group must not end us.
	process.on("SIGUSR2", () => undefined);
	process.on("SIGHUP", () => undefined);
	process.on("SIGTERM", () => options.onTerminate?.());

	const send = (message: FromChild): Promise<void> =>
		new Promise((resolve) => {
			if (process.send === undefined || !process.connected) return resolve();
			process.send(message, undefined, undefined, () => resolve());
		});

	process.on("message", (raw: unknown, handle: unknown) => {
		const message = raw as ToChild;
		if (message.type === "ping") void send({ type: "pong", seq: message.seq });
		handlers.get(message.type)?.(message, handle);
	});
	void send({ type: "hello", role });

	return {
		send,
		on(type, handler) {
			handlers.set(type, handler as (message: ToChild, handle: unknown) => void);
		},
		async fail(message, exitCode) {
			await send({ type: "failed", message, exitCode });
			return process.exit(exitCode);
		},
	};
}
