// A session and its sandbox: bound with an obligation, and what the session's record says of the sandbox's end. No HTTP of clients.
import { RollpinError } from "../base/errors.js";
import type { SessionId } from "../base/ids.js";
import { randomHex } from "../base/random-hex.js";
import type { Session } from "../session/life/session.js";
import type { StoredSandboxEnd } from "../store/store.js";
import type { WorkerContext } from "./context.js";
import { SANDBOX_RESOURCE, type SandboxView } from "./sandbox-resource.js";

/** What the session's record keeps of sandboxes that ended under it: the newest. */
const MAX_ENDS = 100;

/** @throws RollpinError `sandbox_not_configured` */
export function requireSandboxes({ sandbox }: WorkerContext): NonNullable<WorkerContext["sandbox"]> {
	if (sandbox !== null) return sandbox;
	throw new RollpinError(
		"sandbox_not_configured",
		"this cluster runs no sandboxes; start it with --sandbox to have them",
	);
}

/** Makes a session's first sandbox, as its client asked when it made the session. */
export async function makeSandbox(
	context: WorkerContext,
	session: Session,
	request: unknown,
): Promise<SandboxView> {
	const resource = requireSandboxes(context);
	const id = `sbx-${randomHex(16)}`;
	resource.asks(id, request);
	return await bindSandbox(context, session, id);
}

/**
 * Stores that the session owes the sandbox, and has it made. An earlier one's obligation is settled first: whoever asks made sure that
 * it has ended.
 * @throws RollpinError of the sandbox process, of a closing session
 */
export async function bindSandbox(
	context: WorkerContext,
	session: Session,
	sandboxId: string,
): Promise<SandboxView> {
	const resource = requireSandboxes(context);
	const { resources } = context.registry;
	const handle = JSON.stringify({ sandbox_id: sandboxId });
	try {
		await resources.close(session.meta.id, SANDBOX_RESOURCE);
		const got = await resources.open(session, SANDBOX_RESOURCE, handle);
		if (got === handle) {
			const view = resource.made(sandboxId);
			if (view !== undefined) return view;
		}
		throw new RollpinError("sandbox_state_conflict", `session ${session.meta.id} is given a sandbox already`);
	} finally {
		resource.made(sandboxId);
	}
}

/** Keeps an end that no client asked for with the session. The same one told twice is kept once. */
export async function noteSandboxEnd(
	{ registry, store }: WorkerContext,
	id: SessionId,
	end: StoredSandboxEnd,
): Promise<void> {
	const session = await registry.get(id);
	await session.write(async () => {
		session.refuseWhenClosing();
		const earlier = session.meta.sandboxEnds ?? [];
		if (earlier.some(({ sandbox_id }) => sandbox_id === end.sandbox_id)) return;
		const meta = { ...session.metaToStore, sandboxEnds: [...earlier, end].slice(-MAX_ENDS) };
		await store.commit([{ op: "put_session", meta }]);
		session.meta = meta;
	});
}
