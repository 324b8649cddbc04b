// What the commands about a running cluster share: its address, --json, a session's id as an argument. Pure.
import { isSessionId } from "../base/partitions.js";
import { CLIENT_OPTIONS } from "./client-options.js";
import type { Argument } from "./command.js";
import { onOff } from "./option-types.js";

export const VERB_OPTIONS = {
	...CLIENT_OPTIONS,
	json: onOff({ group: "Output", description: "one JSON object instead of text", fallback: false }),
};

export const SESSION_ID: Argument = {
	name: "id",
	rule: "a session id: 1 to 128 characters of A-Z a-z 0-9 . _ -, the first no dot",
	check: isSessionId,
};
