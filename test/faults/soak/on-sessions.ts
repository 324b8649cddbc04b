// What clients other than their agent do to sessions: cancel what runs, and DELETE.
import type { Chance } from "../random.js";
import type { Injection } from "./lanes.js";
import type { SoakWorld } from "./world.js";

const ANSWERED_MS = 30_000;

/** Ends what the session runs: its agent repeats the chat. */
const cancel: Injection = async (world, chance) => {
	const session = pickSession(world, chance);
	if (session === null) return;
	const { id, worker } = session.ledger;
	const injected = world.begin("cancel", {
		detail: id,
		allows: [{ status: 409, code: "chat_cancelled", session: id }],
	});
	const reply = await fetch(`${world.cluster.url}/sessions/${id}/cancel`, {
		method: "POST",
		signal: AbortSignal.timeout(ANSWERED_MS),
	}).then(
		async (got) => ({ status: got.status, text: await got.text() }),
		() => ({ status: 0, text: "" }),
	);
	const { code = "" } =
		reply.status >= 400 ? ((JSON.parse(reply.text) as { error: { code?: string } }).error ?? {}) : {};
	const nowMs = performance.now();
	const failed = {
		sessionId: id,
		method: "POST",
		worker,
		startMs: injected.atMs,
		endMs: nowMs,
		status: reply.status,
		code,
	};
	// It may be gone by now, or not have begun.
	if (reply.status !== 200 && reply.status !== 404 && world.explains(failed) === undefined)
		world.finding(`cancel of ${id} was answered ${reply.status} ${code}`);
	await world.end(injected);
};

/** Its agent learns of it by the next answer. */
const remove: Injection = async (world, chance) => {
	const session = pickSession(world, chance);
	if (session === null || session.ledger.acks.length === 0 || session.deleting) return;
	const injected = world.begin("DELETE", { detail: session.ledger.id });
	await session.delete();
	await world.end(injected);
};

function pickSession({ playing }: SoakWorld, chance: Chance) {
	const sessions = [...playing].filter(({ deleting }) => !deleting);
	return sessions.length === 0 ? null : chance.pick(sessions);
}

export const ON_SESSIONS: readonly Injection[] = [cancel, cancel, cancel, remove];
