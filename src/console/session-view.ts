// `rollpin show`: one session as text, turn by turn. Pure; whatever the session holds is shown and never obeyed.
import { messageLines } from "./message-lines.js";
import { plural } from "./plural.js";
import { printable } from "./printable.js";
import type { SessionRow } from "./session-list.js";
import { stateText } from "./session-list.js";
import { spanText } from "./span-text.js";
import { fitted } from "./text-width.js";

/** GET /sessions/{id}/turns, as far as it is shown. */
export interface SessionTurns {
	session_id: string;
	turns: TurnView[];
	metadata: {
		history: {
			rollbacks: number;
			refused: number;
			branches: number;
			last: { kind: string; at: number; turn: number | null; path: string } | null;
		};
		tito_session_mismatch?: MismatchView[];
		tito_mismatch_error?: string;
	};
	session: Pick<
		SessionRow,
		"worker" | "turns" | "tokens" | "created_at" | "expires_at" | "in_flight" | "running"
	> & {
		mode: string;
		message_matcher: string;
		metadata: unknown;
	};
}

export interface TurnView {
	turn: number;
	parent: number | null;
	status: string;
	finish_reason: string | null;
	timestamp: number;
	request_timestamp: number;
	kept: number;
	trimmed: number;
	appended: number;
	sampled: number;
	stop_join: boolean;
	messages: unknown[];
	answer: unknown;
	spans?: SpanView[];
}

export interface SpanView {
	kind: string;
	text: string;
	ids: number[];
}

interface MismatchView {
	type: string;
	segment_index: number;
	expected_text: string;
	actual_text: string;
	detail: string;
}

export interface ViewOptions {
	columns: number;
	/** Nothing is shortened. */
	full: boolean;
	/** By colour instead of by mark. */
	colours: boolean;
}

/** Lines of a run of tokens that are shown at its beginning, and at its end, where it is shortened. */
const SPAN_LINES = 4;

/**
 * The whole view.
 * @param now float Unix seconds
 */
export function sessionView(session: SessionTurns, options: ViewOptions, now: number): string {
	const blocks = session.turns.map((turn, at) => turnLines(turn, session.turns[at - 1], options));
	return [
		...headLines(session, options, now),
		...blocks.flatMap((lines) => ["", ...lines]),
		...mismatchLines(session, options),
	].join("\n");
}

/** Whether nothing is wrong with what was recorded: an assistant's own spelling is no fault. */
export function isSound({ metadata, turns }: SessionTurns): boolean {
	if (turns.length === 0) return true;
	const { tito_session_mismatch: found } = metadata;
	return (
		found?.every(({ type }) => type === "assistant_text") ??
		turns.every(({ status }) => status === "provisional")
	);
}

function headLines(
	{ session_id, session, metadata }: SessionTurns,
	options: ViewOptions,
	now: number,
): string[] {
	const { history } = metadata;
	const facts = [
		`worker ${session.worker}`,
		printable(session.mode),
		`matcher ${printable(session.message_matcher)}`,
		`${spanText(now - session.created_at)} old`,
		`ends in ${spanText(session.expires_at - now)}`,
	];
	const counts = `${plural(session.turns, "turn")}, ${plural(session.tokens, "token")}`;
	const lines = [`session ${printable(session_id)}: ${stateText(session)}, ${counts}`, facts.join(", ")];
	if (session.metadata !== null)
		lines.push(shown(`metadata ${printable(JSON.stringify(session.metadata))}`, options));
	const { last } = history;
	if (last !== null) {
		const at = `${printable(last.kind)} of turn ${last.turn ?? "-"} at ${printable(last.path)}, ${spanText(now - last.at)} ago`;
		lines.push(
			`${plural(history.rollbacks, "rollback")}, ${history.refused} refused, ${plural(history.branches, "branch", "branches")}; last: ${at}`,
		);
	}
	return lines;
}

function turnLines(turn: TurnView, before: TurnView | undefined, options: ViewOptions): string[] {
	const lines = [titleOf(turn, before)];
	if (turn.spans !== undefined) return [...lines, ...turn.spans.flatMap((span) => spanLines(span, options))];
	const messages = [...turn.messages, turn.answer].flatMap(messageLines);
	for (const { label, text } of messages) {
		const indent = `  ${printable(label).padEnd(10)} `;
		if (!options.full) {
			lines.push(shown(`${indent}${printable(text)}`, options));
			continue;
		}
		for (const [at, line] of text.split("\n").entries())
			lines.push(`${at === 0 ? indent : " ".repeat(indent.length)}${printable(line)}`);
	}
	return lines;
}

function titleOf(turn: TurnView, before: TurnView | undefined): string {
	const status =
		turn.status === "committed"
			? ""
			: turn.status === "superseded"
				? ", SUPERSEDED by a retry"
				: `, ${printable(turn.status).toUpperCase()}`;
	const parent =
		turn.parent === (before?.turn ?? null)
			? ""
			: turn.parent === null
				? ", a beginning"
				: `, after turn ${turn.parent}`;
	const counts = [
		`kept ${turn.kept}`,
		...(turn.trimmed > 0 ? [`trimmed ${turn.trimmed}`] : []),
		`appended ${turn.appended}`,
		`sampled ${turn.sampled}`,
		...(turn.stop_join ? ["closed the answer before it"] : []),
	].join(", ");
	const took = (turn.timestamp - turn.request_timestamp).toFixed(1);
	return `turn ${turn.turn}${status}${parent}: ${printable(turn.finish_reason ?? "no finish reason")}, ${took} s; ${counts}`;
}

const COLOUR: Readonly<Record<string, string>> = {
	prompt: "\x1b[2m",
	injected: "\x1b[36m",
	sampled: "\x1b[32m",
	trimmed: "\x1b[31m",
};
const PLAIN = "\x1b[0m";

/** Each line begins with its kind, or has that kind's colour. A line ends where the text has a line feed, which is shown. */
function spanLines({ kind, text, ids }: SpanView, options: ViewOptions): string[] {
	const { colours, full } = options;
	const pieces = text.split("\n").map((line, at, all) => printable(at < all.length - 1 ? `${line}\n` : line));
	if (pieces.at(-1) === "") pieces.pop();
	const left = pieces.length - 2 * SPAN_LINES;
	const lines =
		full || left <= 1
			? pieces
			: [...pieces.slice(0, SPAN_LINES), `… ${left} more lines (--full) …`, ...pieces.slice(-SPAN_LINES)];
	const mark = printable(kind);
	const named = [
		`  ${mark} ${ids.length}`,
		...lines.map((line) => `  ${colours ? "" : `${mark.padEnd(8)}| `}${line}`),
	];
	return named.map((line) => {
		const whole = full ? line : fitted(line, options.columns);
		return colours ? `${COLOUR[kind] ?? ""}${whole}${PLAIN}` : whole;
	});
}

function mismatchLines({ metadata, turns }: SessionTurns, options: ViewOptions): string[] {
	const { tito_session_mismatch: found, tito_mismatch_error: error } = metadata;
	if (turns.length === 0) return ["", "no turn yet"];
	if (error !== undefined) return ["", `PROBLEM no mismatch report: ${printable(error)}`];
	if (found === undefined) return [];
	if (found.length === 0) return ["", "mismatch report: empty; a render of the whole gives the same tokens"];
	const boundary = found.some(({ type }) => type.startsWith("special_token"));
	const cut = turns.some(({ finish_reason }) => finish_reason === "length");
	return [
		"",
		...(boundary && cut
			? [
					"an answer was cut by length: its end token is missing, so boundary tokens differ, whatever the family",
				]
			: []),
		...found.flatMap(({ type, segment_index, expected_text, actual_text, detail }) => [
			type === "assistant_text"
				? `mismatch ${type} in segment ${segment_index}: the model's own spelling; kept as sampled, no fault`
				: `PROBLEM mismatch ${printable(type)} in segment ${segment_index}${detail === "" ? "" : `: ${printable(detail)}`}`,
			shown(`  rendered: ${printable(expected_text)}`, options),
			shown(`  recorded: ${printable(actual_text)}`, options),
		]),
	];
}

function shown(line: string, { columns, full }: ViewOptions): string {
	return full ? line : fitted(line, columns);
}
