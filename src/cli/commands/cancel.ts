// `rollpin cancel`: ends what a session is doing, and keeps the session. Exit code 0 also where nothing was running.
import { EXIT_OK } from "../../base/exit-codes.js";
import { readClient } from "../client-options.js";
import { plainCommand } from "../command.js";
import { clientSurroundings } from "../machine.js";
import { print } from "../output.js";
import { SESSION_ID, VERB_OPTIONS } from "../verb-options.js";

export const cancel = plainCommand({
	name: "cancel",
	summary: "end the running chats of a session, which stays",
	description: [
		"Ends the chat that a session is running, and those that wait for it: each gets 409 chat_cancelled, nothing of it is",
		"kept, and the engine is told to stop. The session stays, and its next chat goes on from its last turn.",
		"A chat that is being stored at that moment is kept and answered.",
		"Exit codes: 0 done (or nothing was running), 1 no such session, 2 bad usage or no cluster.",
		"Example: rollpin cancel 0f3c9a71d2e84b6c8a5f10b2c3d4e5f6",
	].join("\n"),
	argument: SESSION_ID,
	options: VERB_OPTIONS,
	async run(values, id) {
		const { ClusterClient } = await import("../../console/cluster-client.js");
		const { printableJson } = await import("../../console/printable.js");
		const client = new ClusterClient(readClient(values, clientSurroundings()));
		const { cancelled } = await client.ask<{ cancelled: number }>("POST", `/sessions/${id}/cancel`);
		const text =
			cancelled === 0 ? "nothing was running" : `${cancelled} chat${cancelled === 1 ? "" : "s"} ended`;
		await print(
			values.json ? `${printableJson({ session_id: id, cancelled })}\n` : `session ${id}: ${text}\n`,
		);
		return EXIT_OK;
	},
});
