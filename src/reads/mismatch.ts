// The mismatch report of one path: its stored ids against a canonical render. Computed on reads only, never for a chat.
import { RollpinError } from "../base/errors.js";
import type { TurnId } from "../base/ids.js";
import { background } from "../base/pace.js";
import { parseJson } from "../json/parse.js";
import type { JsonObject, JsonValue } from "../json/value.js";
import type { Session } from "../session/life/session.js";
import { type PathState, storedValue } from "../session/path/path-state.js";
import { chosenTools } from "../session/turn/template-input.js";
import type { TurnHeader } from "../store/store.js";
import { TurnGone } from "../store/store-errors.js";
import { findMismatches, type Mismatch } from "../tito/mismatch.js";
import type { PromptInput, TemplateKwargs, Tito } from "../tito/tito.js";
import { decodeInSlices } from "./decode-in-slices.js";
import { KeptReports } from "./kept-reports.js";
import type { ReadContext } from "./read-context.js";

interface Report {
	turn: TurnId;
	json: string;
	hard: readonly Mismatch[];
}

/**
 * A session's last report, of the sessions whose reports were made last. A turn's path never changes, and a trainer that reads
 * records and then samples would pay twice for rendering and encoding the whole conversation.
 */
const reports = new KeptReports<Session, Report>(({ json }) => 2 * json.length + 100);

/**
 * Members for a `metadata` object, JSON text of an object: `tito_session_mismatch`, or `tito_mismatch_error` when
 * the comparison cannot be made; neither without a turn. Throws TurnGone when the path is no longer stored.
 */
export async function mismatchJson(
	context: ReadContext,
	session: Session,
	turn: TurnId | null,
): Promise<string> {
	if (turn === null) return "{}";
	try {
		const { json, hard } = await report(context, session, turn);
		const [first, ...others] = hard;
		if (first !== undefined) context.listener.hardMismatch(session, turn, [first, ...others]);
		return json;
	} catch (error) {
		if (error instanceof TurnGone) throw error;
		// A read is worth more than its report: the trainer takes a missing report for a failure anyway.
		return JSON.stringify({ tito_mismatch_error: reasonOf(error, context, session, turn) });
	}
}

/** For the reply. An error of this program's own goes to the listener: its text may tell too much. */
function reasonOf(error: unknown, { listener }: ReadContext, session: Session, turn: TurnId): string {
	if (error instanceof RollpinError && error.code !== "internal") return error.message;
	listener.reportFailed(session.meta.id, turn, error);
	return "internal error during the comparison; the log has it";
}

async function report({ store, tito }: ReadContext, session: Session, turn: TurnId): Promise<Report> {
	const kept = reports.get(session);
	if (kept?.turn === turn) return kept;
	const state = await session.stateAt(turn);
	const request = parseJson(await store.part(session.meta.id, turn, "request"), { maxDepth: 1024 });
	const header = (await session.headers()).get(turn);
	const first = state.checkpoints[0]?.turn ?? turn;
	const opened =
		first === turn
			? request
			: parseJson(await store.part(session.meta.id, first, "request"), { maxDepth: 1024 });
	const found = await compare(
		tito,
		state,
		toolsOf(request, opened),
		kwargsOf(header, tito),
		header?.finishReason,
	);
	const made = {
		turn,
		json: JSON.stringify({ tito_session_mismatch: found }),
		hard: found.filter(({ type }) => type !== "assistant_text"),
	};
	reports.set(session, made);
	return made;
}

/** The newest request's tools, chosen from as the first one did: what was rendered then is what the tokens have. */
function toolsOf(newest: JsonValue, first: JsonValue): PromptInput["tools"] {
	const tools = newest instanceof Map ? newest.get("tools") : undefined;
	if (!Array.isArray(tools)) return undefined;
	try {
		return chosenTools(tools, first instanceof Map ? first.get("tool_choice") : undefined);
	} catch (error) {
		if (error instanceof RollpinError) return tools;
		throw error;
	}
}

/** Those of the path, which are its first turn's; the launch's for a turn of an older version, which does not say. */
function kwargsOf(header: TurnHeader | undefined, tito: Tito): TemplateKwargs {
	const text = header?.templateKwargs;
	const kept = text === undefined ? undefined : parseJson(text);
	return kept instanceof Map ? kept : tito.effectiveKwargs(undefined);
}

async function compare(
	tito: Tito,
	state: PathState,
	tools: PromptInput["tools"],
	kwargs: TemplateKwargs,
	finishReason: string | null | undefined,
): Promise<Mismatch[]> {
	const messages: JsonObject[] = [];
	for (const message of state.messages) {
		if (background.isOver) await background.breathe();
		messages.push(storedValue(message));
	}
	if (background.isOver) await background.breathe();
	const expected = await tito.encodeConversation({ messages, tools, kwargs });
	// A stop string's end is closed by the next turn; without one it is as good as closed.
	const join = tito.joinBoundary(state.tokens.last, finishReason);
	const closed = join.closes === true ? joined(state.tokens.ids(), join.insert) : state.tokens.ids();
	if (background.isOver) await background.breathe();
	return findMismatches(expected, closed, tito.segmentation, (lists) => decodeInSlices(tito, lists));
}

function joined(ids: Int32Array, more: readonly number[]): Int32Array {
	const all = new Int32Array(ids.length + more.length);
	all.set(ids);
	all.set(more, ids.length);
	return all;
}
