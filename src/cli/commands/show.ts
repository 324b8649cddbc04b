// `rollpin show`: one session of a running cluster, turn by turn. Exit code 1 when its mismatch report has a fault.
import { EXIT_FAILED, EXIT_OK } from "../../base/exit-codes.js";
import type { SessionTurns } from "../../console/session-view.js";
import { readClient } from "../client-options.js";
import { plainCommand } from "../command.js";
import { clientSurroundings } from "../machine.js";
import { onOff } from "../option-types.js";
import { print } from "../output.js";
import { SESSION_ID, VERB_OPTIONS } from "../verb-options.js";

const HOW = "How";
/** Of lines that go to a file or a pipe. */
const COLUMNS = 110;

const OPTIONS = {
	tokens: onOff({
		group: HOW,
		description: "the text of the tokens in place of the messages: which were prompt, injected, sampled",
		fallback: false,
	}),
	full: onOff({ group: HOW, description: "nothing is shortened to the terminal's width", fallback: false }),
	...VERB_OPTIONS,
};

export const show = plainCommand({
	name: "show",
	summary: "show one session, turn by turn, down to its tokens",
	description: [
		"Shows each turn of a session: its messages, how many tokens were kept, trimmed, appended and sampled, what a retry",
		"replaced, and the mismatch report. With --tokens the recorded tokens themselves, decoded: prompt and injected ones came",
		"from messages, sampled ones from the model. On a terminal their kind is a colour (not with NO_COLOR), elsewhere a mark.",
		"Exit codes: 0 sound, 1 no such session, or a fault in its mismatch report, 2 bad usage or no cluster.",
		"Example: rollpin show 0f3c9a71d2e84b6c8a5f10b2c3d4e5f6 --tokens",
	].join("\n"),
	argument: SESSION_ID,
	options: OPTIONS,
	async run(values, id) {
		const { ClusterClient } = await import("../../console/cluster-client.js");
		const { printableJson } = await import("../../console/printable.js");
		const { isSound, sessionView } = await import("../../console/session-view.js");
		const client = new ClusterClient(readClient(values, clientSurroundings()));
		const path = `/sessions/${id}/turns${values.tokens ? "?tokens=true" : ""}`;
		const session = await client.ask<SessionTurns>("GET", path);
		const { stdout } = process;
		const view = {
			columns: stdout.columns ?? COLUMNS,
			full: values.full,
			colours: stdout.isTTY === true && stdout.hasColors(),
		};
		await print(`${values.json ? printableJson(session) : sessionView(session, view, Date.now() / 1000)}\n`);
		return isSound(session) ? EXIT_OK : EXIT_FAILED;
	},
});
