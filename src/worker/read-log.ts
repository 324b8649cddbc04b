// Counts and logs what reads find. Never logs message text: only `--log-content` lets that into a log.
import type { ReadListener } from "../reads/read-context.js";
import type { Session } from "../session/life/session.js";
import type { Logger } from "../telemetry/logger.js";
import type { Metrics } from "../telemetry/metrics/metrics.js";
import type { Mismatch } from "../tito/mismatch.js";

export function readLog(metrics: Metrics<"worker">, logger: Logger): ReadListener {
	/** Sessions whose hard mismatch is in the log. */
	const logged = new WeakSet<Session>();
	const sent = metrics.replay_bytes_total.at("sent");
	return {
		payloadRead(bytes) {
			sent.value += bytes;
		},
		hardMismatch(session, turn, found) {
			metrics.mismatches_total.at(found[0].type).value++;
			if (logged.has(session)) return;
			logged.add(session);
			const { id } = session.meta;
			const mismatch = inShort(found[0]);
			logger.event(
				"hard_mismatch",
				{ session_id: id, turn, count: found.length, mismatch },
				`the stored ids of session ${id} are not what its messages render to: ${mismatch}; do not train on it before ` +
					"docs/tito.md (the mismatch report) explains it",
			);
		},
		reportFailed: (id, turn, error) =>
			logger.event(
				"mismatch_report_failed",
				{ session_id: id, turn, err: error },
				`the mismatch report of session ${id} could not be made: an error of Rollpin's own`,
			),
	};
}

/** Without message text; a special token is none. */
function inShort({ type, segment_index, expected_text, actual_text, detail }: Mismatch): string {
	if (type === "special_token_count") return `${type}: ${detail}`;
	const at = `${type} at segment ${segment_index}`;
	return type === "special_token_type" ? `${at}: expected ${expected_text}, got ${actual_text}` : at;
}
