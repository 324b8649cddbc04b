// Options of the help section Sessions: histories, lifetimes, what becomes of samples.
import { choice, integer, path } from "../option-types.js";

const SESSIONS = "Sessions";

/** Longest lifetime: timers of the platform end at 2^31-1 ms. */
const MAX_LIFETIME_S = 2_147_483;

export const SESSION_OPTIONS = {
	mode: choice({
		group: SESSIONS,
		description:
			"linear: one line of turns, the newest may be retried; tree: requests branch, nothing is discarded",
		placeholder: "mode",
		choices: ["linear", "tree"],
		fallback: "linear",
	}),
	messageMatcher: choice({
		group: SESSIONS,
		reloadable: true,
		description:
			"when a message sent again counts as the stored one; echo: an answer in any spelling, other messages with the same text to the model",
		placeholder: "matcher",
		choices: ["echo", "strict", "loose_tool_call", "role_content_only"],
		fallback: "echo",
	}),
	onAlteredAnswer: choice({
		group: SESSIONS,
		description:
			"linear mode, a request whose history is not the stored one: refuse it with a 400, or replace the newest turn",
		placeholder: "what",
		choices: ["refuse", "replace"],
		fallback: "refuse",
	}),
	sessionTtl: integer({
		group: SESSIONS,
		reloadable: true,
		description: "lifetime of a session that asks for none",
		unit: "s",
		min: 1,
		max: MAX_LIFETIME_S,
		fallback: null,
		defaultText: "86400, or --max-session-ttl if that is less",
	}),
	maxSessionTtl: integer({
		group: SESSIONS,
		reloadable: true,
		description: "longest lifetime a client may ask for",
		unit: "s",
		min: 1,
		max: MAX_LIFETIME_S,
		fallback: 86_400,
	}),
	sessionIdleTtl: integer({
		group: SESSIONS,
		reloadable: true,
		description: "a session unused for this long expires; 0 is off",
		unit: "s",
		min: 0,
		max: MAX_LIFETIME_S,
		fallback: 7200,
	}),
	tombstones: integer({
		group: SESSIONS,
		description: "deleted and expired ids each worker remembers, oldest out first",
		min: 1,
		max: 10_000_000,
		fallback: 10_000,
	}),
	samplePicker: path({
		group: SESSIONS,
		description: "ES module whose default export picks the leaves that become samples; tree mode",
		placeholder: "file",
		fallback: null,
		defaultText: "drop_retries",
	}),
	samplePostprocessor: path({
		group: SESSIONS,
		description: "ES module whose default export finishes the picked samples; tree mode",
		placeholder: "file",
		fallback: null,
		defaultText: "a shared turn trains once",
	}),
};
